"""`tsattn eval gates`: its figures as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tsattn.cli.evaluating import cores, watched
from tsattn.evaluate.shapes.gates import GATES, Gate, check_gates


def run_gates(
    names: Sequence[str] | None,
    folder: Path | None,
    *,
    model: str,
    n: int,
    seed: int,
    steps: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Measure gates. Exits with 1 where one is not passed."""
    chosen = list(dict.fromkeys(names or GATES))
    with watched(folder) as watch:
        gates = check_gates(
            chosen, n=n, seed=seed, folder=folder, model=model, workers=workers or cores(), steps=steps, watch=watch
        )
    if as_json:
        print(json.dumps([_as_json(gate, n, seed) for gate in gates], allow_nan=False))
    else:
        Console().print(_gate_table(gates, f"n {n}, seed {seed}"))
    if not all(gate.passed for gate in gates):
        raise typer.Exit(1)


def _gate_table(gates: Sequence[Gate], title: str) -> Table:
    shown = Table(title=title, box=None, header_style="dim", title_justify="left")
    for number, heading in enumerate(("gate", "", "figure", "bar", "")):
        shown.add_column(heading, justify="right" if heading in ("figure", "bar") else "left", no_wrap=number != 1)
    signs = {"at least": "≥", "at most": "≤", "surely above": "all >"}
    for gate in gates:
        shown.add_section()
        shown.add_row(gate.name, Text(GATES[gate.name], "bold"))
        for check in gate.checks:
            figure = f"{check.figure.mean:.3f} [{check.figure.low:.3f}, {check.figure.high:.3f}]"
            passed = Text("passed", "green") if check.passed else Text("not passed", "red")
            shown.add_row("", check.what, figure, f"{signs[check.needs]} {check.bar:g}", passed)
    return shown


def _as_json(gate: Gate, n: int, seed: int) -> dict[str, Any]:
    checks = [{**check._asdict(), "figure": check.figure._asdict(), "passed": check.passed} for check in gate.checks]
    about = {"gate": gate.name, "asks": GATES[gate.name], "n": n, "seed": seed, "passed": gate.passed}
    return {**about, "checks": checks, "details": gate.details}
