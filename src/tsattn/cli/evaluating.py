"""`tsattn eval shapes`, `effect` and `gates`: progress on the terminal, figures as tables, files or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tsattn.errors import PlanError
from tsattn.evaluate.drawing import check_drawing
from tsattn.evaluate.shapes.figures import PRIMARY, tabulate
from tsattn.evaluate.shapes.figures import Table as Figures
from tsattn.evaluate.shapes.gates import GATES, Gate, check_gates
from tsattn.evaluate.shapes.matrix import Watch, run
from tsattn.evaluate.shapes.single import evaluate
from tsattn.evaluate.shapes.table import as_csv, as_markdown
from tsattn.evaluate.shapes.trials import MOST_EVENTS, Matrix
from tsattn.generate import EMBEDDED, describe
from tsattn.methods import COMPARED, METHODS, check_method
from tsattn.video import moved_into_place


def run_shapes(*, events: int, n: int, seed: int, methods: Sequence[str] | None, as_json: bool) -> None:
    """Run the evaluation of one number of events. Raises `PlanError` for a method that there is not."""
    names = _methods(methods or COMPARED)
    for option, value, least, most in (
        ("events", events, 1, MOST_EVENTS),
        ("n", n, 1, 10**6),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if not least <= value <= most:
            raise PlanError(f"--{option} must be from {least} to {most}, but got {value}")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("videos", total=n * len(names))
        result = evaluate(events=events, n=n, seed=seed, methods=names, on_video=lambda: progress.advance(task))
    if as_json:
        print(json.dumps(result))
        return
    table = Table(title=f"{result['world']}: {n} prompts with {events} event{'s' * (events > 1)}, seed {seed}")
    scores: dict[str, dict[str, float]] = result["methods"]  # type: ignore[assignment]
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    for figure in next(iter(scores.values())):
        table.add_row(figure, *(f"{score[figure]:.3f}" for score in scores.values()))
    Console().print(table)


def run_effect(
    folder: Path,
    *,
    methods: Sequence[str] | None,
    events: Sequence[int],
    segmentations: Sequence[str],
    n: int,
    seeds: Sequence[int],
    final: bool,
    baseline: str,
    steps: int | None,
    workers: int,
    plots: bool,
) -> None:
    """Make and measure what the folder lacks, then write its table. Exits with 130 after Ctrl-C; what is done is kept."""
    names = _methods(methods or METHODS)
    if baseline not in names:
        raise PlanError(f"the --baseline {baseline!r} is none of the methods that are measured: {', '.join(names)}")
    matrix = Matrix(
        methods={name: METHODS[name] for name in names}, events=events, segmentations=segmentations, seeds=seeds, n=n,
        final=final,
    )  # fmt: skip
    if plots:
        check_drawing()
    settings = describe(EMBEDDED).settings
    with _watched(folder) as watch:
        told = watch("videos")
        trials = list(matrix.trials(replace(settings, steps=steps or settings.steps)))
        measured = run(trials, folder, workers=workers, watch=told)
    table = tabulate(measured, baseline)
    written = _write(folder, table, plots=plots)
    Console().print(_summary(table, "final table" if final else f"n {n}, seeds {', '.join(map(str, seeds))}"))
    typer.echo(f"written to {folder}: {', '.join(written)}")


def run_gates(
    names: Sequence[str] | None,
    folder: Path | None,
    *,
    n: int,
    seed: int,
    steps: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Measure gates. Exits with 1 where one is not passed."""
    chosen = list(dict.fromkeys(names or GATES))
    with _watched(folder) as watch:
        gates = check_gates(chosen, n=n, seed=seed, folder=folder, workers=workers, steps=steps, watch=watch)
    if as_json:
        print(json.dumps([_as_json(gate, n, seed) for gate in gates], allow_nan=False))
    else:
        Console().print(_gate_table(gates, f"n {n}, seed {seed}"))
    if not all(gate.passed for gate in gates):
        raise typer.Exit(1)


def _methods(names: Sequence[str] | dict[str, Any]) -> list[str]:
    """The names, each once. Raises `PlanError` for a method that there is not."""
    for name in names:
        check_method(name)
    return list(dict.fromkeys(names))


@contextmanager
def _watched(folder: Path | None) -> Iterator[Any]:
    """A bar for each kind of work; Ctrl-C ends it with a line that says what is kept."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as progress:

        def watch(what: str) -> Watch:
            task = progress.add_task(what, total=None)
            return lambda done, wanted: progress.update(task, completed=done, total=wanted)

        try:
            yield watch
        except KeyboardInterrupt:
            kept = f"; what is measured is in {folder}, start again to go on" if folder else ""
            progress.console.print(Text(f"stopped{kept}"))
            raise typer.Exit(130) from None


def _write(folder: Path, table: Figures, *, plots: bool) -> list[str]:
    contents = {}
    if plots:
        from tsattn.evaluate.shapes.charts import PICTURES

        contents = {name: draw(table) for name, draw in PICTURES.items()}
    contents = {"effect.md": as_markdown(table, list(contents)), "effect.csv": as_csv(table), **contents}
    for name, content in contents.items():
        with moved_into_place(folder / name) as part:
            part.write_text(content, encoding="utf-8")
    return list(contents)


def _summary(table: Figures, title: str) -> Table:
    """The figures that one looks at first."""
    shown = Table(title=f"events in their own segment, subject kept, % ({title})", box=None, header_style="dim")
    for heading in ("events", "segments", "method"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("share", f"times {table.baseline}", "kept"):
        shown.add_column(heading, justify="right", no_wrap=True)
    before = None
    for row in table.rows:
        if before not in (None, (row.events, row.segmentation)):
            shown.add_section()
        before = row.events, row.segmentation
        share, kept = (row.figures[name] for name in (PRIMARY, "subject_kept"))
        assert share is not None and kept is not None
        bounds = f"{100 * share.mean:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
        ratio = row.gains[PRIMARY].ratio if row.gains else None
        times = "–" if ratio is None else f"{ratio.mean:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        shown.add_row(str(row.events), row.segmentation, row.method, bounds, times, f"{100 * kept.mean:.1f}")
    return shown


def _gate_table(gates: Sequence[Gate], title: str) -> Table:
    shown = Table(title=title, box=None, header_style="dim", title_justify="left")
    for heading in ("gate", "", "figure", "bar", ""):
        shown.add_column(heading, justify="right" if heading in ("figure", "bar") else "left", no_wrap=True)
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
