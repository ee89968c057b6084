"""`tsattn inspect` and `tsattn rerun` as a person types them."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from typer.testing import CliRunner

from tsattn.cli import app, main

PROMPT = "A red circle moves right, then grows"

pytestmark = pytest.mark.slow


def tsattn(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    assert "tsattn inspect" in tsattn("generate", PROMPT, "--steps", 3, "--num-frames", 9, "-o", path)
    return path


@pytest.fixture
def refused(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tsattn", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    return run


def test_inspect_says_and_draws(folder, tmp_path):
    printed = " ".join(tsattn("inspect", folder).split())
    assert "event 1 'moves right'" in printed and "report.html" in printed
    assert "A red circle" in (folder / "inspect" / "report.html").read_text()
    tsattn("inspect", folder / "controlled.mp4", "-o", tmp_path / "there")
    assert {"attention.svg", "region.mp4"} <= {path.name for path in (tmp_path / "there").iterdir()}


def test_rerun_makes_the_same_video_and_says_so(folder, tmp_path):
    output = tsattn("rerun", folder / "controlled.mp4", "-o", tmp_path / "again", "--no-record")
    assert "controlled is the same, bit for bit" in output
    made = (tmp_path / "again" / "controlled.mp4").read_bytes()
    assert made == (folder / "controlled.mp4").read_bytes()
    assert not list((tmp_path / "again").glob("*.record.*"))


def test_rerun_warns_of_other_versions_and_of_other_results(folder, tmp_path):
    facts = json.loads((folder / "run.json").read_text())
    facts["versions"]["diffusers"], facts["sha256"] = "0.1", {"baseline": "0"}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    result = CliRunner().invoke(app, ["rerun", str(tmp_path), "-o", str(tmp_path / "again")])
    assert result.exit_code == 0
    assert "warning: diffusers was 0.1 and is" in result.stderr
    assert "baseline differs from what it was" in result.output


def test_bad_input_is_refused_in_one_line(refused, folder, tmp_path):
    assert "cannot read" in refused("rerun", tmp_path / "none.mp4", "-o", tmp_path / "out")
    assert "already holds" in refused("rerun", folder, "-o", folder)
    assert "cannot read" in refused("inspect", tmp_path)
    shutil.copytree(folder, tmp_path / "bare")
    for path in (tmp_path / "bare").glob("*.record.*"):
        path.unlink()
    assert "holds no recording" in refused("inspect", tmp_path / "bare")
    tsattn("generate", PROMPT, "--steps", 1, "--num-frames", 9, "--method", "kv-switch", "-o", tmp_path / "switched")
    assert "each segment has a prompt of its own" in refused("inspect", tmp_path / "switched")
    (tmp_path / "file").touch()
    assert "choose another folder" in refused("inspect", folder, "-o", tmp_path / "file" / "x")
