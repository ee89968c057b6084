"""Making what is missing: killed in the middle, in several processes, twice at once; and always the same outcomes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsattn.cli import app
from tsattn.errors import ModelError, OutputError
from tsattn.evaluate.shapes.matrix import Measured, run
from tsattn.evaluate.shapes.records import FILE, Records
from tsattn.evaluate.shapes.trials import Matrix, Trial
from tsattn.generate import SHAPES_SETTINGS
from tsattn.methods import METHODS
from tsattn.shapes import MODEL

COMMAND = [
    *("eval", "shapes", "--events", "2", "--n", "3", "--steps", "1", "--workers", "1", "--no-plots"),
    *("--method", "vanilla", "--method", "ts-attn", "--segments", "uniform", "--segments", "true", "-o"),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    """Those of the command: 12 trials of 9 videos."""
    methods = {name: METHODS[name] for name in ("vanilla", "ts-attn")}
    matrix = Matrix(methods=methods, events=(2,), segmentations=("uniform", "true"), n=3)
    return list(matrix.trials(replace(SHAPES_SETTINGS, steps=1)))


def lines(folder: Path) -> list[str]:
    path = folder / FILE
    return path.read_text().splitlines() if path.exists() else []


def timeless(measured: list[Measured]) -> list[object]:
    return [one.outcome._replace(seconds=0.0) for one in measured]


def test_a_killed_run_goes_on_and_several_processes_find_the_same(trials: list[Trial], tmp_path: Path) -> None:
    killed, told = tmp_path / "killed", []
    with subprocess.Popen(
        [sys.executable, "-m", "tsattn", *COMMAND, str(killed)], stderr=subprocess.DEVNULL
    ) as process:
        while not lines(killed):
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        with pytest.raises(OutputError, match="another run measures in"):
            Records(killed)
        os.kill(process.pid, signal.SIGKILL)
    before = lines(killed)
    assert len(before) < len(trials)
    with (killed / FILE).open("a") as file:
        file.write('{"key": "cut off')

    measured = run(trials, killed, watch=lambda done, wanted: told.append((done, wanted)))
    videos = len({json.loads(line)["prompt"] + json.loads(line)["method"] for line in before if "vanilla" in line})
    videos += sum("ts-attn" in line for line in before)
    assert told == [(done, 9) for done in range(videos, 10)], "what was there is not made again"
    after = lines(killed)
    assert after[: len(before)] == before, "nothing is lost"
    assert len({json.loads(line)["key"] for line in after}) == len(after) == len(trials), "or doubled"
    assert [one.trial for one in measured] == trials

    in_two = run(trials[:4], tmp_path / "two", workers=2)
    assert timeless(in_two) == timeless(measured[:4])
    assert len(lines(tmp_path / "two")) == 4

    again = CliRunner().invoke(app, [*COMMAND, str(killed)], catch_exceptions=False)
    assert lines(killed) == after, "a complete folder needs nothing"
    assert "written to" in again.stdout
    assert (killed / "shapes.md").read_text().count("| ts-attn |") == 2 * 3, "figures, places and gains"


def test_a_model_that_cannot_be_opened_is_named_by_workers_too(trials: list[Trial], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(MODEL, broken)
    weights = broken / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for workers in (1, 2):
        with pytest.raises(ModelError, match="broken"):
            run(trials, tmp_path / "out", model=str(broken), workers=workers)


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "videos"):
        folder.mkdir(exist_ok=True)
        (folder / ".any.png.0123abcd.part").write_bytes(b"half")
    run([], tmp_path)
    assert not list(tmp_path.rglob("*.part"))
