"""What one video of the embedded model shows of its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsattn.errors import PlanError
from tsattn.evaluate import verdict
from tsattn.evaluate.verdict import judge
from tsattn.fingerprint import code_fingerprint
from tsattn.plan import Plan
from tsattn.plan.schema import Event, Subject
from tsattn.plan.timeline import Clip
from tsattn.shapes import verifier
from tsattn.shapes.verifier import CHROMA, Verdict
from tsattn.shapes.world import PAIRS, WORDINGS, WORLD

if TYPE_CHECKING:
    from tsattn.video import Frames

NEIGHBOURHOOD = 3
"""Side of the square of pixels that must all be grey for the one in the middle to count as background: a moving subject
covers a little of the pixels at its edge."""


class Outcome(NamedTuple):
    """The measurements of one video. Lists have an item for each event of the plan, one subject after the other."""

    in_segment: list[bool]
    """Done inside its own segment."""
    in_order: list[bool]
    """Done at any time, after the subject's events before it."""
    done: list[bool]
    """Done at any time."""
    reversed: list[bool | None]
    """The control: whether the event is done inside the segment that gets it where a subject's events are told in reverse;
    None where that is the same event."""
    subject_kept: bool
    background_change: float | None
    seconds: float
    """Of the pipeline's calls."""


def measure(plan: Plan, clip: Clip, video: Frames, seconds: float) -> Outcome:
    """Measure a video (f, y, x, 3) that took so many seconds by its plan."""
    found = _judged(plan, clip, video)
    backwards = plan.model_copy(update={"subjects": tuple(map(_backwards, plan.subjects))})
    asked = [_kind(event) for subject in plan.subjects for event in subject.events]
    others = [_kind(event) for subject in backwards.subjects for event in subject.events]
    control = zip(_judged(backwards, clip, video).in_segment, asked, others, strict=True)
    return Outcome(
        in_segment=found.in_segment,
        in_order=found.in_order,
        done=[_judged(one, clip, video).in_order[place] for place, one in _event_by_event(plan)],
        reversed=[is_done if kind != other else None for is_done, kind, other in control],
        subject_kept=found.subject_kept,
        background_change=background_change(video),
        seconds=seconds,
    )


def background_change(video: Frames) -> float | None:
    """Mean absolute change from frame to frame of the grey pixels of a video (f, y, x, 3), of full scale; the world's stand still.

    A pixel counts where it and its neighbours are grey in both frames. None where none ever is.
    """
    frames = video.astype(np.float64) / 255
    colourful = frames.max(-1) - frames.min(-1) >= CHROMA
    beside = NEIGHBOURHOOD // 2
    padded = np.pad(colourful, ((0, 0), (beside, beside), (beside, beside)), mode="edge")
    squares = sliding_window_view(padded, (NEIGHBOURHOOD, NEIGHBOURHOOD), axis=(1, 2))
    near: NDArray[np.bool_] = np.any(squares, axis=(-2, -1))
    still = ~(near[1:] | near[:-1])
    change = np.abs(np.diff(frames, axis=0)).mean(-1)
    return float(change[still].mean()) if still.any() else None


@cache
def rules() -> str:
    """A hash of the world's versions and the code that measures: what was measured by other rules is measured again."""
    return f"{WORLD} {PAIRS} {code_fingerprint([verifier.__file__, verdict.__file__, __file__])}"


def _judged(plan: Plan, clip: Clip, video: Frames) -> Verdict:
    found = judge(plan, clip, video)
    if found is None:
        raise PlanError(f"the verifier should know every prompt of the world, but not {plan.prompt!r}")
    return found


def _backwards(subject: Subject) -> Subject:
    """A subject with its events in reverse, in the same segments."""
    pairs = zip(subject.events, reversed(subject.events), strict=True)
    return _with_events(subject, [other.model_copy(update={"segment": event.segment}) for event, other in pairs])


def _event_by_event(plan: Plan) -> Iterator[tuple[int, Plan]]:
    """For every event the plan in which its subject has no other, and where it stands in that one's verdict."""
    place = 0
    for number, subject in enumerate(plan.subjects):
        for event in subject.events:
            alone = _with_events(subject, [event])
            subjects = (*plan.subjects[:number], alone, *plan.subjects[number + 1 :])
            yield place, plan.model_copy(update={"subjects": subjects})
        place += len(subject.events)


def _with_events(subject: Subject, events: Sequence[Event]) -> Subject:
    return subject.model_copy(update={"events": tuple(events)})


def _kind(event: Event) -> str:
    return next(kind for kind, wordings in WORDINGS.items() if event.text.lower() in wordings)
