"""Outcomes and trials without a model."""

from __future__ import annotations

from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.trials import Trial
from tsattn.generate import SHAPES_SETTINGS
from tsattn.methods import METHODS
from tsattn.plan.timeline import Clip
from tsattn.shapes.world import FPS, FRAMES

CLIP = Clip(frames=FRAMES, fps=FPS, compression=2)


def outcome(in_segment: str, *, kept: bool = True, reverse: str = "", seconds: float = 1.0) -> Outcome:
    """Flags as 1 and 0; all that is done in its segment is done in order, too.

    In the reverse a "-" is the same event, and all are where nothing is told.
    """
    flags = [flag == "1" for flag in in_segment]
    control = [None if flag == "-" else flag == "1" for flag in reverse or "-" * len(flags)]
    return Outcome(flags, flags, flags, control, kept, 0.01, seconds)


def trial(method: str = "vanilla", number: int = 0, *, events: int = 2, segmentation: str = "uniform") -> Trial:
    """A trial that nobody has to run."""
    case = Case((events,), 0, number)
    return Trial(
        case=case, segmentation=segmentation, method=method, how=METHODS[method], plan=plan_of(case, segmentation),
        settings=SHAPES_SETTINGS,
    )  # fmt: skip


def measured(method: str, number: int, found: Outcome) -> Measured:
    """A trial on as many events as there are flags and what came of it."""
    return Measured(trial(method, number, events=len(found.in_segment)), found)
