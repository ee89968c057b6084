"""`tsattn plan` as a person types it. `plan check` reads the embedded model's tokenizer, the rest no model."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from tests.plan.formats.conftest import EXAMPLES, PAGE
from tsattn.cli import app, main
from tsattn.plan import Plan, read, write

CHAIN = "[0:40%] A red circle moves right, [40%:] then grows"
YAML = """\
# my own words
prompt: A red circle moves right, then grows
subjects:
- text: red circle
  events:
  - {text: moves right, segment: 0%-40%}
  - {text: grows, segment: 1.5s-}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the program as the shell does: exit code, standard output, and standard error."""

    def typed(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tsattn", "plan", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            main()
        printed = capsys.readouterr()
        return exited.value.code or 0, printed.out, printed.err  # type: ignore[return-value]

    return typed


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Makes $EDITOR run Python on the text of the file, as `text`, and returns the file that keeps what it was given."""

    def set_editor(code: str) -> Path:
        script, given = tmp_path / "editor.py", tmp_path / "given"
        script.write_text(
            f"import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
            f"pathlib.Path({str(given)!r}).write_text(text)\n{code}\nfile.write_text(text)\n"
        )
        monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
        return given

    return set_editor


def test_show_prints_prompt_bar_and_table_within_80_columns() -> None:
    output = run("show", CHAIN, "--num-frames", 81, "--fps", 16).output
    assert "A red circle moves right, then grows" in output
    assert "81 frames at 16 fps" in output
    for row in (
        r"1 +moves right +0%-40% +0-\d+ +0-\d+ +0\.00-\d\.\d\d",
        r"2 +grows +40%- +\d+-\d+ +\d+-80 +\d\.\d\d-5\.06",
    ):
        assert re.search(row, output)
    bar = next(line for line in output.splitlines() if line.startswith("red circle"))
    assert re.fullmatch(r"red circle  1█+2█+", bar)
    assert 0.35 < bar.index("2") / len(bar) < 0.55
    assert all(len(line) <= 80 for line in output.splitlines())


def test_show_draws_gaps_overlaps_and_subjects_on_lines_of_their_own(tmp_path: Path) -> None:
    plan = {
        "prompt": "A cat runs and jumps while a dog barks",
        "subjects": [
            {"text": "cat", "events": [{"text": "runs", "segment": "0%-60%"}, {"text": "jumps", "segment": "40%-80%"}]},
            {"text": "dog", "events": [{"text": "barks", "segment": "50%-"}]},
        ],
    }
    (tmp_path / "plan").write_text(json.dumps(plan))
    lines = run("show", tmp_path / "plan", "--num-frames", 41).output.splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("cat"))
    assert re.fullmatch(r"cat +1█+·+", lines[at])
    assert re.fullmatch(r" +·+2█+·+", lines[at + 1])
    assert re.fullmatch(r"dog +·+3█+", lines[at + 2])


