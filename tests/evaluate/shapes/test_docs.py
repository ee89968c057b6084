"""docs/effect.md says what the commands do: they take the options shown there, and every gate and column is explained."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsattn.cli.app import app
from tsattn.evaluate.shapes.cases import SEGMENTATIONS
from tsattn.evaluate.shapes.figures import FIGURES
from tsattn.evaluate.shapes.gates import GATES
from tsattn.evaluate.shapes.sweeps import QUESTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "effect.md").read_text(encoding="utf-8")


def test_the_commands_are_as_they_stand_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for module, name in (("evaluating", "run_shapes"), ("gating", "run_gates"), ("evaluating", "run_sweep")):
        monkeypatch.setattr(f"tsattn.cli.{module}.{name}", lambda *given, name=name, **options: asked.append(name))
    commands = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    for command in commands:
        name, *words = shlex.split(command)
        assert name == "tsattn"
        assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0, command
    assert asked == ["run_gates"] * 2 + ["run_shapes"] * 3 + ["run_sweep"] * 2


def test_every_gate_segmentation_column_and_question_is_explained() -> None:
    rows = [[cell.strip(" *`") for cell in line.split("|")[1:3]] for line in PAGE.splitlines() if line.startswith("|")]
    assert [[name, one.asks] for name, one in QUESTIONS.items()] == [row for row in rows if row[0] in QUESTIONS]
    assert [[name, asks] for name, asks in GATES.items()] == [row for row in rows if row[0] in GATES]
    explained = {row[0] for row in rows}
    assert set(SEGMENTATIONS) <= explained
    assert {figure.label for figure in FIGURES.values()} <= explained
