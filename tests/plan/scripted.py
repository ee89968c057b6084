"""A local server that speaks the protocol of chat completions, with replies from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


def completion(content: str | None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": more.pop("refusal", None)}
    choice = {"index": 0, "message": message, "finish_reason": more.pop("finish_reason", "stop")}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], **more}


class Scripted(ThreadingHTTPServer):
    """Replies in turn with what `script` holds, the last one for ever, and remembers what it was asked.

    A reply is a body, or a status, body and headers; a number is a wait in seconds before the next. A function gets the
    request and gives the reply.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.keys: list[str] = []
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that no longer waits is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        asked = json.loads(self.rfile.read(length))
        self.server.asked.append(asked)
        self.server.times.append(time.monotonic())
        self.server.keys.append(self.headers["authorization"])
        reply = self._next()
        if isinstance(reply, float):
            self.server.closing.wait(reply)
            reply = self._next()
        if callable(reply):
            reply = reply(asked)
        status, body, headers = reply if isinstance(reply, tuple) else (200, reply, {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status if self.path == "/v1/chat/completions" else 404)
        for name, value in {"content-type": "application/json", "content-length": len(content), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def _next(self) -> Any:
        return self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A server that runs, reached without a proxy; only `TSATTN_API_KEY` may hold a key."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Scripted() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.closing.set()
        made.shutdown()
        thread.join()
