"""More time for some events, less for the others: where nobody said when they are due."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from tsattn.plan.schema import Plan, Segment, uniform
from tsattn.plan.timeline import Clip, is_uniform, misfits, snap_plan

LONGER = 1.5
"""How much longer an event gets to be, compared with the others of its subject."""


def retimed(plan: Plan, clip: Clip, missed: Sequence[bool]) -> Plan | None:
    """The plan with more time for missed events, given for each in the order of subjects and their events.

    Only where a subject's events share the clip evenly, as they do where nobody timed them, are they timed anew. None where
    that changes nothing: times were given, all of a subject's events or none are missed, or the clip is too short.
    """
    flags, segments = iter(missed), []
    for subject in plan.subjects:
        shares = [LONGER if next(flags) else 1.0 for _ in subject.events]
        own = [event.segment for event in subject.events]
        segments += _shared(shares, clip) if is_uniform(subject) and len(set(shares)) > 1 else own
    again = plan.with_segments(segments)
    if misfits(again, clip) or snap_plan(again, clip) == snap_plan(plan, clip):
        return None
    return again


def _shared(shares: Sequence[float], clip: Clip) -> list[Segment]:
    """Segments one after the other that fill the clip, at least a latent frame each; evenly where there are too few."""
    count, frames = len(shares), clip.latent_frames
    if count > frames:
        return uniform(count)
    bounds = [0]
    for k, share in enumerate(accumulate(shares[:-1]), 1):
        bounds.append(min(max(round(share / sum(shares) * frames), bounds[-1] + 1), frames - (count - k)))
    return [
        Segment(start=float(first), end=float(last), unit="latent_frames")
        for first, last in pairwise([*bounds, frames])
    ]
