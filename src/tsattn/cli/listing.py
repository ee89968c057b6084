"""Tables of what there is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tsattn.control.registry import FAMILIES, load
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS
from tsattn.settings import Settings

VERIFIED = (
    "Verified by the same contract tests for each: the real diffusers classes with tiny random weights, on a CPU. "
    "None was run with its real weights or on a GPU yet, except the embedded model. `tsattn doctor` tries yours."
)


def show_models() -> None:
    """Print the embedded model and every pipeline that a family knows."""
    table = Table(title="What tsattn can control", caption=VERIFIED)
    for heading in ("model", "pipeline", "task", "default size"):
        table.add_column(heading, overflow="fold")
    table.add_row(f"{EMBEDDED} (embedded)", "WanPipeline", "t2v", _size(SHAPES_SETTINGS))
    for name in FAMILIES:
        family = load(name)
        for pipeline, task in family.pipelines.items():
            table.add_row(f"{name}: folder or hub id", pipeline, task, _size(family.settings))
    Console().print(table)


def _size(settings: Settings) -> str:
    return (
        f"{settings.width}x{settings.height}, {settings.frames} frames at {settings.fps:g} fps, "
        f"{settings.steps} steps, guidance {settings.guidance:g}"
    )
