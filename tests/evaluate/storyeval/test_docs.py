"""The commands of docs/evaluate.md run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.evaluate.storyeval.making import KEY, item, make_video, prompts_file, sensible
from tests.plan.scripted import completion, scripted
from tsattn.cli.app import app
from tsattn.evaluate.storyeval.painter import Painter

PAGE = Path(__file__).parents[3] / "docs" / "evaluate.md"


def test_the_docs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    Path("prices.yaml").write_text(table)
    prompts_file(Path("all_prompts.json"), [item()])
    for number, model in enumerate(("wan", "wan-ts-attn")):
        make_video(Path("videos", model, item().name), seed=number)
    painter = Painter("p", {}, lambda state, seed: Image.new("RGB", (8, 8)))
    monkeypatch.setattr("tsattn.cli.first_frames.open_painter", lambda *given, **options: painter)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 5
    with scripted(monkeypatch) as server:
        server.script = [lambda asked: sensible(asked) if "seed" in asked else completion("A cat sits.")]
        for command in commands:
            name, *words = shlex.split(command)
            more = ["--base-url", server.address] if words[1] in ("judge", "build-i2v") else []
            done = CliRunner().invoke(app, [*words, *more, *(["--yes"] if words[1] == "judge" else [])])
            assert name == "tsattn" and done.exit_code == 0, (command, done.output, done.exception)
    assert Path("report", "report.html").is_file() and Path("i2v", "prompts.json").is_file()
