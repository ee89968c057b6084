"""`tsattn generate`: check everything, run, verify, write."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tsattn.cli.planning import highlighted, make_plan
from tsattn.errors import OutputError
from tsattn.generate import EMBEDDED, Model, Run, check_model_name, generate, open_model
from tsattn.plan import Plan
from tsattn.plan.timeline import Clip, Stretch, snap_plan

if TYPE_CHECKING:
    from tsattn.settings import Settings
    from tsattn.shapes.verifier import Verdict

FILES = ("controlled.mp4", "baseline.mp4", "side_by_side.mp4", "contact_sheet.png", "run.json")
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
) -> None:
    """Generate and write everything into `folder`. All that can be wrong with the input raises before the first step."""
    console = Console()
    check_model_name(model_name)
    plan = make_plan(prompt, plan_file, segments)
    given = {name: value for name, value in overrides.items() if value is not None}
    from tsattn.generate import SHAPES_SETTINGS

    replace(SHAPES_SETTINGS, **given)  # impossible numbers fail here, before the model is opened
    _prepare(folder, overwrite)
    with console.status("opening the model"):
        model = open_model(model_name)
    settings = replace(model.settings, **given)
    clip = model.clip(settings)
    stretches = [stretch for row in snap_plan(plan, clip) for stretch in row]
    console.print(highlighted(plan))
    runs = _run_all(console, model, plan, settings, both=model_name == EMBEDDED if compare is None else compare)
    verdicts = {name: _judge(model_name, plan, clip, run) for name, run in runs.items()}
    _write(folder, model, plan, settings, clip, runs, verdicts)
    _print_table(console, plan, clip, stretches, runs, verdicts)
    console.print(
        f"written to [bold]{folder}[/bold]: {', '.join(sorted(p.name for p in folder.iterdir() if p.name in FILES))}"
    )


def _prepare(folder: Path, overwrite: bool) -> None:
    """Make sure that results can be written to a folder."""
    found = [name for name in FILES if (folder / name).exists()]
    if found and not overwrite:
        raise OutputError(
            f"{folder} already holds {', '.join(found)}; choose another folder with -o, or pass --overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".tsattn-trial"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder with -o") from error


def _run_all(console: Console, model: Model, plan: Plan, settings: Settings, *, both: bool) -> dict[str, Run]:
    from tsattn.control import ControlConfig

    configs = {"baseline": None} if both else {}
    with _progress(console) as progress:
        runs = {}
        for name, config in {**configs, "controlled": ControlConfig.paper()}.items():
            task = progress.add_task("model alone" if config is None else "TS-Attn", total=settings.steps)
            runs[name] = generate(model, plan, settings, config=config, on_step=partial(progress.advance, task))
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
) -> None:
    from tsattn.video import Row, contact_sheet, moved_into_place, side_by_side, write_mp4

    scale = max(1, -(-SMALLEST_SIDE // min(settings.height, settings.width)))
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    for name, run in runs.items():
        write_mp4(folder / f"{name}.mp4", run.video, fps=settings.fps, scale=scale)
    labels = {"baseline": "model alone", "controlled": "TS-Attn"}
    if "baseline" in runs:
        both = side_by_side(
            runs["baseline"].video,
            runs["controlled"].video,
            labels=("model alone", "TS-Attn"),
            plan=plan,
            clip=clip,
            scale=scale,
        )
        write_mp4(folder / "side_by_side.mp4", both, fps=settings.fps)
    rows = []
    for name, run in runs.items():
        verdict = verdicts[name]
        rows.append(Row(labels[name], run.video, None if verdict is None else verdict.in_segment))
    with moved_into_place(folder / "contact_sheet.png") as part:
        contact_sheet(rows, plan=plan, clip=clip).save(part, format="PNG")
    with moved_into_place(folder / "run.json") as part:
        part.write_text(
            json.dumps(_record(model, plan, settings, clip, runs, verdicts), indent=2) + "\n", encoding="utf-8"
        )


def _record(
    model: Model, plan: Plan, settings: Settings, clip: Clip, runs: dict[str, Run], verdicts: dict[str, Verdict | None]
) -> dict[str, Any]:
    import diffusers
    import torch
    import transformers

    from tsattn import ControlConfig, __version__

    versions = {"tsattn": __version__, "python": platform.python_version()}
    versions |= {package.__name__: package.__version__ for package in (torch, diffusers, transformers)}
    return {
        "prompt": plan.prompt,
        "plan": plan.model_dump(mode="json"),
        "model": model.name,
        "settings": asdict(settings),
        "control": asdict(ControlConfig.paper()),
        "latent_frames": [[tuple(stretch) for stretch in row] for row in snap_plan(plan, clip)],
        "seconds": {name: round(run.seconds, 3) for name, run in runs.items()},
        "verdicts": {name: None if verdict is None else verdict._asdict() for name, verdict in verdicts.items()},
        "versions": versions,
    }


def _print_table(
    console: Console,
    plan: Plan,
    clip: Clip,
    stretches: list[Stretch],
    runs: dict[str, Run],
    verdicts: dict[str, Verdict | None],
) -> None:
    table = Table()
    table.add_column("event")
    table.add_column("segment")
    titles = {"baseline": "done? baseline", "controlled": "done? controlled"}
    for name in runs:
        table.add_column(titles[name], justify="center")
    events = [event for subject in plan.subjects for event in subject.events]
    for number, (event, stretch) in enumerate(zip(events, stretches, strict=True)):
        first, last = clip.first_frame(stretch.first) / clip.fps, clip.first_frame(stretch.last) / clip.fps
        table.add_row(event.text, f"{first:.2f}-{last:.2f} s", *(_mark(verdicts[name], number) for name in runs))
    table.add_section()
    kept = {None: "not judged", True: "[green]yes[/green]", False: "[red]no[/red]"}
    table.add_row("subject kept", "", *(kept[v.subject_kept if (v := verdicts[name]) else None] for name in runs))
    table.add_row("seconds", "", *(f"{run.seconds:.2f}" for run in runs.values()))
    console.print(table)


def _mark(verdict: Verdict | None, number: int) -> str:
    if verdict is None:
        return "not judged"
    return "[green]done[/green]" if verdict.in_segment[number] else "[red]missed[/red]"
