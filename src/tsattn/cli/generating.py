"""`tsattn generate` and `tsattn rerun`: check everything, run, verify, write."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tsattn import runs
from tsattn.cli.drawing import highlighted
from tsattn.cli.planning import make_plan
from tsattn.cli.retrying import Retry, judge_of, table_of
from tsattn.errors import OutputError, PlanError
from tsattn.generate import EMBEDDED_MODELS, SHAPES_SETTINGS, check_model_name, describe, open_model, words_of
from tsattn.methods import control_named
from tsattn.palette import event_colour
from tsattn.plan import Plan
from tsattn.plan.timeline import snap_plan
from tsattn.runs.files import LABELS
from tsattn.runs.retrying import make_with_retries

if TYPE_CHECKING:
    from PIL.Image import Image

INTERRUPTED = 130
"""Exit code after an interrupt from the keyboard, as shells have it."""
NO_RETRY = Retry()


def run(
    prompt: str | None,
    *,
    model_name: str,
    plan_file: Path | None,
    segments: str | None,
    method: str | None,
    overrides: Mapping[str, Any],
    compare: bool | None,
    folder: Path,
    overwrite: bool,
    planner: Callable[[str], Plan],
    image_file: Path | None = None,
    record: bool = True,
    retry: Retry = NO_RETRY,
) -> None:
    """Generate, again where `retry` says so, and write everything into `folder`.

    All that can be wrong with the input raises before the first step.
    """
    console = Console()
    check_model_name(model_name)
    asked = None if method is None else control_named(method)
    plan = make_plan(prompt, plan_file, segments, planner)
    given = {name: value for name, value in overrides.items() if value is not None}
    replace(SHAPES_SETTINGS, **given)  # impossible numbers fail here, before anything heavy is imported
    retry.check(model_name, plan)
    check_folder(folder, runs.FILES, overwrite=overwrite)
    image = None if image_file is None else read_image(image_file)
    with console.status("opening the model"):
        facts = describe(model_name)
        control = facts.control if asked is None else asked
        settings = replace(facts.settings, **given)
        recipe = runs.Recipe(plan=plan, model=model_name, settings=settings, control=control)
        runs.check(facts, recipe, image)
        words_of(facts, plan)  # words that the model does not read fail here, before any weight is
        model = open_model(facts)
    console.print(highlighted(plan))
    compare = model_name in EMBEDDED_MODELS if compare is None else compare
    names = ("baseline", "controlled") if compare else ("controlled",)
    how: dict[str, Any] = {"videos": names, "record": record, "image": image}
    with judge_of(retry) as opine, _progress(console, () if opine else names, recipe) as on_step:
        if opine is None:
            made, interrupted = runs.make(model, recipe, **how, on_step=on_step), False
        else:
            made, interrupted = make_with_retries(model, recipe, opine, retry.times, **how, on_step=on_step)
    _finish(console, folder, made)
    if interrupted:
        console.print(Text("stopped; of what was tried by then, the best is kept", "yellow"))
        raise typer.Exit(INTERRUPTED)


def rerun(path: Path, *, folder: Path, overwrite: bool, image_file: Path | None = None, record: bool = True) -> None:
    """Make a run again and write it into `folder`, with a warning for all that is another now than it was then."""
    console = Console()
    saved = runs.read(path)
    check_model_name(saved.recipe.model)
    check_folder(folder, runs.FILES, overwrite=overwrite)
    beside = saved.folder / "image.png" if saved.folder and saved.recipe.image else None
    chosen = image_file or (beside if beside and beside.exists() else None)
    image = None if chosen is None else read_image(chosen)
    with console.status("opening the model"):
        facts = describe(saved.recipe.model)
        runs.check(facts, saved.recipe, image)
        for line in runs.differences(saved, facts):
            print(f"tsattn: warning: {line}; the video may come out otherwise", file=sys.stderr)
        model = open_model(facts)
    console.print(highlighted(saved.recipe.plan))
    console.print(Text(f"model {facts.name}, seed {saved.recipe.settings.seed}", "dim"))
    with _progress(console, saved.names, saved.recipe) as on_step:
        made, changed = runs.again(model, saved, record=record, image=image, on_step=on_step)
    _finish(console, folder, made)
    for name in saved.names:
        same = "differs from what it was" if name in changed else "is the same, bit for bit"
        console.print(Text(f"{name} {same}", "red" if name in changed else "green"))


def check_folder(folder: Path, files: Sequence[str], *, overwrite: bool) -> None:
    """Raise `OutputError` where these files cannot be written to a folder, or are there already and shall be kept."""
    try:
        found = [name for name in files if (folder / name).exists()]
        if found and not overwrite:
            raise OutputError(
                f"{folder} already holds {', '.join(found)}; choose another folder with -o, or pass --overwrite"
            )
        for name in found:
            if not (folder / name).is_file():
                raise OutputError(
                    f"{folder / name} is not a file, so it cannot be replaced; choose another folder with -o"
                )
        absent = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for made in absent:  # until there is something to write, in case that what follows finds a mistake
            made.rmdir()
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder with -o") from error


def read_image(path: Path) -> Image:
    """The image in a file, turned as its camera says. Raises `PlanError` where there is none."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        return ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    except UnidentifiedImageError as error:
        raise PlanError(f"{path} is no image that can be read; give a PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise PlanError(f"{path} is far larger than any model takes; give a smaller copy") from error
    except OSError as error:
        raise PlanError(f"cannot read the image {path}: {error.strerror or error}") from error


@contextmanager
def _progress(console: Console, names: Sequence[str], recipe: runs.Recipe) -> Iterator[Callable[[str], None]]:
    """A bar for each video; gives what to call with a video's name after each of its steps. Other names get a bar then."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), "steps", TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def add(name: str) -> None:
            tasks[name] = progress.add_task(LABELS.get(name, name), total=recipe.settings.steps, start=not tasks)

        def on_step(name: str) -> None:
            if name not in tasks:
                add(name)
            progress.start_task(tasks[name])
            progress.advance(tasks[name])

        for name in names:
            add(name)
        yield on_step


def _finish(console: Console, folder: Path, made: runs.Run) -> None:
    """Write a run and say what there is."""
    written = runs.write(folder, made)
    console.print(_table(made))
    if made.tried:
        console.print(table_of(made.tried))
    console.print(Text(f"written to {folder}: {', '.join(written)}"))
    if any(video.record for video in made.videos.values()):
        console.print(Text(f"why it came out so: tsattn inspect {folder}", "dim"))
    elif not made.recipe.control.recordable:
        console.print(
            Text("attention cannot be recorded with this method: each segment has a prompt of its own", "dim")
        )


def _table(made: runs.Run) -> Table:
    plan, clip, videos = made.recipe.plan, made.clip, made.videos
    table = Table()
    table.add_column("event")
    table.add_column("segment")
    for name in videos:
        table.add_column(f"done? {name}", justify="center")
    events = [event for subject in plan.subjects for event in subject.events]
    stretches = [stretch for row in snap_plan(plan, clip) for stretch in row]
    verdicts = [video.verdict for video in videos.values()]
    for number, (event, stretch) in enumerate(zip(events, stretches, strict=True)):
        first, last = clip.first_frame(stretch.first) / clip.fps, clip.first_frame(stretch.last) / clip.fps
        marks = [_mark(v and v.in_segment[number], "done", "missed") for v in verdicts]
        table.add_row(Text(event.text, event_colour(number)), f"{first:.2f}-{last:.2f} s", *marks)
    table.add_section()
    table.add_row("subject kept", "", *(_mark(v and v.subject_kept, "yes", "no") for v in verdicts))
    table.add_row("seconds", "", *(f"{video.seconds:.2f}" for video in videos.values()))
    return table


def _mark(verdict: bool | None, yes: str, no: str) -> Text:
    if verdict is None:
        return Text("not judged", "dim")
    return Text(yes, "green") if verdict else Text(no, "red")
