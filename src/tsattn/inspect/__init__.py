"""Seeing why an event was missed: what a run attends to, frame by frame, recorded and drawn.

recorder   looks on while a controlled pipeline runs     charts     event x frame, layer x step, the prompt's tokens
averages   what it keeps of an attention call            overlay    the motion region on the video
store      how that is kept on disk                      diagnosis  what the numbers say, in sentences
                                                         report     all of it on one page
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tsattn.inspect.recorder import Recorder
    from tsattn.inspect.store import Record

__all__ = ["Record", "record"]


def record(
    pipe: Any,
    *,
    steps: Literal["controlled", "all"] | Collection[int] = "controlled",
    sample: int = 0,
    maps: str | Path | None = None,
) -> AbstractContextManager[Recorder]:
    """Record the runs of a controlled diffusers pipeline inside a `with` block; see `inspect.recorder.record`."""
    from tsattn.inspect import recorder

    return recorder.record(pipe, steps=steps, sample=sample, maps=maps)


def __getattr__(name: str) -> Any:
    if name == "Record":
        from tsattn.inspect.store import Record

        return Record
    raise AttributeError(f"module 'tsattn.inspect' has no attribute {name!r}")
