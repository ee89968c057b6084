"""`tsattn batch` as a person types it."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.batch.toys import Toy, job
from tsattn.batch import SerialEngine, finished, unfinished
from tsattn.batch.updates import Ended, Failed, Lost, Started
from tsattn.cli import app, main
from tsattn.cli.batching import Board

PROMPTS = ["A red circle moves right, then grows", "A blue square moves left, then grows"]
SECRET = "sk-do-not-tell-anybody"


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A spec of four videos, in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(json.dumps({"prompts": PROMPTS, "settings": {"steps": 1}}))
    return "mine.yaml"


@pytest.fixture
def toys(monkeypatch):
    """Workers that cost nothing."""
    monkeypatch.setattr("tsattn.cli.batching.SerialEngine", lambda threads: SerialEngine(worker=Toy))


def batch(*arguments, code=0):
    result = CliRunner().invoke(app, ["batch", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def refused(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["tsattn", "batch", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_run_makes_the_folder_of_the_specs_name_and_says_how_it_went(spec, toys):
    output = batch("run", spec)
    assert "[4/4] shapes ts-attn A_blue_square_moves_left_then_grows seed 0: 0.5 s" in output
    assert "4 of 4 videos are in mine" in output
    assert len(finished("mine")) == 4
    assert "[" not in batch("run", spec).replace("[1m", ""), "the second one makes nothing"


def test_a_plan_counts_what_is_there_and_what_is_not(spec, toys):
    before = json.loads(batch("plan", spec, "--json"))
    assert [(one["model"], one["method"], one["done"], one["total"]) for one in before] == [
        ("shapes", "vanilla", 0, 2), ("shapes", "ts-attn", 0, 2)
    ]  # fmt: skip
    assert not Path("mine").exists(), "planning writes nothing"
    batch("run", spec)
    after = json.loads(batch("plan", spec, "--json"))
    assert [(one["done"], one["seconds_per_video"]) for one in after] == [(2, 0.5), (2, 0.5)]
    assert "4/4" in batch("plan", spec)


def test_the_status_tells_failures_and_damage(spec, monkeypatch, toys):
    monkeypatch.setattr(Toy, "do", _failing_on("blue", Toy.do))
    output = batch("run", spec, code=1)
    assert "failed: shapes vanilla A_blue_square_moves_left_then_grows seed 0: no luck" in " ".join(output.split())
    status = json.loads(batch("status", "mine", "--json"))
    assert [error["error"] for error in status["failed"]] == ["no luck"] * 2
    assert (status["at_work"], status["setups"], status["damaged"]) == (False, 1, [])
    assert "2/4        0       2  0.5 s  0:00:01" in batch("plan", spec), (
        "what failed is tried again, two videos of half a second"
    )
    video = finished("mine")[0].video
    video.write_bytes(b"damaged")
    assert str(video) in "".join(batch("status", "mine", "--check", code=1).split())


def test_a_job_that_is_lost_or_ends_before_it_began_is_not_counted_as_running():
    board, one = Board(Console(file=io.StringIO()), Path("mine")), job("one")
    board.begin([one], [one])
    for update, running in (
        (Lost(one, "no"), 0),
        (Started(one, "a"), 1),
        (Lost(one, "no"), 0),
        (Ended(one, Failed("no")), 0),
    ):
        board.tell(update)
        assert board.sum("running") == running


def _failing_on(word, do):
    return lambda self, job, image: Failed("no luck") if word in job.plan.prompt else do(self, job, image)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "nowhere.yaml"], "cannot read nowhere.yaml: No such file or directory"),
        (["run", "mine.yaml", "--workers", "2"], "--workers is for many workers; add --engine ray"),
        (["run", "mine.yaml", "--address", "auto"], "--address is for many workers; add --engine ray"),
        (["run", "mine.yaml", "-o", "/dev/null/x"], "cannot write to /dev/null/x"),
        (["status", "."], "holds no batch: it has no manifest.sqlite"),
    ],
)
def test_what_cannot_be_is_one_line(spec, monkeypatch, capsys, arguments, expected):
    assert expected in refused(monkeypatch, capsys, *arguments)


def test_without_ray_it_says_what_to_install(spec, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'tsattn[ray]'" in refused(monkeypatch, capsys, "run", spec, "--engine", "ray")


def tsattn(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_TOKEN": SECRET, "TSATTN_API_KEY": SECRET}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([sys.executable, "-m", "tsattn", *arguments], env=environment, **pipes, **options)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_where_it_was(spec, tmp_path):
    """Killed while it starts, makes and writes; the last run ends by itself, and all is as by a run that nobody killed."""
    chance = random.Random(0)
    for _ in range(2):
        with tsattn("batch", "run", spec, "-o", "killed") as process:
            while not (tmp_path / "killed" / "manifest.sqlite").exists():
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 8))
            process.send_signal(signal.SIGKILL)
    kept = {one.key: one.video.stat().st_mtime_ns for one in finished("killed")}
    batch("run", spec, "-o", "killed")
    batch("run", spec, "-o", "whole")
    killed, whole = finished("killed"), finished("whole")
    assert len(killed) == 4
    assert [(one.key, one.verdict, one.video.read_bytes()) for one in killed] == [
        (one.key, one.verdict, one.video.read_bytes()) for one in whole
    ]
    assert kept.items() <= {one.key: one.video.stat().st_mtime_ns for one in killed}.items(), "nothing is made twice"
    assert {path.name for path in Path("killed").rglob("*") if path.is_file()} == {
        path.name for path in Path("whole").rglob("*") if path.is_file()
    }, "nothing is half-written"
    written = b"".join(path.read_bytes() for path in Path("whole").rglob("*") if path.is_file())
    assert SECRET.encode() not in written


@pytest.mark.slow
def test_ctrl_c_ends_it_with_a_word_on_how_to_go_on(spec):
    with tsattn("batch", "run", spec) as process:
        assert process.stdout.readline().startswith("[1/4]")
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 130
    assert "videos are in mine; start again to go on" in output
    assert "Traceback" not in output
    assert {one.state for one in unfinished("mine")} == {"pending"}
