"""What a plan asks of the shapes world, and whether a video shows it."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TYPE_CHECKING

from tsattn.plan.schema import Plan, Subject
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.shapes.verifier import Verdict, verify
from tsattn.shapes.world import COLOURS, SHAPES, WORDINGS, Role

if TYPE_CHECKING:
    from tsattn.video import Frames

_EVENTS = {wording: event for event, wordings in WORDINGS.items() for wording in wordings}


def judge(plan: Plan, clip: Clip, video: Frames) -> Verdict | None:
    """Verify a video (f, y, x, 3) against a plan.

    None where the world does not know a subject or an event, and where two subjects have the same colour: the verifier
    tells them apart by nothing else.
    """
    known = roles(plan)
    if known is None:
        return None
    segments = [
        [(clip.first_frame(due.first), clip.first_frame(due.last)) for due in row] for row in snap_plan(plan, clip)
    ]
    return Verdict.of_all(verify(video, known, segments))


def roles(plan: Plan) -> list[Role] | None:
    """What the world knows as a plan's subjects, None where it does not know all of it or cannot tell them apart."""
    known = [role for role in map(_role, plan.subjects) if role]
    return known if len({role.colour for role in known}) == len(plan.subjects) else None


def _role(subject: Subject) -> Role | None:
    """What the world knows as a subject's words, if it knows all of it."""
    colour, shape = _only(subject.text, COLOURS), _only(subject.text, SHAPES)
    events = [_EVENTS.get(" ".join(event.text.lower().split())) for event in subject.events]
    known = tuple(event for event in events if event)
    return Role(colour, shape, known) if colour and shape and len(known) == len(events) else None


def _only(text: str, known: Container[str]) -> str | None:
    """The word of a text that is known, if there is exactly one."""
    found = [word for word in re.findall(r"\w+", text.lower()) if word in known]
    return found[0] if len(found) == 1 else None
