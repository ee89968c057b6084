"""Plans on the command line: `tsattn plan show`, `check` and `convert`, and the plan of `tsattn generate`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from tsattn.cli.drawing import bar, highlighted, summary, table, words
from tsattn.errors import PlanError, PlanWarning
from tsattn.plan import Plan, parse, parse_segments, read, write
from tsattn.plan.timeline import Clip, Stretch, misfits, remarks, snap_plan

if TYPE_CHECKING:
    from tsattn.settings import Settings

__all__ = ["On", "check", "convert", "make_plan", "show"]

EMBEDDED = "shapes"


class On(NamedTuple):
    """The clip that a plan is shown on, as asked for: a model, frames and frames per second, each or none."""

    model: str | None
    frames: int | None
    fps: float | None

    @property
    def name(self) -> str:
        """The model, the embedded one where none was asked for."""
        return self.model or EMBEDDED

    @property
    def is_given(self) -> bool:
        """Whether anything was asked for."""
        return any(value is not None for value in self)

    def clip(self) -> Clip:
        """The clip that the model makes; without a model, the embedded one's frames and autoencoder at any length.

        Raises `PlanError` where the model cannot make it.
        """
        from tsattn.generate import SHAPES_SETTINGS, describe, embedded_clip

        if self.name == EMBEDDED:
            return embedded_clip(self._changed(SHAPES_SETTINGS))
        facts = describe(self.name)
        return facts.clip(self._changed(facts.settings))

    def rows(self, plan: Plan, clip: Clip) -> list[list[Stretch]]:
        """The plan's latent frames on the clip; where it does not fit, the error tells how to choose another."""
        try:
            return snap_plan(plan, clip)
        except PlanError as error:
            hint = "" if self.is_given else "; for another clip give --num-frames, --fps or --model"
            raise PlanError(f"{error}{hint}") from error

    def _changed(self, settings: Settings) -> Settings:
        frames = settings.frames if self.frames is None else self.frames
        return replace(settings, frames=frames, fps=settings.fps if self.fps is None else self.fps)


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
    from tsattn.cli.editing import check_new, format_of, write_file
    from tsattn.cli.editing import edit as edit_plan

    clip = on.clip()
    plan, target = make_plan(source, None, segments, planner), output
    if edit:
        plan, target = edit_plan(plan, source, output, check=lambda edited: on.rows(edited, clip))
    elif target is not None:
        on.rows(plan, clip)  # a plan that does not fit is not written
        check_new(target, overwrite=False)
        write_file(target, write(plan, format_of(target)))
    if as_json:
        typer.echo(plan.model_dump_json(indent=2))
    else:
        _draw(Console(), plan, on.rows(plan, clip), clip, on)
    if target is not None:
        typer.echo(f"written to {target}", err=True)


def check(source: str, *, segments: str | None, on: On) -> None:
    """The dry run: print the timeline, the tokens of the words, and all that is wrong or odd. Exits with 2 if wrong."""
    from tsattn.generate import describe, words_of

    console = Console()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PlanWarning)
        plan, clip = make_plan(source, None, segments), on.clip()
        wrong = misfits(plan, clip)
        rows = [] if wrong else snap_plan(plan, clip)
        _draw(console, plan, rows, clip, on)
        try:
            tokens, columns = words_of(describe(on.name), plan)
            console.print("", words(plan, tokens, columns), sep="\n")
        except PlanError as error:
            wrong.append(str(error))
    odd = [*dict.fromkeys(str(warning.message) for warning in caught), *(remarks(plan, rows, clip) if rows else [])]
    console.print()
    for text in odd:
        console.print(Text.assemble(("warning: ", "bold yellow"), text))
    for text in wrong:
        console.print(Text.assemble(("error: ", "bold red"), text))
    if wrong:
        raise typer.Exit(2)
    console.print(Text("the plan fits", "green"))


def convert(source: str, *, to: str, output: Path | None, on: On, overwrite: bool) -> None:
    """Write a plan in another format, to a file or the standard output."""
    from tsattn.cli.editing import check_new, write_file

    if output is not None:
        check_new(output, overwrite=overwrite)
    text = write(read(source), to, clip=on.clip() if on.is_given else None)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_file(output, text)


def _draw(console: Console, plan: Plan, rows: list[list[Stretch]], clip: Clip, on: On) -> None:
    """The prompt, and the timeline where the plan has one on this clip."""
    console.print(highlighted(plan), "", summary(clip, on.name), sep="\n")
    if rows:
        console.print(bar(plan, rows, clip, width=console.width), "", sep="\n")
        console.print(table(plan, rows, clip))
