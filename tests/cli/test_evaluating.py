"""`tsattn eval shapes` and `sweep` as a person types them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tsattn.cli import app
from tsattn.cli.evaluating import _askable, _methods, watched
from tsattn.errors import EvaluationError, ModelError, PlanError, TsattnError
from tsattn.evaluate.shapes.records import FILE
from tsattn.evaluate.shapes.sweeps import QUESTIONS
from tsattn.generate import describe
from tsattn.methods import METHODS, PAPER, control_named

FEW = ["--n", "1", "--steps", "1", "--workers", "1"]


@pytest.fixture
def no_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input must be refused before any model runs."""

    def make(*args: object, **kwargs: object) -> None:
        raise AssertionError("the run began")

    monkeypatch.setattr("tsattn.evaluate.shapes.trials.make_video", make)
    monkeypatch.setattr("tsattn.evaluate.shapes.matrix.open_model", make)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["shapes", "--method", "magic"], PlanError, "unknown method 'magic'; there are vanilla, ts-attn"),
        (["shapes", "--segments", "even"], PlanError, "unknown segmentation 'even'; there are uniform, true"),
        (["shapes", "--events", "5"], EvaluationError, "events must be from 1 to 4, but got"),
        (
            ["shapes", "--method", "ts-attn", "--baseline", "vanilla"],
            PlanError,
            "--baseline 'vanilla' is none of the methods",
        ),
        (["shapes", "--method", "gentle:kap=1"], PlanError, "a control has no 'kap'"),
        (["shapes", "--final", "--seed", "1"], PlanError, "--final has prompts of its own"),
        (["shapes", "--page", "a/b"], PlanError, "--page is a name of letters, digits, - and _ .*, but got 'a/b'"),
        (
            ["sweep", "--start", "hard-mask", "--question", "r-max"],
            EvaluationError,
            "--question r-max cannot be asked of hard-mask: .*start from",
        ),
        (["sweep", "--page", "a/b"], PlanError, "--page is a name of letters, digits, - and _ .*, but got 'a/b'"),
        (["shapes", "--model", "shape"], ModelError, "unknown model 'shape': did you mean 'shapes'"),
        (["sweep", "--question", "magic"], EvaluationError, "unknown question 'magic'; there are steps-layers, r-max"),
        (["sweep", "--start", "gentle:strength"], PlanError, "expected a field as NAME=VALUE, such as strength=0.5"),
        (["sweep", "--start", "vanilla"], PlanError, "'vanilla' does not control a pass"),
    ],
)
def test_what_there_is_not_is_refused(
    words: list[str], error: type[TsattnError], message: str, tmp_path: Path, no_videos: None
) -> None:
    with pytest.raises(error, match=message):
        CliRunner().invoke(app, ["eval", *words, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_missing_matplotlib_is_told_before_hours_of_work(
    tmp_path: Path, no_videos: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EvaluationError, match=r"pip install 'tsattn\[plots\]', or leave them out with --no-plots"):
        CliRunner().invoke(app, ["eval", "shapes", "-o", str(tmp_path / "out")], catch_exceptions=False)


@pytest.mark.slow
def test_shapes_writes_its_tables_and_pictures(tmp_path: Path) -> None:
    command = [
        "eval",
        "shapes",
        *FEW,
        "--events",
        "1",
        "--method",
        "vanilla",
        "--method",
        "paper",
        "--baseline",
        "vanilla",
        "--baseline",
        "ts-attn",
        "--baseline",
        "paper",
        "-o",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "times vanilla" in " ".join(result.stdout.split())
    names = {path.name for path in tmp_path.iterdir()} - {".lock"}
    pictures = {"shapes-in_segment.svg", "shapes-tradeoff.svg", "shapes-sheet-1-events.png"}
    assert names == {"shapes.csv", "shapes.md", "outcomes.jsonl", "videos", *pictures}
    text = (tmp_path / "shapes.md").read_text()
    assert "1 event, uniform segments" in text
    assert text.count("Over vanilla:") == text.count("Over ts-attn:") == 1
    assert "Model `shapes` (" in text, "what was measured"
    assert all(f"]({name})" in text for name in pictures)
    assert len(list((tmp_path / "videos").iterdir())) == 2
    before = (tmp_path / "outcomes.jsonl").read_text()
    next((tmp_path / "videos").iterdir()).unlink()
    CliRunner().invoke(app, command, catch_exceptions=False)
    assert len(list((tmp_path / "videos").iterdir())) == 2, "a video that is missing is made again"
    assert (tmp_path / "outcomes.jsonl").read_text() == before, "and not measured twice"


def test_all_methods_are_those_that_the_model_can_be_run_with() -> None:
    facts = describe("shapes")
    assert list(_methods(facts, ["all"])) == list(METHODS)
    assert list(_methods(facts, ["gentle:strength=.1", "gentle:strength=0.1", "paper"])) == [
        "gentle:strength=0.1",
        PAPER,
    ]
    assert list(_methods(facts._replace(takes_image=True), ["all", "vanilla"])) == [
        name for name in METHODS if name != "windows"
    ]


@pytest.mark.slow
def test_a_sweep_shares_a_folder_with_shapes(tmp_path: Path) -> None:
    command = ["eval", "sweep", *FEW, "--question", "pads", "--page", "from-paper", "-o", str(tmp_path)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "times paper" in " ".join(result.stdout.split())
    assert {"from-paper.md", "from-paper.csv", "from-paper-pads.svg"} <= {path.name for path in tmp_path.iterdir()}
    assert "Model `shapes` (" in (tmp_path / "from-paper.md").read_text()
    before = (tmp_path / "outcomes.jsonl").read_text()
    assert before.count("\n") == 3
    shapes = ["eval", "shapes", *FEW, "--events", "3", "--method", "vanilla", "--no-plots", "-o", str(tmp_path)]
    CliRunner().invoke(app, shapes, catch_exceptions=False)
    assert (tmp_path / "outcomes.jsonl").read_text() == before


def test_questions_that_a_setting_cannot_be_asked_are_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    def asked(start: str) -> list[str]:
        return [name for name in QUESTIONS if _askable(name, start, control_named(start))]

    assert asked("gentle") == asked("ts-attn") == list(QUESTIONS)
    assert not capsys.readouterr().err
    assert asked("hard-mask") == ["steps-layers", "events", "segments", "guidance"]
    assert "left out: --question pads cannot be asked of hard-mask" in capsys.readouterr().err


def test_ctrl_c_says_what_is_kept_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, there in ((None, False), (tmp_path, False), (tmp_path, True)):
        if there:
            (tmp_path / FILE).touch()
        with pytest.raises(typer.Exit) as stopped, watched(folder):
            raise KeyboardInterrupt
        assert stopped.value.exit_code == 130
        told = " ".join(capsys.readouterr().err.split())
        assert "stopped" in told
        assert ("start again to go on" in told) is there
