"""A plan cut in time: the parts of the clip in which the same events are due, each with a prompt that tells of these only."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from tsattn.plan.excerpt import without
from tsattn.plan.schema import Plan, Span
from tsattn.plan.timeline import Clip, Stretch, snap_plan


class Part(NamedTuple):
    """Latent frames, and the prompt of what is due in them."""

    stretch: Stretch
    prompt: str


def parts_of(plan: Plan, clip: Clip) -> list[Part]:
    """The parts of a clip, which fill it; where nothing is due, the event before goes on, or the first one begins early.

    A part has one event, unless several are due at once. Raises `PlanError` as `snap_plan` does.
    """
    rows = snap_plan(plan, clip)
    events = [event.span for subject in plan.subjects for event in subject.events]
    stretches = [stretch for row in rows for stretch in row]
    due: list[frozenset[Span]] = []
    for frame in range(clip.latent_frames):
        here = (span for span, one in zip(events, stretches, strict=True) if one.first <= frame < one.last)
        due.append(frozenset(here) or (due[-1] if due else frozenset()))
    first = next(spans for spans in due if spans)
    parts, begin = [], 0
    for spans, frames in groupby(spans or first for spans in due):
        end = begin + len(list(frames))
        parts.append(Part(Stretch(begin, end), without(plan, {*events} - spans)))
        begin = end
    return parts
