"""`tsattn eval shapes` and `sweep`: progress on the terminal, figures as tables, files or JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tsattn.control import ControlConfig
from tsattn.errors import ControlError, EvaluationError, PlanError, UnsupportedPipelineError
from tsattn.evaluate.drawing import check_drawing
from tsattn.evaluate.shapes.figures import PRIMARY, tabulate
from tsattn.evaluate.shapes.figures import Table as Figures
from tsattn.evaluate.shapes.matrix import Watch, run
from tsattn.evaluate.shapes.records import FILE
from tsattn.evaluate.shapes.sheets import on_sheet, sheets
from tsattn.evaluate.shapes.sweeps import PAPER, QUESTIONS, baseline, check_question
from tsattn.evaluate.shapes.table import as_csv, as_markdown, as_objects, sweep_as_csv, sweep_as_markdown
from tsattn.evaluate.shapes.trials import Matrix, Trial
from tsattn.fingerprint import fingerprint
from tsattn.generate import SHAPES_SETTINGS, Description, describe
from tsattn.methods import ALL, COMPARED, METHODS, Method, canonical, check_way, control_named, method_named
from tsattn.settings import Settings
from tsattn.video import moved_into_place

PAGE, SWEEP = "shapes", "sweep"
"""Names of the pages where no other is given."""
MOST_WORKERS = 4
"""Workers that are started without being asked for: each holds a model of its own."""


def run_shapes(
    folder: Path | None,
    *,
    page: str | None,
    model: str,
    methods: Sequence[str] | None,
    events: Sequence[int],
    segmentations: Sequence[str],
    n: int,
    seeds: Sequence[int] | None,
    final: bool,
    baselines: Sequence[str] | None,
    steps: int | None,
    workers: int | None,
    plots: bool,
    as_json: bool,
) -> None:
    """Make and measure what the folder lacks, then write its table; without a folder nothing is kept.

    Exits with 130 after Ctrl-C; what is done is kept. Raises `PlanError` for a method that there is not.
    """
    facts = describe(model)
    page = _page(page, PAGE, folder)
    if final and seeds:
        raise PlanError("--final has prompts of its own, the same for everybody; leave --seed out")
    seeds = seeds or (0,)
    chosen = _methods(facts, methods or COMPARED)
    compared = list(dict.fromkeys(canonical(name) for name in baselines or [next(iter(chosen))]))
    for name in compared:
        if name not in chosen:
            raise PlanError(f"the --baseline {name!r} is none of the methods that are measured: {', '.join(chosen)}")
    matrix = Matrix(methods=chosen, events=events, segmentations=segmentations, seeds=seeds, n=n, final=final)
    plots = plots and folder is not None
    if plots:
        check_drawing()
    settings = _settings(steps)
    with watched(folder) as watch, _kept_in(folder) as place:
        told = watch("videos")
        trials = list(matrix.trials(settings))
        shown = on_sheet(trials) if plots else lambda trial: False
        measured = run(trials, place, model=model, shown=shown, workers=workers or cores(), watch=told)
    table = tabulate(measured, compared)
    out = Console(stderr=as_json)
    out.print(_summary(table, f"n {n}, {'final table' if final else 'seeds ' + ', '.join(map(str, seeds))}"))
    if folder is not None:
        pages = {}
        if plots:
            for count, sheet in sheets(measured, folder, fingerprint(facts), facts.clip(settings)).items():
                pages[count] = f"{page}-sheet-{count}-events.png"
                with moved_into_place(folder / pages[count]) as part:
                    sheet.save(part, format="png")
        pictures = {f"{page}-{name}.svg": draw(table) for name, draw in _pictures().items()} if plots else {}
        made = _made(facts, settings, n, seeds, final=final)
        text = as_markdown(table, made, list(pictures), pages)
        contents = {f"{page}.md": text, f"{page}.csv": as_csv(table), **pictures}
        written = [*_written(folder, contents), *pages.values()]
        typer.echo(f"written to {folder}: {', '.join(written)}", err=as_json)
    if as_json:
        found = as_objects(measured)
        print(json.dumps(found[0] if len(found) == 1 else found, allow_nan=False))


def run_sweep(
    names: Sequence[str] | None,
    folder: Path,
    *,
    page: str | None,
    start: str,
    model: str,
    n: int,
    seeds: Sequence[int],
    steps: int | None,
    workers: int | None,
    plots: bool,
) -> None:
    """Make and measure what the folder lacks for each question, then write their tables. Ctrl-C as in `run_shapes`.

    Without names, all questions that can be asked of the start.
    """
    setting = control_named(start)
    page = _page(page, SWEEP, folder)
    for name in names or ():
        check_question(name)
    if plots:
        check_drawing()
    settings = _settings(steps)
    with watched(folder) as watch:
        told = watch("videos")
        chosen = dict.fromkeys(names or [name for name in QUESTIONS if _askable(name, start, setting)])
        asked = {name: _trials(name, start, setting, settings, n, seeds) for name in chosen}
        every = list(chain.from_iterable(asked.values()))
        measured = iter(run(every, folder, model=model, workers=workers or cores(), watch=told))
    answers = {
        name: tabulate(list(islice(measured, len(trials))), [baseline(setting)]) for name, trials in asked.items()
    }
    pictures = _question_pictures(answers) if plots else {}
    files = {name: f"{page}-{name}.svg" for name in pictures}
    made = _made(describe(model), settings, n, seeds)
    if setting != PAPER:
        made += f" Variants start from `{canonical(start)}`."
    contents = {f"{page}.md": sweep_as_markdown(answers, made, files), f"{page}.csv": sweep_as_csv(answers)}
    written = _written(folder, {**contents, **{files[name]: svg for name, svg in pictures.items()}})
    for name, table in answers.items():
        Console().print(_summary(table, f"{name}, n {n}, seeds {', '.join(map(str, seeds))}"))
    typer.echo(f"written to {folder}: {', '.join(written)}")


def _page(page: str | None, default: str, folder: Path | None) -> str:
    """The name of a page. Raises `PlanError` for one that is none, or has no folder to be in."""
    if page is not None and (folder is None or not re.fullmatch(r"[A-Za-z0-9_-]+", page)):
        raise PlanError(
            f"--page is a name of letters, digits, - and _ for the page in the --output folder, but got {page!r}"
            f"{' and no folder' * (folder is None)}"
        )
    return page or default


def _askable(name: str, start: str, setting: ControlConfig) -> bool:
    """Whether a question can be asked of a setting; says so where it cannot."""
    try:
        _trials(name, start, setting, SHAPES_SETTINGS, 1, (0,))
    except EvaluationError as error:
        typer.echo(f"left out: {error}", err=True)
        return False
    return True


def _trials(
    name: str, start: str, setting: ControlConfig, settings: Settings, n: int, seeds: Sequence[int]
) -> list[Trial]:
    """Those of a question. Raises `EvaluationError` where it cannot be asked of a setting."""
    try:
        return list(QUESTIONS[name].trials(settings, n=n, seeds=seeds, start=setting))
    except ControlError as error:
        raise EvaluationError(
            f"--question {name} cannot be asked of {start}: {error}; start from ts-attn or gentle, or ask another question"
        ) from error


def _methods(facts: Description, names: Sequence[str]) -> dict[str, Method]:
    """The methods of these names, each once; of "all", those of the table that a model can be run with.

    Raises `PlanError` for one that there is not, `UnsupportedPipelineError` for one that the model cannot be run with.
    """
    found: dict[str, Method] = {}
    for name in names:
        if name == ALL:
            found.update({one: how for one, how in METHODS.items() if _possible(facts, how)})
            continue
        found[canonical(name)] = how = method_named(name)
        check_way(facts, how)
    return found


def _possible(facts: Description, how: Method) -> bool:
    """Whether a model can be run with a method."""
    try:
        check_way(facts, how)
    except UnsupportedPipelineError:
        return False
    return True


@contextmanager
def _kept_in(folder: Path | None) -> Iterator[Path]:
    """The folder of outcomes; without one, one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with TemporaryDirectory() as place:
        yield Path(place)


