"""Password, origin, size and cookie of every request."""

import asyncio
import base64
import re

import pytest

from tsattn.web.gate import LARGEST_BODY, Gate, browser


async def application(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message.get("more_body", False)
    owner = scope["state"]["browser"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": owner + b" %d" % len(body)})


def ask(headers=(), *, path="/", parts=(b"",), method="GET", auth=None):
    """Status, headers and body of the answer; None where there was none."""
    sent, queue = [], [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    queue[-1]["more_body"] = False

    async def receive():
        return queue.pop(0)

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    asyncio.run(Gate(application, auth=auth)(scope, receive, send))
    if not sent:
        return None
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def basic(text):
    return [("authorization", "Basic " + base64.b64encode(text.encode()).decode())]


def test_without_a_password_anyone_may_come():
    status, headers, _ = ask()
    assert status == 200
    assert "default-src 'self'" in headers[b"content-security-policy"].decode()


@pytest.mark.parametrize("headers", [[], basic("me:wrong"), basic("me"), [("authorization", "Bearer x")]])
def test_with_a_password_only_who_knows_it(headers):
    status, answer, body = ask(headers, auth=("me", "sécret:with colon"))
    assert (status, b"www-authenticate" in answer, body) == (401, True, b"this page needs a name and a password")
    assert ask(basic("me:sécret:with colon"), auth=("me", "sécret:with colon"))[0] == 200


def test_each_browser_gets_a_cookie_once():
    _, headers, body = ask()
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    value = re.match(r"tsattn=([\w-]{22});", cookie)[1]
    assert body.startswith(value.encode())
    _, again, body = ask([("cookie", f"other=1; tsattn={value}")])
    assert b"set-cookie" not in again and body.startswith(value.encode())


@pytest.mark.parametrize("cookie", ["", "tsattn=", "tsattn=../../etc", "tsattn=" + "x" * 500, "\x00=;;;", "tsattn"])
def test_forged_cookies_name_nobody(cookie):
    assert browser({b"cookie": cookie.encode()}) is None


def test_pages_of_other_sites_may_not_ask():
    host = [("host", "127.0.0.1:7860")]
    assert ask([*host, ("origin", "http://127.0.0.1:7860")], method="POST")[0] == 200
    assert ask([*host, ("origin", "http://evil.example")], method="POST")[0] == 403
    assert ask([*host, ("origin", "null")], method="POST")[0] == 403


def test_large_bodies_are_refused_whether_announced_or_not():
    assert ask([("content-length", str(LARGEST_BODY + 1))], method="POST")[0] == 413
    part = b"x" * (LARGEST_BODY // 4)
    assert ask(parts=[part] * 4, method="POST")[0] == 200
    assert ask(parts=[part] * 5, method="POST") is None


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/proxy=http://x"])
def test_what_the_page_does_not_use_is_closed(path):
    assert ask(path=path, method="POST")[0] == 404
