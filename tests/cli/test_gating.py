"""`tsattn eval gates` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsattn.cli import app
from tsattn.errors import EvaluationError

FEW = ["--n", "1", "--steps", "1", "--workers", "1"]


def test_a_gate_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="unknown gate 'g9'; there are g1"):
        CliRunner().invoke(app, ["eval", "gates", "--gate", "g9", "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_gates_are_one_json_list_and_say_by_their_code_whether_all_are_passed() -> None:
    result = CliRunner().invoke(app, ["eval", "gates", *FEW, "--gate", "g1", "--json"], catch_exceptions=False)
    (gate,) = json.loads(result.stdout)
    assert list(gate) == ["gate", "asks", "n", "seed", "passed", "checks", "details"]
    assert [check["bar"] for check in gate["checks"]] == [0.95, 0.98]
    assert result.exit_code == (0 if gate["passed"] else 1)
