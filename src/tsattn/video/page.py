"""A page across which time runs from left to right, and the lanes of events on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip, snap_plan


class Theme(NamedTuple):
    """Colours of a page: its paper, its ink, what is less important, and the track of a timeline."""

    paper: str
    ink: str
    faint: str
    track: str


LIGHT = Theme("#FFFFFF", "#1F2328", "#656D76", "#EAEEF2")
DARK = Theme("#16181D", "#E8EAED", "#9AA1AB", "#2B2F37")


class Page(NamedTuple):
    """A page across which time runs: its width, where its frames begin and end, its text size, all in pixels."""

    width: int
    left: int
    right: int
    frames: int
    size: int
    theme: Theme

    def at(self, frame: float) -> int:
        """Where a moment stands."""
        return self.left + round((self.right - self.left) * frame / self.frames)

    def blank(self, height: int) -> Image.Image:
        """An empty strip."""
        return Image.new("RGB", (self.width, height), self.theme.paper)


class Due(NamedTuple):
    """An event, due from frame `first` up to but not including `last`; `number` counts over all subjects."""

    number: int
    text: str
    first: int
    last: int


class Lane(NamedTuple):
    """Events of one subject that do not overlap. Only the first lane of a subject bears its name."""

    owner: int
    subject: str
    events: list[Due]


def lanes_of(plan: Plan, clip: Clip) -> list[Lane]:
    """The timeline: one lane for each subject, and more for events that overlap those before them."""
    lanes: list[Lane] = []
    number = 0
    for owner, (subject, stretches) in enumerate(zip(plan.subjects, snap_plan(plan, clip), strict=True)):
        own: list[Lane] = []
        for event, (first, last) in zip(subject.events, stretches, strict=True):
            due = Due(number, event.text, clip.first_frame(first), clip.first_frame(last))
            free = next((lane for lane in own if lane.events[-1].last <= due.first), None)
            if free is None:
                own.append(free := Lane(owner, "" if own else subject.text, []))
            free.events.append(due)
            number += 1
        lanes += own
    return lanes


def stacked(strips: Sequence[Image.Image]) -> Image.Image:
    """Strips of one width, one below the other."""
    picture = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)))
    y = 0
    for strip in strips:
        picture.paste(strip, (0, y))
        y += strip.height
    return picture
