"""`tsattn generate`: check everything, run, verify, write."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tsattn.cli.planning import highlighted, make_plan
from tsattn.control import ControlConfig, disable, enable
from tsattn.errors import ModelError, OutputError, PlanError
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS, Model, Run, check_model_name, describe, generate, open_model
from tsattn.palette import event_colour
from tsattn.plan import Plan
from tsattn.plan.timeline import Clip, snap_plan

if TYPE_CHECKING:
    from PIL.Image import Image

    from tsattn.settings import Settings
    from tsattn.shapes.verifier import Verdict

FILES = ("controlled.mp4", "baseline.mp4", "side_by_side.mp4", "contact_sheet.png", "run.json")
LABELS = {"baseline": "model alone", "controlled": "TS-Attn"}
CONFIG = ControlConfig.paper()
SMALLEST_SIDE = 256
"""Videos smaller than this are written enlarged, a whole number of times."""


def run(
    prompt: str | None,
    *,
    model_name: str,
    plan_file: Path | None,
    segments: str | None,
    overrides: Mapping[str, int | None],
    compare: bool | None,
    folder: Path,
    overwrite: bool,
    planner: Callable[[str], Plan],
    image_file: Path | None = None,
) -> None:
    """Generate and write everything into `folder`. All that can be wrong with the input raises before the first step."""
    console = Console()
    check_model_name(model_name)
    plan = make_plan(prompt, plan_file, segments, planner)
    given = {name: value for name, value in overrides.items() if value is not None}
    replace(SHAPES_SETTINGS, **given)  # impossible numbers fail here, before anything heavy is imported
    check_folder(folder, FILES, overwrite=overwrite)
    image = None if image_file is None else read_image(image_file)
    with console.status("opening the model"):
        facts = describe(model_name)
        if facts.takes_image != (image is not None):
            raise ModelError(
                f"{model_name} starts from an image; give one with --image"
                if facts.takes_image
                else f"{model_name} makes videos from text alone, so it cannot use --image {image_file}"
            )
        settings = replace(facts.settings, **given)
        clip = facts.clip(settings)
        snap_plan(plan, clip)
        model = open_model(facts)
        # the seam and the plan's words in the prompt, tried now and not after the baseline
        enable(model.pipe, plan, config=CONFIG, fps=settings.fps)
        disable(model.pipe)
    console.print(highlighted(plan))
    compare = model_name == EMBEDDED if compare is None else compare
    runs = _run_all(console, model, plan, settings, image, both=compare)
    verdicts = {name: _judge(model_name, plan, clip, run) for name, run in runs.items()}
    written = _write(folder, model, plan, settings, clip, runs, verdicts)
    _print_table(console, plan, clip, runs, verdicts)
    console.print(Text(f"written to {folder}: {', '.join(written)}"))


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
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder with -o") from error


def read_image(path: Path) -> Image:
    """The image in a file. Raises `PlanError` where there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path).convert("RGB")
    except UnidentifiedImageError as error:
        raise PlanError(f"{path} is no image that can be read; give a PNG or JPEG") from error
    except OSError as error:
        raise PlanError(f"cannot read the image {path}: {error.strerror or error}") from error


def _run_all(
    console: Console, model: Model, plan: Plan, settings: Settings, image: Image | None, *, both: bool
) -> dict[str, Run]:
    configs = {"baseline": None} if both else {}
    runs = {}
    with _progress(console) as progress:
        for name, config in {**configs, "controlled": CONFIG}.items():
            task = progress.add_task(LABELS[name], total=settings.steps)
            runs[name] = generate(
                model, plan, settings, config=config, image=image, on_step=partial(progress.advance, task)
            )
    return runs


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), "steps", TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def _judge(model_name: str, plan: Plan, clip: Clip, run: Run) -> Verdict | None:
    """The verifier knows the embedded world only; for other models there is no verdict."""
    from tsattn.evaluate.verdict import judge

    return judge(plan, clip, run.video) if model_name == EMBEDDED else None


