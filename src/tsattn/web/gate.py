"""What every request passes before anything else sees it: password, origin, size, and the cookie that tells browsers apart."""

from __future__ import annotations

import base64
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "tsattn"
LARGEST_BODY = 64 * 2**20
"""Bytes of a request at the most; a run's mp4 is far smaller."""
HEADERS = {
    # nothing is loaded from, or sent to, any other place; Gradio compiles its templates in the browser, hence unsafe-eval
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
CLOSED = ("/gradio_api/upload", "/gradio_api/proxy=", "/gradio_api/stream")
"""What Gradio offers and this page does not use."""


class Gate:
    """Middleware around the whole application; `auth` is a name and a password, or None for none."""

    def __init__(self, app: ASGIApp, *, auth: tuple[str, str] | None = None) -> None:
        self._app = app
        self._expected = None if auth is None else b"Basic " + base64.b64encode(":".join(auth).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not pass, hand on the others."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        owner = browser(headers)
        fresh = owner is None
        if owner is None:
            owner = secrets.token_urlsafe(16)
        scope = {**scope, "state": {**scope.get("state", {}), "browser": owner}}

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there]
                if fresh:
                    cookie = f"{COOKIE}={owner}; Path=/; HttpOnly; SameSite=Strict"
                    more.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, _limited(receive), sent)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        given = headers.get(b"authorization", b"")
        if self._expected is not None and not secrets.compare_digest(given, self._expected):
            return 401, "this page needs a name and a password"
        origin = headers.get(b"origin")
        if origin is not None and origin.split(b"://")[-1] != headers.get(b"host"):
            return 403, "another site's page may not do this"
        if headers.get(b"content-length", b"0").isdigit() and int(headers.get(b"content-length", b"0")) > LARGEST_BODY:
            return 413, f"this is larger than {LARGEST_BODY // 2**20} MB"
        if scope["path"].startswith(CLOSED):
            return 404, "there is nothing here"
        return None


def browser(headers: dict[bytes, bytes]) -> str | None:
    """The browser that a request's cookie names, None where it has none."""
    try:
        cookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie is not None and re.fullmatch(r"[\w-]{22}", cookie.value) else None


def _limited(receive: Receive) -> Receive:
    """A body that turns out to be too large ends as if the browser had gone."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= LARGEST_BODY else {"type": "http.disconnect"}

    return limited


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="tsattn", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
