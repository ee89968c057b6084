"""Talking to a server: what is sent, and every way in which it can fail."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plan.scripted import Scripted, completion, scripted
from tsattn.errors import ChatError, RefusalError, RequestError
from tsattn.plan.chat import FILTERED, Chat, Endpoint, Said

KEY = "sk-secret-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    with scripted(monkeypatch) as made:
        yield made


def say(server: Scripted, *messages: str, **options: Any) -> list[Said]:
    endpoint = {"model": "m", "base_url": server.address, "timeout": 20.0, "retries": 0, **options}
    with Chat(Endpoint(**endpoint), {"type": "object"}) as chat:
        return [chat.say(message) for message in messages or ("hello",)]


def test_a_conversation_remembers_what_was_said(server: Scripted) -> None:
    server.script = [completion("one"), completion("two" * 9999, finish_reason="length"), completion(None)]
    assert say(server, "a", "b", "c") == [Said("one", False), Said("two" * 9999, True), Said("", False)]
    roles = [[message["role"] for message in asked["messages"]] for asked in server.asked]
    assert roles == [["user"], ["user", "assistant", "user"], ["user", "assistant"] * 2 + ["user"]]
    assert server.asked[2]["messages"][1]["content"] == "one"
    assert len(server.asked[2]["messages"][3]["content"]) == 4000
    assert server.asked[0]["model"] == "m"
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_servers_that_know_no_schemas_are_asked_without(server: Scripted) -> None:
    server.script = [(400, {"error": {"message": "response_format is not supported"}}, {}), completion("yes")]
    assert say(server, "a", "b") == [Said("yes", False)] * 2
    assert ["response_format" in asked for asked in server.asked] == [True, False, False]


def filtered(code: str, field: str = "code") -> tuple[int, dict[str, Any], dict[str, str]]:
    return 400, {"error": {"message": "not with us", field: code}}, {}


ERRORS = [
    (completion(None, refusal="I will not"), r"m refuses this prompt: 'I will not'", 1),
    (completion("", finish_reason="content_filter"), r"a content filter of \S+ keeps back what m says", 1),
    (filtered("content_filter"), r"a content filter of \S+ refuses this prompt \(400: 'not with us'\)", 1),
    (completion("", choices=[]), r"replied without an answer by m", 1),
    ({"error": "overloaded"}, r"""does not speak the protocol .* replied '{"error": "overloaded"}'""", 1),
    (b"{", r"does not speak the protocol", 1),
    ((200, b"<html>Welcome", {"content-type": "text/html"}), r"replied '<html>Welcome'; .* need /v1", 1),
    (completion("", choices=[{"message": "?"}]), r"does not speak the protocol", 1),
    (
        (401, {"error": {"message": f"bad key {KEY}"}}, {}),
        r"refuses the key \(401: 'bad key \*\*\*'\); set TSATTN_API_KEY",
        1,
    ),
    ((404, {"error": {"message": "no m here"}}, {}), r"knows no model 'm', .* \(404: 'no m here'\)", 1),
    ((400, {"detail": "pinned to another"}, {}), r"could not answer \(400: 'pinned to another'\)", 2),
    ((422, b"", {}), r"could not answer \(422: 'Unprocessable Entity'\)", 2),
    (
        (429, {"error": {"message": "slow down"}}, {}),
        r"no more requests for now in 2 attempts \(429: 'slow down'\); wait",
        2,
    ),
    ((500, b"<h1>Oops\n</h1>", {}), r"could not answer in 2 attempts \(500: '<h1>Oops </h1>'\)", 2),
    ((503, {"error": "x" * 999}, {}), r"\(503: 'x{60,160} \[\.\.\.\]'\)", 2),
]


@pytest.mark.parametrize(("reply", "reason", "asked"), ERRORS)
def test_every_failure_is_one_clear_line(server: Scripted, reply: Any, reason: str, asked: int) -> None:
    server.script = [reply]
    with pytest.raises(ChatError, match=reason) as failed:
        say(server, retries=1)
    assert "\n" not in str(failed.value)
    assert KEY not in "".join(traceback.format_exception(failed.value))
    assert len(server.asked) == asked


def test_the_wait_that_a_busy_server_names_is_kept(server: Scripted) -> None:
    server.script = [(429, {}, {"retry-after": "1.2"}), completion("yes")]
    assert say(server, retries=1) == [Said("yes", False)]
    first, second = server.times
    assert second - first >= 1.2


def test_a_late_answer_is_not_waited_for(server: Scripted) -> None:
    server.script = [30.0]
    began = time.monotonic()
    with pytest.raises(ChatError, match=r"did not answer within 0\.2 s in 2 attempts; allow more time"):
        say(server, timeout=0.2, retries=1)
    assert time.monotonic() - began < 10


def test_a_server_that_is_not_there_is_named(server: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ChatError, match=rf"cannot reach http://127\.0\.0\.1:{port}/v1, .*refused.*; check the address"):
        say(server, base_url=f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "is no address"),
        ("localhost:8000/v1", "is no address"),
        ("ftp://there/v1", "is no address"),
        ("http://there:99999/v1", "is no address"),
        (f"https://me:{KEY}@there/v1", "more than a place"),
        (f"https://there/v1?key={KEY}", "more than a place"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_asked(address: str, reason: str) -> None:
    with pytest.raises(ChatError, match=reason) as refused:
        Endpoint(model="m", base_url=address)
    assert KEY not in str(refused.value)


def test_the_key_comes_from_the_environment(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = [completion("yes")]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    say(server)
    monkeypatch.setenv("TSATTN_API_KEY", " ")
    say(server)
    monkeypatch.delenv("OPENAI_API_KEY")
    say(server)
    assert server.keys == [f"Bearer {KEY}", "Bearer sk-other", "Bearer none"]
    server.script = [(401, {}, {})]
    with pytest.raises(ChatError, match=r"wants a key \(401: 'Unauthorized'\); set TSATTN_API_KEY"):
        say(server)
    for bad in (f"{KEY}\nx", f"{KEY}é"):
        monkeypatch.setenv("TSATTN_API_KEY", bad)
        with pytest.raises(ChatError, match="signs that no key has") as refused:
            say(server)
        assert KEY not in str(refused.value)


@pytest.mark.parametrize("field", ["code", "type"])
@pytest.mark.parametrize("code", [*FILTERED, "invalid_request_error"])
def test_a_filter_is_known_by_its_code(server: Scripted, code: str, field: str) -> None:
    server.script = [filtered(code, field)]
    with pytest.raises(RefusalError if code in FILTERED else RequestError, match="400: 'not with us'"):
        say(server, "a")
