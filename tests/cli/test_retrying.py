"""`tsattn generate --retry` as a person types it."""

import json
import sys

import pytest
from typer.testing import CliRunner

from tests.evaluate.storyeval.making import KEY, is_scoring, verdict
from tests.plan.scripted import completion, scripted
from tsattn.cli import app, generating, main
from tsattn.runs.retrying import make_with_retries

SENTENCE = "A red circle moves right, then grows"
SMALL = ["--steps", "2", "--num-frames", "9", "--no-compare", "--no-record"]


def generate(*arguments):
    return CliRunner().invoke(app, ["generate", SENTENCE, *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--retry", "-1"], "--retry must be 0 or more, but got -1"),
        (["--judge", "verifier"], "add --retry N"),
        (["--retry", "1", "--judge-url", "http://x"], "--judge-url is where a vision model is asked"),
        (["--retry", "1", "--judge", "local:x", "--judge-url", "http://x"], "--judge-url is where"),
        (["--retry", "1", "--model", "a/b"], "--retry needs --judge"),
        (["--retry", "1", "--model", "a/b", "--judge", "verifier"], "judges videos of the embedded models only"),
    ],
)
def test_options_that_cannot_be_are_one_line(arguments, expected, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["tsattn", "generate", SENTENCE, *arguments, "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert expected in line
    assert not (tmp_path / "out").exists()


def test_a_world_that_the_verifier_does_not_know_is_said_before_anything_is_made(monkeypatch, capsys, tmp_path):
    arguments = ["A cat jumps, then sleeps", "--retry", "1", "-o", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["tsattn", "generate", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert "the verifier does not know the world of 'A cat jumps, then sleeps'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_was_tried_is_shown_and_written(tmp_path):
    result = generate("--retry", 2, *SMALL, "-o", tmp_path)
    assert result.exit_code == 0
    told = json.loads((tmp_path / "run.json").read_text())
    (kept,) = (one for one in told["tried"] if one["kept"])
    assert told["settings"]["seed"] == kept["seed"]
    assert told["latent_frames"] == kept["latent_frames"]
    assert told["verdicts"]["controlled"]["in_segment"] == kept["done"]
    for words in ("as asked", "events done", "kept"):
        assert words in result.output


@pytest.mark.slow
def test_a_vision_model_may_judge(tmp_path, monkeypatch):
    """It says that the second event is missing until it sees the second seed's video."""
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    scored = []

    def answer(asked):
        if not is_scoring(asked):
            return completion("Something red.")
        scored.append(asked)
        return verdict(1, int(len(scored) > 6))

    with scripted(monkeypatch) as server:
        server.script = [answer]
        result = generate("--retry", 5, "--judge", "m", "--judge-url", server.address, *SMALL, "-o", tmp_path)
    assert result.exit_code == 0
    tried = json.loads((tmp_path / "run.json").read_text())["tried"]
    assert [one["done"] for one in tried] == [[True, False], [True, False], [True, True]]
    assert [one["what"] for one in tried] == ["as asked", "more time for 'grows'", "the next seed"]
    assert KEY not in (tmp_path / "run.json").read_text() + result.output


@pytest.mark.slow
def test_an_interrupt_writes_the_best_and_says_so(tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        return make_with_retries(*arguments, **options)._replace(interrupted=True)

    monkeypatch.setattr(generating, "make_with_retries", stopped)
    result = generate("--retry", 1, *SMALL, "-o", tmp_path)
    assert result.exit_code == 130
    assert "stopped; of what was tried by then, the best is kept" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact_sheet.png", "controlled.mp4", "run.json"]
