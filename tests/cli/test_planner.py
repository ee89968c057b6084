"""Who makes a plan of a sentence: options, reports, and no silent fallback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.plan.scripted import Scripted, completion, scripted
from tsattn.cli.app import app
from tsattn.errors import ChatError, PlanError, PlanWarning

PROMPT = "A cat jumps, then sleeps"
ANSWER = {
    "subjects": [
        {"words": "cat", "occurrence": 1, "events": [{"words": "jumps", "occurrence": 1, "start": 0, "end": 100}]}
    ]
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scripted]:
    for name in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    with scripted(monkeypatch) as made:
        yield made


def show(*options: str):
    return CliRunner().invoke(app, ["plan", "show", PROMPT, "--json", *options])


def ask(server: Scripted, *options: str):
    return show("--planner", "llm", "--base-url", server.address, "--llm-model", "m", *options)


def events(result) -> list[str]:
    return [event["text"] for subject in json.loads(result.stdout)["subjects"] for event in subject["events"]]


def test_the_model_plans_and_its_time_is_told(server: Scripted) -> None:
    server.script = [completion(json.dumps(ANSWER))]
    first, second, again = ask(server), ask(server), ask(server, "--ask-again")
    assert events(first) == events(second) == events(again) == ["jumps"]
    assert first.stderr.startswith("plan by m in ") and "kept" not in first.stderr
    assert second.stderr.rstrip().endswith("s, kept from earlier")
    assert len(server.asked) == 2


def test_a_failure_is_an_error_unless_a_fallback_was_chosen(server: Scripted) -> None:
    server.script = [(404, {}, {})]
    failed = ask(server)
    assert isinstance(failed.exception, ChatError)
    with pytest.warns(PlanWarning, match=r"s without a plan by m, the offline parser makes it: \S+ knows no model 'm'"):
        result = ask(server, "--fallback", "offline")
    assert events(result) == ["jumps", "sleeps"]


def test_a_bad_prompt_is_no_failure_of_the_model(server: Scripted) -> None:
    options = ["--planner", "llm", "--base-url", server.address, "--llm-model", "m", "--fallback", "offline"]
    result = CliRunner().invoke(app, ["plan", "show", " ", *options])
    assert isinstance(result.exception, PlanError)
    assert not server.asked


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--planner", "llm"], "needs --llm-model"),
        (["--llm-model", "m"], "--llm-model is for a language model; add --planner llm"),
        (["--fallback", "offline"], "--fallback is for a language model"),
        (["--ask-again"], "--ask-again is for a language model"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], reason: str) -> None:
    result = show(*options)
    assert isinstance(result.exception, PlanError)
    assert reason in str(result.exception)


def test_the_offline_parser_is_the_default() -> None:
    assert events(show()) == events(show("--planner", "offline")) == ["jumps", "sleeps"]
