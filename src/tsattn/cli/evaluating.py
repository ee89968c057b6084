"""`tsattn eval shapes`, `effect`, `sweep` and `gates`: progress on the terminal, figures as tables, files or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tsattn.errors import PlanError, UnsupportedPipelineError
from tsattn.evaluate.drawing import check_drawing
from tsattn.evaluate.shapes.figures import PRIMARY, tabulate
from tsattn.evaluate.shapes.figures import Table as Figures
from tsattn.evaluate.shapes.gates import GATES, Gate, check_gates
from tsattn.evaluate.shapes.matrix import Watch, run
from tsattn.evaluate.shapes.sheets import on_sheet, sheets
from tsattn.evaluate.shapes.single import evaluate
from tsattn.evaluate.shapes.sweeps import QUESTIONS, baseline, check_question, start_from
from tsattn.evaluate.shapes.table import as_csv, as_markdown, sweep_as_csv, sweep_as_markdown
from tsattn.evaluate.shapes.trials import MOST_EVENTS, Matrix
from tsattn.fingerprint import fingerprint
from tsattn.generate import SHAPES_SETTINGS, Description, describe
from tsattn.methods import COMPARED, METHODS, check_method, check_way
from tsattn.settings import Settings
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
    model: str,
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
    facts = describe(model)
    names = _methods(methods or _possible(facts))
    for name in names:
        check_way(facts, METHODS[name])
    if baseline not in names:
        raise PlanError(f"the --baseline {baseline!r} is none of the methods that are measured: {', '.join(names)}")
    matrix = Matrix(
        methods={name: METHODS[name] for name in names}, events=events, segmentations=segmentations, seeds=seeds, n=n,
        final=final,
    )  # fmt: skip
    if plots:
        check_drawing()
    settings = _settings(steps)
    with _watched(folder) as watch:
        told = watch("videos")
        trials = list(matrix.trials(settings))
        shown = on_sheet(trials) if plots else lambda trial: False
        measured = run(trials, folder, model=model, shown=shown, workers=workers, watch=told)
    table = tabulate(measured, baseline)
    pages = {}
    if plots:
        for count, sheet in sheets(measured, folder, fingerprint(facts), facts.clip(settings)).items():
            pages[count] = f"sheet-{count}-events.png"
            with moved_into_place(folder / pages[count]) as part:
                sheet.save(part, format="png")
    pictures = _pictures(table) if plots else {}
    made = _made(facts, settings, f"{n} prompts{' of the final table' * final}", seeds)
    contents = {"effect.md": as_markdown(table, made, list(pictures), pages), "effect.csv": as_csv(table), **pictures}
    written = [*_written(folder, contents), *pages.values()]
    Console().print(_summary(table, "final table" if final else f"n {n}, seeds {', '.join(map(str, seeds))}"))
    typer.echo(f"written to {folder}: {', '.join(written)}")


def run_sweep(
    names: Sequence[str] | None,
    folder: Path,
    *,
    start: Sequence[str] | None,
    model: str,
    n: int,
    seeds: Sequence[int],
    steps: int | None,
    workers: int,
    plots: bool,
) -> None:
    """Make and measure what the folder lacks for each question, then write their tables. Ctrl-C as in `run_effect`."""
    setting = start_from(_assigned(start or ()))
    chosen = list(dict.fromkeys(names or QUESTIONS))
    for name in chosen:
        check_question(name)
    if plots:
        check_drawing()
    settings = _settings(steps)
    with _watched(folder) as watch:
        told = watch("videos")
        asked = {name: list(QUESTIONS[name].trials(settings, n=n, seeds=seeds, start=setting)) for name in chosen}
        every = list(chain.from_iterable(asked.values()))
        measured = iter(run(every, folder, model=model, workers=workers, watch=told))
    answers = {name: tabulate(list(islice(measured, len(trials))), baseline(setting)) for name, trials in asked.items()}
    pictures = _question_pictures(answers) if plots else {}
    files = {name: f"{name}.svg" for name in pictures}
    made = _made(describe(model), settings, f"{n} prompts", seeds)
    if start:
        made += f" Variants start from the paper's setting with {', '.join(start)}."
    contents = {"sweep.md": sweep_as_markdown(answers, made, files), "sweep.csv": sweep_as_csv(answers)}
    written = _written(folder, {**contents, **{files[name]: svg for name, svg in pictures.items()}})
    for name, table in answers.items():
        Console().print(_summary(table, f"{name}, n {n}, seeds {', '.join(map(str, seeds))}"))
    typer.echo(f"written to {folder}: {', '.join(written)}")


def run_gates(
    names: Sequence[str] | None,
    folder: Path | None,
    *,
    model: str,
    n: int,
    seed: int,
    steps: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Measure gates. Exits with 1 where one is not passed."""
    chosen = list(dict.fromkeys(names or GATES))
    with _watched(folder) as watch:
        gates = check_gates(
            chosen, n=n, seed=seed, folder=folder, model=model, workers=workers, steps=steps, watch=watch
        )
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


def _possible(facts: Description) -> list[str]:
    """The methods that a model can be run with."""

    def can(name: str) -> bool:
        try:
            check_way(facts, METHODS[name])
        except UnsupportedPipelineError:
            return False
        return True

    return [name for name in METHODS if can(name)]


def _assigned(fields: Sequence[str]) -> dict[str, Any]:
    """Fields and values of "name=value", values as in YAML. Raises `PlanError` for what is none."""
    found = {}
    for field in fields:
        name, equals, value = field.partition("=")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise PlanError(f"expected a field as NAME=VALUE, such as strength=0.5, but got {field!r}")
    return found


def _made(facts: Description, settings: Settings, prompts: str, seeds: Sequence[int]) -> str:
    """A sentence on what a page's tables were measured with."""
    return (
        f"Model `{facts.name}` ({fingerprint(facts)[:12]}), {settings.steps} steps, guidance {settings.guidance:g}; {prompts} of each "
        f"number of events and each seed of {', '.join(map(str, seeds))}."
    )


def _settings(steps: int | None) -> Settings:
    """Those of every model of the world."""
    return replace(SHAPES_SETTINGS, steps=steps or SHAPES_SETTINGS.steps)


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


def _pictures(table: Figures) -> dict[str, str]:
    from tsattn.evaluate.shapes.charts import PICTURES

    return {name: draw(table) for name, draw in PICTURES.items()}


def _question_pictures(answers: Mapping[str, Figures]) -> dict[str, str]:
    from tsattn.evaluate.shapes.charts import draw_question

    return {name: draw_question(table) for name, table in answers.items()}


def _written(folder: Path, contents: Mapping[str, str]) -> list[str]:
    """Write files by name, and tell their names."""
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