def cores() -> int:
    """Workers where nobody says how many: one for each core, as far as the memory of a laptop goes."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _made(facts: Description, settings: Settings, n: int, seeds: Sequence[int], *, final: bool = False) -> str:
    """A sentence on what a page's tables were measured with."""
    numbers = ", ".join(map(str, seeds))
    which = "of the final table" if final else f"of {'seed' if len(seeds) == 1 else 'each of the seeds'} {numbers}"
    return (
        f"Model `{facts.name}` ({fingerprint(facts)[:12]}), {settings.steps} steps, guidance {settings.guidance:g}; {n} prompts "
        f"{which} for each number of events."
    )


def _settings(steps: int | None) -> Settings:
    """Those of every model of the world."""
    return replace(SHAPES_SETTINGS, steps=steps or SHAPES_SETTINGS.steps)


@contextmanager
def watched(folder: Path | None) -> Iterator[Any]:
    """A bar for each kind of work; Ctrl-C ends it with a line that says what is kept."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as progress:

        def watch(what: str) -> Watch:
            task = progress.add_task(what, total=None)
            return lambda done, wanted: progress.update(task, completed=done, total=wanted)

        try:
            yield watch
        except KeyboardInterrupt:
            kept = folder is not None and (folder / FILE).exists()
            told = f"; outcomes of videos are in {folder}, start again to go on" if kept else ""
            progress.console.print(Text(f"stopped{told}"))
            raise typer.Exit(130) from None


def _pictures() -> Mapping[str, Callable[[Figures], str]]:
    from tsattn.evaluate.shapes.charts import PICTURES

    return PICTURES


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
    shown = Table(
        title=f"events in their own segment, subject kept, %, and times {table.baselines[0]} ({title})",
        box=None,
        header_style="dim",
    )
    for heading in ("events", "segments"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("method", overflow="fold")
    first = table.baselines[0]
    for heading in ("share", "times", "kept"):
        shown.add_column(heading, justify="right", no_wrap=True)
    before = None
    for row in table.rows:
        if before not in (None, (row.events, row.segmentation)):
            shown.add_section()
        before = row.events, row.segmentation
        share, kept = (row.figures[name] for name in (PRIMARY, "subject_kept"))
        assert share is not None and kept is not None
        bounds = f"{100 * share.mean:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
        ratio = row.gains[first][PRIMARY].ratio if first in row.gains else None
        times = "–" if ratio is None else f"{ratio.mean:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        shown.add_row(str(row.events), row.segmentation, Text(row.method), bounds, times, f"{100 * kept.mean:.1f}")
    return shown