def test_the_commands_of_the_docs_run(typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISUAL", "true")
    (tmp_path / "plan.yaml").write_text(EXAMPLES["yaml"])
    commands = re.findall(r"^\$ tsattn plan (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    offline = [command for command in commands if "Wan-AI" not in command]
    assert len(offline) >= 4
    for command in offline:
        clip = [] if "--num-frames" in command else ["--num-frames", "81", "--fps", "16"]
        code, out, err = typed(*shlex.split(command), *clip)
        assert code == 0, err
        assert out


def test_signs_of_two_columns_are_aligned_and_control_signs_are_not_sent_to_the_terminal(tmp_path: Path) -> None:
    prompt = "一只猫\x1b[31m跳起来，\r狗叫"
    subjects = [
        {"text": "一只猫", "events": [{"text": "跳起来"}]},
        {"text": "狗", "events": [{"text": "叫"}]},
    ]
    (tmp_path / "plan").write_text(json.dumps({"prompt": prompt, "subjects": subjects}))
    output = run("show", tmp_path / "plan").output
    assert "\x1b" not in output
    assert "\r" not in output
    bars = [line for line in output.splitlines() if "█" in line]
    assert len({cell_len(line) for line in bars}) == 1


@pytest.mark.parametrize("frames", [1, 5, 25, 81, 161, 1001])
def test_any_length_of_clip_is_drawn_within_80_columns(frames: int) -> None:
    output = run("show", "[0%:] A red circle moves right", "--num-frames", frames).output
    assert f"{frames} frames" in output
    assert all(len(line) <= 80 for line in output.splitlines())


def test_show_json_is_the_plan_and_nothing_else(typed: Any) -> None:
    code, out, err = typed("show", "[0s:2s] A red circle moves right, [2s:9s] then grows", "--json")
    assert (code, err) == (0, "")
    assert read(out) == Plan.model_validate(json.loads(out))
    assert json.loads(out)["subjects"][0]["events"][0]["segment"] == {"start": 0.0, "end": 2.0, "unit": "seconds"}


def test_show_warns_loudly_and_once_of_what_the_clip_cuts(typed: Any) -> None:
    code, out, err = typed("show", "[0s:2s] A red circle moves right, [2s:9s] then grows")
    assert code == 0
    assert (
        err == "tsattn: warning: the segment of 'grows', 2s-9s goes beyond the clip's end at 3.125 s and is cut there\n"
    )
    assert "2.12-3.12" in out or "1.88-3.12" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "[0:40% A cat jumps"], "a bracket on one side only"),
        (["show", "[4s:5s] A cat jumps"], "starts at or after the clip's end at 3.125 s"),
        (["show", "[1s:1.01s] A cat jumps"], "the shortest possible is 0.25 s"),
        (["show", "nowhere.yaml"], "cannot read the plan nowhere.yaml"),
        (["show", CHAIN, "--num-frames", "0"], "frames must be above 0"),
        (["show", CHAIN, "--fps", "-1"], "fps must be above 0"),
        (["show", CHAIN, "--fps", "inf"], "fps must be at most 1,000"),
        (["show", CHAIN, "--fps", "1e-300"], "fps must be at least 0.01"),
        (["show", CHAIN, "--num-frames", "9" * 400], "frames must be at most 100,000"),
        (["show", CHAIN, "--model", "nowhere"], "unknown model 'nowhere'"),
        (["convert", CHAIN, "--to", "rely"], "unknown format 'rely'; did you mean 'relay'?"),
        (["convert", CHAIN, "--to", "relay"], "give the clip (--num-frames and --fps, or --model)"),
        (["convert", "", "--to", "yaml"], "the prompt is empty"),
        (["check", "[0:40% A cat jumps"], "a bracket on one side only"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_errors_are_one_line_and_exit_code_2(typed: Any, arguments: list[str], message: str) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("tsattn: ")
    assert len(err.splitlines()) == 1
    assert message in err


def test_a_plan_that_does_not_fit_is_not_written(typed: Any, tmp_path: Path) -> None:
    code, _, err = typed("show", CHAIN, "--num-frames", "1", "-o", str(tmp_path / "plan.yaml"))
    assert (code, "latent frame" in err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_segments_replace_those_of_the_plan() -> None:
    out = run("show", CHAIN, "--segments", "0s-1s,50%-", "--json").output
    assert [event["segment"]["unit"] for event in json.loads(out)["subjects"][0]["events"]] == ["seconds", "fraction"]


def test_convert_prints_or_writes_and_replaces_only_when_told(typed: Any, tmp_path: Path) -> None:
    assert typed("convert", CHAIN, "--to", "inline") == (
        0,
        "[0%:40%] A red circle moves right, [40%:] then grows\n",
        "",
    )
    target = tmp_path / "plan.json"
    assert typed("convert", CHAIN, "--to", "relay", "--num-frames", 81, "--fps", 16, "-o", target) == (0, "", "")
    assert json.loads(target.read_text())["time_intervals"] == [[0.0, 2.025], [2.025, 5.0625]]
    code, _, err = typed("convert", CHAIN, "--to", "yaml", "-o", target)
    assert code == 2
    assert "is already there" in err
    assert typed("convert", CHAIN, "--to", "yaml", "-o", target, "--overwrite")[0] == 0
    assert read(target.read_text()) == read(CHAIN)
    assert "cannot write to" in typed("convert", CHAIN, "--to", "yaml", "-o", tmp_path / "none" / "plan.yaml")[2]


def test_edit_opens_a_prompt_as_yaml_and_keeps_the_result(
    editor: Any, typed: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    given = editor("text = text.replace('0%-40%', '10f-20f')")
    code, out, err = typed("show", CHAIN, "--edit")
    assert code == 0
    assert given.read_text().startswith("# The words of subjects and events must stand in the prompt.")
    assert "{text: moves right, segment: 0%-40%}" in given.read_text()
    assert "10f-20f" in out
    assert err == "written to plan.yaml\n"
    assert str(Plan.load("plan.yaml").subjects[0].events[0].segment) == "10f-20f"
    assert "plan.yaml is already there" in typed("show", CHAIN, "--edit")[2]
    code, out, _ = typed("show", CHAIN, "--edit", "--json", "-o", "other.json")
    assert json.loads(out) == json.loads((tmp_path / "other.json").read_text())


def test_edit_changes_a_file_in_its_own_format_and_keeps_comments(editor: Any, typed: Any, tmp_path: Path) -> None:
    own, other = tmp_path / "plan.yaml", tmp_path / "scope.json"
    own.write_text(YAML)
    given = editor("text = text.replace('1.5s-', '2s-')")
    assert typed("show", own, "--edit")[0] == 0
    assert given.read_text() == YAML
    assert own.read_text() == YAML.replace("1.5s-", "2s-")
    other.write_text(json.dumps([{"startTime": 0, "endTime": 1, "text": "A red circle grows"}]))
    editor("text = text.replace('0s-1s', '0s-2s')")
    assert typed("show", other, "--edit")[0] == 0
    assert json.loads(other.read_text())["prompts"][0]["endTime"] == 2


@pytest.mark.parametrize("name", ["plan.yaml", "plan.json"])
def test_edit_opens_a_file_with_the_segments_asked_for(editor: Any, typed: Any, tmp_path: Path, name: str) -> None:
    own = tmp_path / name
    own.write_text(write(read(YAML), name.split(".")[1]))
    before = Plan.load(own)
    editor("pass")
    assert typed("show", own, "--segments", "0.3,0.7", "--edit")[0] == 0
    assert [str(event.segment) for event in Plan.load(own).subjects[0].events] == ["0%-30%", "30%-100%"]
    assert Plan.load(own) != before


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("text = 'prompt: ['", "neither JSON nor YAML"),
        ("text = text.replace('moves right,', 'moves left,', 1)", "'moves right' does not occur"),
        ("text = text.replace('1.5s-', '8s-9s')", "starts at or after the clip's end"),
        ("text = ''", "a plan is a mapping"),
    ],
)
def test_what_was_typed_is_never_lost(editor: Any, typed: Any, tmp_path: Path, code: str, reason: str) -> None:
    own = tmp_path / "plan.yaml"
    own.write_text(YAML)
    editor(code)
    exit_code, out, err = typed("show", own, "--edit")
    assert (exit_code, out) == (2, "")
    assert reason in err
    assert own.read_text() == YAML
    kept = Path(re.search(r"what you wrote is kept in (\S+)", err)[1])  # type: ignore[index]
    expected: dict[str, Any] = {"text": YAML}
    exec(code, expected)
    assert kept.read_text() == expected["text"]
    kept.unlink()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_same_text_is_offered_again(
    editor: Any, typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    own = tmp_path / "plan.yaml"
    own.write_text(YAML)
    given = editor("text = text.replace('0%-50%', '0%-45%').replace('0%-40%', '0%-50%, x: 1')")
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\nn\n"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, _, err = typed("show", own, "--edit")
    assert code == 2
    assert "subjects[0].events[0].x: unknown key 'x'" in err
    assert ("0%-50%, x: 1" in given.read_text()) == (answer == "y"), "opened again with what was typed"
    kept = Path(re.search(r"what you wrote is kept in (\S+)", err)[1])  # type: ignore[index]
    assert ("0%-45%, x: 1" if answer == "y" else "0%-50%, x: 1") in kept.read_text()
    kept.unlink()


def test_an_editor_that_is_not_there(typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", str(tmp_path / "no-editor"))
    code, _, err = typed("show", CHAIN, "--edit", "-o", tmp_path / "plan.yaml")
    assert code == 2
    assert "cannot open an editor" in err
    assert not (tmp_path / "plan.yaml").exists()


def test_help_is_light() -> None:
    code = (
        "import sys; sys.argv = ['tsattn', 'plan', '--help']\nfrom tsattn.cli import main\n"
        "try: main()\nfinally: assert not {'torch', 'diffusers', 'numpy', 'yaml', 'tsattn.plan'} & set(sys.modules)"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.perf_counter() - began < 5, "0.7 s on an idle machine; this bound only catches a heavy import"


@pytest.mark.slow
def test_check_shows_tokens_and_remarks_and_passes() -> None:
    result = run("check", "[0s:1s] A red circle moves right, [2s:9s] then grows")
    assert result.exit_code == 0
    for words in ("moves|right", "red|circle", "the plan fits"):
        assert words in result.output
    said = " ".join(result.output.split())
    assert "warning: the segment of 'grows', 2s-9s goes beyond the clip's end at 3.125 s and is cut there" in said
    assert "warning: nothing is due for 'red circle' in latent frames" in said


@pytest.mark.slow
def test_check_names_all_that_does_not_fit() -> None:
    result = run(
        "check", "[0s:1s] A red circle moves right, [1.5s:1.51s] then grows, [8s:9s] then shrinks" + " very" * 600
    )
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "error: the segment of 'grows', 1.5s-1.51s is shorter than one latent frame" in said
    assert "'shrinks very" in said
    assert "error: the prompt is longer than the 512 tokens" in said
    assert "the plan fits" not in said
