"""Tables of what there is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tsattn.control.registry import FAMILIES, load
from tsattn.generate import EMBEDDED_MODELS
from tsattn.methods import ALIASES, METHODS
from tsattn.settings import Settings

VERIFIED = (
    "Verified by the same contract tests for each: the real diffusers classes with tiny random weights, on a CPU. "
    "None was run with its real weights or on a GPU yet, except the embedded model. `tsattn doctor` tries yours."
)


def show_models() -> None:
    """Print the embedded models that are there and every pipeline that a family knows."""
    table = Table(title="What tsattn can control", caption=VERIFIED, padding=(0, 1, 0, 0), box=None)
    table.add_column("pipeline", no_wrap=True)
    for heading in ("task", "size", "frames", "fps", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, model in EMBEDDED_MODELS.items():
        if model.is_there:
            table.add_row(f"[bold]{name}[/] (embedded)", model.task, *_row(model.settings))
    for name in FAMILIES:
        family = load(name)
        for pipeline, task in family.pipelines.items():
            table.add_row(pipeline, task, *_row(family.settings))
    Console().print(table)


def show_methods() -> None:
    """Print every method and what it is."""
    table = Table(title="What can be compared", padding=(0, 2, 0, 0), box=None)
    table.add_column("method", style="bold", no_wrap=True)
    table.add_column("what it is")
    for name, method in METHODS.items():
        table.add_row(name, method.about)
    console = Console()
    console.print(table)
    names = ", ".join(f"{alias} is {name}" for alias, name in ALIASES.items())
    console.print(f"Any that controls a pass may have other numbers, gentle:strength=0.15; {names}.", style="dim")


def _row(settings: Settings) -> tuple[str, ...]:
    return (f"{settings.width}x{settings.height}", str(settings.frames), f"{settings.fps:g}", str(settings.steps))
