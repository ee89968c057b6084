"""What a plan asks of the shapes world, and whether a video shows it."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TYPE_CHECKING

from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.shapes.verifier import Verdict, verify
from tsattn.shapes.world import COLOURS, SHAPES, WORDINGS

if TYPE_CHECKING:
    from tsattn.video import Frames

_EVENTS = {wording: event for event, wordings in WORDINGS.items() for wording in wordings}


def judge(plan: Plan, clip: Clip, video: Frames) -> Verdict | None:
    """Verify a video (f, y, x, 3) against a plan, or None where the world knows not its subject or an event of it."""
    if len(plan.subjects) != 1:
        return None
    subject = plan.subjects[0]
    colour, shape = _only(subject.text, COLOURS), _only(subject.text, SHAPES)
    events = [_EVENTS.get(" ".join(event.text.lower().split())) for event in subject.events]
    known = [event for event in events if event]
    if colour is None or shape is None or len(known) < len(events):
        return None
    segments = [(clip.first_frame(due.first), clip.first_frame(due.last)) for due in snap_plan(plan, clip)[0]]
    return verify(video, colour, shape, known, segments)


def _only(text: str, known: Container[str]) -> str | None:
    """The word of a text that is known, if there is exactly one."""
    found = [word for word in re.findall(r"\w+", text.lower()) if word in known]
    return found[0] if len(found) == 1 else None