def _write(
    folder: Path,
    model: Model,
    plan: Plan,
    settings: Settings,
    clip: Clip,
    runs: dict[str, Run],
    verdicts: dict[str, Verdict | None],
) -> list[str]:
    """Write all results aside, then move them into place together; results of an earlier run do not stay among them."""
    from tsattn.video import Row, contact_sheet, side_by_side, write_mp4

    scale = max(1, -(-SMALLEST_SIDE // min(settings.height, settings.width)))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tsattn-") as name:
        aside = Path(name)
        for name, run in runs.items():
            write_mp4(aside / f"{name}.mp4", run.video, fps=settings.fps, scale=scale)
        if "baseline" in runs:
            pair, labels = (
                (runs["baseline"].video, runs["controlled"].video),
                (LABELS["baseline"], LABELS["controlled"]),
            )
            both = side_by_side(*pair, labels=labels, plan=plan, clip=clip, scale=scale)
            write_mp4(aside / "side_by_side.mp4", both, fps=settings.fps)
        done = {name: None if verdict is None else verdict.in_segment for name, verdict in verdicts.items()}
        rows = [Row(LABELS[name], run.video, done[name]) for name, run in runs.items()]
        contact_sheet(rows, plan=plan, clip=clip).save(aside / "contact_sheet.png")
        record = json.dumps(_record(model, plan, settings, clip, runs, verdicts), indent=2)
        (aside / "run.json").write_text(record + "\n", encoding="utf-8")
        written = sorted(file.name for file in aside.iterdir())
        for name in written:
            os.replace(aside / name, folder / name)
        for name in set(FILES) - set(written):
            (folder / name).unlink(missing_ok=True)
    return written


def _record(
    model: Model, plan: Plan, settings: Settings, clip: Clip, runs: dict[str, Run], verdicts: dict[str, Verdict | None]
) -> dict[str, Any]:
    import diffusers
    import torch
    import transformers

    from tsattn import __version__

    versions = {"tsattn": __version__, "python": platform.python_version()}
    versions |= {package.__name__: package.__version__ for package in (torch, diffusers, transformers)}
    return {
        "prompt": plan.prompt,
        "plan": plan.model_dump(mode="json"),
        "model": model.facts.name,
        "settings": {**asdict(settings), "frames": clip.frames},
        "control": asdict(CONFIG),
        "latent_frames": [[tuple(stretch) for stretch in row] for row in snap_plan(plan, clip)],
        "seconds": {name: round(run.seconds, 3) for name, run in runs.items()},
        "verdicts": {name: None if verdict is None else verdict._asdict() for name, verdict in verdicts.items()},
        "versions": versions,
    }


def _print_table(
    console: Console, plan: Plan, clip: Clip, runs: dict[str, Run], verdicts: dict[str, Verdict | None]
) -> None:
    table = Table()
    table.add_column("event")
    table.add_column("segment")
    for name in runs:
        table.add_column(f"done? {name}", justify="center")
    events = [event for subject in plan.subjects for event in subject.events]
    stretches = [stretch for row in snap_plan(plan, clip) for stretch in row]
    for number, (event, stretch) in enumerate(zip(events, stretches, strict=True)):
        first, last = clip.first_frame(stretch.first) / clip.fps, clip.first_frame(stretch.last) / clip.fps
        marks = [_mark(v and v.in_segment[number], "done", "missed") for v in verdicts.values()]
        table.add_row(Text(event.text, event_colour(number)), f"{first:.2f}-{last:.2f} s", *marks)
    table.add_section()
    table.add_row("subject kept", "", *(_mark(v and v.subject_kept, "yes", "no") for v in verdicts.values()))
    table.add_row("seconds", "", *(f"{run.seconds:.2f}" for run in runs.values()))
    console.print(table)


def _mark(verdict: bool | None, yes: str, no: str) -> Text:
    if verdict is None:
        return Text("not judged", "dim")
    return Text(yes, "green") if verdict else Text(no, "red")
