"""What a format is, and what its writers share: placing times in its unit, and saying what it cannot hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.formats.texts import Told, separated
from tsattn.plan.notation import Unit
from tsattn.plan.schema import Event, Plan, Segment, Span, Subject, quoted, uniform
from tsattn.plan.timeline import Clip

_NEEDS_CLIP = "give the clip (--num-frames and --fps, or --model), and it is converted"


class Format(NamedTuple):
    """A way to write plans down."""

    name: str
    what: str
    """Whose it is and how it looks, in a few words."""
    recognises: Callable[[Any], bool]
    """Whether a document (what JSON or YAML hold) or, for formats of plain text, a text is meant in it."""
    read: Callable[[Any], Plan]
    """The plan of what it recognises. Raises `PlanError` naming what is wrong and where."""
    write: Callable[[Plan, Clip | None], str]
    """A text that is read back as the same plan. Raises `PlanError` saying what it cannot hold."""


def events_of(plan: Plan, *, front: bool = False) -> tuple[list[Told], list[Told]]:
    """The prompt as texts: that in front of the events, if any, and the events'.

    Raises `PlanError` where other text without an event stands between or behind them, and in front unless the format
    has a place for it there (`front`).
    """
    told = separated(plan)
    before = told[:1] if told[0].segment is None and front else []
    events = told[len(before) :]
    lost = [quoted(text) for text, segment in events if segment is None]
    if lost:
        place = "has a place for such text in front of the events only" if front else "has no place for such text"
        raise PlanError(f"{', '.join(lost)} is no event but applies to the whole clip, and this format {place}")
    return before, events


def ends_in(unit: Unit, told: Told, clip: Clip | None, *, may_be_open: bool = False) -> tuple[float, float | None]:
    """Start and end of a text's segment in a unit. Raises `PlanError` where only the clip could tell, and is not given."""
    segment = told.segment
    assert segment is not None
    start, end = segment.start, segment.end
    if clip is None:
        if segment.unit != unit:
            raise PlanError(f"the segment {segment} of {quoted(told.text)} is not in {_spelt(unit)}; {_NEEDS_CLIP}")
        if end is None and not may_be_open:
            raise PlanError(f"the segment {segment} of {quoted(told.text)} has no end; {_NEEDS_CLIP}")
        return start, end
    first = clip.frame_at(start, segment.unit)
    last = clip.frames if end is None else min(clip.frame_at(end, segment.unit), clip.frames)
    if unit == "frames" and segment.unit != unit:  # whole ones, and those where the plan is cut anyway
        first, last = (clip.first_frame(int(clip.time_at(frame, "latent_frames"))) for frame in (first, last))
    if segment.unit != unit:
        start, end = clip.time_at(first, unit), clip.time_at(last, unit)
    elif end is None:
        end = clip.time_at(last, unit)
    return start, None if may_be_open and last == clip.frames else end


def is_uniform(told: Sequence[Told]) -> bool:
    """Whether the texts share the clip evenly, as many formats do where no time is given."""
    return [segment for _, segment in told] == uniform(len(told))


def check_contiguous(ends: Sequence[tuple[float, float | None]], told: Sequence[Told]) -> None:
    """Raise `PlanError` unless each segment begins where the one before it ends, the first at 0."""
    if ends[0][0] != 0:
        raise PlanError(f"{quoted(told[0].text)} does not begin with the clip; this format has no gaps")
    for (one, (_, end)), (other, (start, _)) in pairwise(zip(told, ends, strict=True)):
        if start != end:
            raise PlanError(
                f"{quoted(other.text)} does not begin where {quoted(one.text)} ends; this format has no gaps or overlaps"
            )


def differences(plan: Plan, again: Plan, same: Callable[[Segment, Segment], bool]) -> list[str]:
    """What of a plan is not in another one that should be the same; `same` compares segments."""
    if plan.prompt != again.prompt:
        return [f"the prompt, which would become {quoted(again.prompt)}"]
    found: dict[tuple[Span, Span], list[Event]] = defaultdict(list)
    by_words: dict[Span, Subject] = {}
    for subject in again.subjects:
        for event in subject.events:
            found[subject.span, event.span].append(event)
            by_words[event.span] = subject
    lost = []
    for subject in plan.subjects:
        for event in subject.events:
            others = found[subject.span, event.span]
            other = next(
                (other for other in others if same(event.segment, other.segment)), others[0] if others else None
            )
            if other is not None:
                others.remove(other)
                if not same(event.segment, other.segment):
                    lost.append(f"the segment {event.segment} of {event.text!r}, which would become {other.segment}")
            elif event.span in by_words:
                became = quoted(by_words[event.span].text)
                lost.append(f"the subject {subject.text!r} of {event.text!r}, which would become {became}")
            else:
                lost.append(f"the event {event.text!r} of {subject.text!r} in these very words")
    lost += [f"that {event.text!r} is no event of its own" for events in found.values() for event in events]
    order = [[subject.span for subject in one.subjects] for one in (plan, again)]
    return lost or (["the order of the subjects"] if order[0] != order[1] else [])


def _spelt(unit: Unit) -> str:
    return {"fraction": "fractions of the clip"}.get(unit, unit.replace("_", " "))
