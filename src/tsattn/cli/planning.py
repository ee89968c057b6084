"""Plans on the command line: `tsattn plan show`, `check` and `convert`, and the plan of `tsattn generate`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from tsattn.cli.drawing import bar, highlighted, summary, table, words
from tsattn.errors import OutputError, PlanError, PlanWarning
from tsattn.plan import Plan, parse, parse_segments, read, write
from tsattn.plan.formats import form_of
from tsattn.plan.timeline import Clip, Stretch, remarks, snap_plan

__all__ = ["On", "check", "convert", "highlighted", "make_plan", "show"]

EMBEDDED = "shapes"
NEW_FILE = Path("plan.yaml")
"""Where an edited plan goes that had no file."""
HELP = """\
# The words of subjects and events must stand in the prompt. A segment is 0%-40%, 2s-3.5s, 0:02-0:05, 10f-40f, or 3s- for
# "to the end"; they may overlap and leave gaps. Save and close to go on.
"""


class On(NamedTuple):
    """The clip that a plan is shown on, as asked for: a model, frames and frames per second, each or none."""

    model: str | None
    frames: int | None
    fps: float | None

    @property
    def is_given(self) -> bool:
        """Whether anything was asked for."""
        return any(value is not None for value in self)

    def clip(self) -> Clip:
        """The clip that the model makes; without a model, the embedded one's frames and autoencoder at any length.

        Raises `PlanError` where the model cannot make it.
        """
        from tsattn.generate import SHAPES_SETTINGS, describe
        from tsattn.shapes import MODEL

        given = {"frames": self.frames, "fps": self.fps}
        changes = {name: value for name, value in given.items() if value is not None}
        if self.model is not None and self.model != EMBEDDED:
            facts = describe(self.model)
            return facts.clip(replace(facts.settings, **changes))
        settings = replace(SHAPES_SETTINGS, **changes)
        compression = json.loads((MODEL / "vae" / "config.json").read_text(encoding="utf-8"))["scale_factor_temporal"]
        return Clip.made(settings.frames, settings.fps, compression)


def make_plan(
    prompt: str | None, plan_file: Path | None, segments: str | None, planner: Callable[[str], Plan] = parse
) -> Plan:
    """The plan of a prompt, with timing in it or else by `planner`, or of a file; with other segments where given.

    Raises `PlanError`.
    """
    if plan_file is not None:
        plan = Plan.load(plan_file)
        if prompt is not None and prompt != plan.prompt:
            raise PlanError(
                f"the plan {plan_file} is for the prompt {plan.prompt!r}, but the prompt given is {prompt!r}"
            )
    elif prompt is not None:
        plan = read(prompt, plain=planner)
    else:
        raise PlanError("give a prompt, or a plan file with --plan")
    return plan.with_segments(parse_segments(segments)) if segments is not None else plan


def show(
    source: str,
    *,
    segments: str | None,
    on: On,
    as_json: bool,
    edit: bool,
    output: Path | None,
    planner: Callable[[str], Plan],
) -> None:
    """Print a plan and its timeline, after editing it where asked for, and write it where a file is given."""
    clip = on.clip()
    plan = make_plan(source, None, segments, planner)
    name = form_of(Path(source)) if edit and output is None and os.path.isfile(source) else None
    target = Path(source) if name else output or (NEW_FILE if edit else None)
    if target is not None:
        if not name:
            _check_new(target, overwrite=False)
        name = name or ("json" if target.suffix.lower() == ".json" else "yaml")
        text = write(plan, name)
        if edit:
            as_is = target.read_text(encoding="utf-8") if name == "yaml" and target.exists() and segments is None else None
            plan, text = _edited(plan, name, clip, as_is)
        _write(target, text)
    if as_json:
        typer.echo(plan.model_dump_json(indent=2))
    else:
        _draw(Console(), plan, snap_plan(plan, clip), clip, on)
    if target is not None:
        typer.echo(f"written to {target}", err=True)


def check(source: str, *, segments: str | None, on: On) -> None:
    """The dry run: print the timeline, the tokens of the words, and all that is wrong or odd. Exits with 2 if wrong."""
    from tsattn.generate import describe, words_of

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PlanWarning)
        plan = make_plan(source, None, segments)
        clip = on.clip()
        wrong = []
        try:
            rows = snap_plan(plan, clip)
        except PlanError:
            rows, wrong = None, _misfits(plan, clip)
        tokens, columns = None, None
        try:
            tokens, columns = words_of(describe(on.model or EMBEDDED), plan)
        except PlanError as error:
            wrong.append(str(error))
    console = Console()
    if rows is None:
        console.print(highlighted(plan), "", summary(clip, on.model or EMBEDDED), sep="\n")
    else:
        _draw(console, plan, rows, clip, on)
    if columns:
        console.print("", words(plan, tokens, columns), sep="\n")
    console.print()
    odd = dict.fromkeys(str(warning.message) for warning in caught)
    for text in [*odd, *(remarks(plan, rows, clip) if rows is not None else [])]:
        console.print(Text.assemble(("warning: ", "bold yellow"), text))
    for text in wrong:
        console.print(Text.assemble(("error: ", "bold red"), text))
    if wrong:
        raise typer.Exit(2)
    console.print(Text("the plan fits", "green"))


def convert(source: str, *, to: str, output: Path | None, on: On, overwrite: bool) -> None:
    """Write a plan in another format, to a file or the standard output."""
    if output is not None:
        _check_new(output, overwrite=overwrite)
    text = write(read(source), to, clip=on.clip() if on.is_given else None)
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text)


def _draw(console: Console, plan: Plan, rows: list[list[Stretch]], clip: Clip, on: On) -> None:
    console.print(highlighted(plan), "", summary(clip, on.model or EMBEDDED), sep="\n")
    console.print(bar(plan, rows, clip, width=console.width), "", sep="\n")
    console.print(table(plan, rows, clip))


def _misfits(plan: Plan, clip: Clip) -> list[str]:
    """All that does not fit the clip, event by event where that tells more."""
    single = [
        plan.model_copy(update={"subjects": (subject.model_copy(update={"events": (event,)}),)})
        for subject in plan.subjects
        for event in subject.events
    ]
    found = []
    for part in [*single, plan]:
        try:
            snap_plan(part, clip)
        except PlanError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def _edited(plan: Plan, name: str, clip: Clip, text: str | None) -> tuple[Plan, str]:
    """The plan as its user leaves it in the editor, and what is to be written of it in the format `name`.

    It is shown as YAML, or as its own `text` where it is YAML already, which then keeps its comments. Where the result does
    not fit the clip or cannot be written, the user may open the same text again; if not, it is kept in a file that the error
    names.
    """
    import click

    from tsattn.plan.formats import read_document

    text = text or HELP + write(plan, "yaml")
    while True:
        try:
            text = click.edit(text, extension=".yaml", require_save=False) or ""
        except click.ClickException as error:
            raise PlanError(f"cannot open an editor: {error.message}; set EDITOR to one that is there") from error
        try:
            plan = read_document(text)
            snap_plan(plan, clip)
            return plan, text if name == "yaml" else write(plan, name)
        except PlanError as error:
            if sys.stdin.isatty() and sys.stderr.isatty():
                typer.echo(f"tsattn: {error}", err=True)
                if typer.confirm("Open it again?", default=True, err=True):
                    continue
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml", prefix="plan-", delete=False) as kept:
                kept.write(text)
            raise PlanError(f"{error}; what you wrote is kept in {kept.name}") from error


def _check_new(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is already there; choose another file with -o")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises `OutputError`."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():  # a pipe or a device is not to be replaced
            path.write_text(text, encoding="utf-8")
            return
        aside = path.with_name(f".tsattn-{os.getpid()}-{path.name}")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; choose another file with -o") from error
