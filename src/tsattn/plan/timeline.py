"""From a plan's segments to latent frames, by the mapping of the video autoencoder.

A latent frame covers `compression` frames; the first covers one only where the autoencoder is causal. (Where a transformer
joins several of them into one row of tokens, that row is what counts as a latent frame here.) A segment is cut on
latent-frame boundaries only: a boundary inside a latent frame would ask one token for two events.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from tsattn.errors import PlanError, PlanWarning
from tsattn.plan.notation import Unit
from tsattn.plan.schema import Event, Plan, Segment, Subject, uniform

_TOLERANCE = 1e-6


class Clip(NamedTuple):
    """Length of a clip: its frames, frames per second, frames in a latent frame, and frames in the first one."""

    frames: int
    fps: float
    compression: int
    opening: int = 1

    @classmethod
    def made(cls, frames: int, fps: float, compression: int, opening: int = 1) -> Clip:
        """The clip that a pipeline makes when asked for so many frames: it rounds them to whole latent frames."""
        if frames % compression != opening % compression:
            frames = frames // compression * compression + opening % compression
        frames -= max(1 - opening, 0)  # what the pipeline cuts off the front
        return cls(frames, fps, compression, opening)

    @property
    def latent_frames(self) -> int:
        """How many latent frames the clip has."""
        return 1 + (self.frames - self.opening) // self.compression

    @property
    def seconds(self) -> float:
        """Duration of the clip."""
        return self.frames / self.fps

    def first_frame(self, latent: int) -> int:
        """The first frame that a latent frame covers; for the one past the last, the number of frames."""
        if latent == self.latent_frames:
            return self.frames
        return 0 if latent == 0 else self.opening + (latent - 1) * self.compression

    def frame_at(self, time: float, unit: Unit) -> float:
        """A time as a number of frames since the start of the clip, whole or not."""
        if unit == "latent_frames":
            return self.first_frame(int(time))
        return time * {"fraction": self.frames, "seconds": self.fps, "frames": 1}[unit]

    def time_at(self, frame: float, unit: Unit) -> float:
        """A number of frames since the start of the clip as a time; latent frames begin at the nearest boundary."""
        if unit == "latent_frames":
            # rounded, so that the middle between two boundaries goes the same way in every unit
            return min(
                range(self.latent_frames + 1), key=lambda latent: round(abs(self.first_frame(latent) - frame), 6)
            )
        return frame / {"fraction": self.frames, "seconds": self.fps, "frames": 1}[unit]


class Stretch(NamedTuple):
    """Latent frames from `first` up to but not including `last`."""

    first: int
    last: int


def snap(segment: Segment, clip: Clip, *, name: str = "the segment") -> Stretch:
    """The latent frames of a segment: each bound moves to the nearest latent-frame boundary.

    A segment that reaches beyond the clip ends with it, and a `PlanWarning` says so. Raises `PlanError` where nothing
    of it is left, or too little for a latent frame: no boundary between its bounds, or less than half of what it would
    get. `name` is what messages call it.
    """
    start, end = _frames(segment, clip)
    limit = _shown(clip.frames, segment.unit, clip)
    if start >= clip.frames:
        raise PlanError(f"{name} {segment} starts at or after the clip's end at {limit}")
    first, last = (int(clip.time_at(min(frame, clip.frames), "latent_frames")) for frame in (start, end))
    beyond = overrun(segment, clip, name=name)
    length = min(end, clip.frames) - start
    if first >= last or 2 * length < clip.first_frame(last) - clip.first_frame(first) - _TOLERANCE:
        part = f", of which the clip's end at {limit} leaves too little," if beyond else ""
        raise PlanError(
            f"{name} {segment}{part} is shorter than one latent frame of this clip; the shortest possible is "
            f"{_shown(clip.compression, segment.unit, clip)}"
        )
    if beyond:
        warnings.warn(beyond, PlanWarning, stacklevel=2)
    return Stretch(first, last)


def overrun(segment: Segment, clip: Clip, *, name: str = "the segment") -> str:
    """What to say of a segment that reaches beyond the clip, "" of one that does not."""
    _, end = _frames(segment, clip)
    if end <= clip.frames * (1 + _TOLERANCE):
        return ""
    limit = _shown(clip.frames, segment.unit, clip)
    return f"{name} {segment} goes beyond the clip's end at {limit} and is cut there"


def snap_plan(plan: Plan, clip: Clip) -> list[list[Stretch]]:
    """The latent frames of every event, per subject, with warnings as in `snap`.

    Raises `PlanError` where a segment does not fit the clip, or where segments in different units turn out not to ascend.
    """
    return [_snap_subject(subject, clip) for subject in plan.subjects]


def _snap_subject(subject: Subject, clip: Clip) -> list[Stretch]:
    _check_order(subject, clip)
    if is_uniform(subject):
        shared = _shared_evenly(len(subject.events), clip)
        if shared:
            return shared
    try:
        return [snap(event.segment, clip, name=_name(event)) for event in subject.events]
    except PlanError as error:
        if len(subject.events) <= clip.latent_frames:
            raise
        raise PlanError(
            f"{subject.text!r} has {len(subject.events)} events, but the clip has only {clip.latent_frames} latent "
            "frames; generate more frames or plan fewer events"
        ) from error


def is_uniform(subject: Subject) -> bool:
    """Whether a subject's events share the clip evenly, as written with four digits or more."""
    pairs = zip((event.segment for event in subject.events), uniform(len(subject.events)), strict=True)
    return all(
        one.unit == even.unit
        and math.isclose(one.start, even.start, abs_tol=1e-4)
        and math.isclose(1.0 if one.end is None else one.end, even.end or 1.0, abs_tol=1e-4)
        for one, even in pairs
    )


def _shared_evenly(count: int, clip: Clip) -> list[Stretch]:
    """The latent frames cut at the boundaries nearest to even shares, and one at least in each; [] where there are too few."""
    # those that the pipeline cuts off as a whole go with the first event
    hidden = next(k for k in range(clip.latent_frames) if clip.first_frame(k + 1) > 0)
    if count > clip.latent_frames - hidden:
        return []
    bounds = [0]
    for k in range(1, count):
        nearest = int(clip.time_at(k / count * clip.frames, "latent_frames"))
        bounds.append(min(max(nearest, bounds[-1] + 1, hidden + k), clip.latent_frames - (count - k)))
    return [Stretch(first, last) for first, last in pairwise([*bounds, clip.latent_frames])]


def misfits(plan: Plan, clip: Clip) -> list[str]:
    """All that does not fit the clip, event by event where that tells more."""

    def misfit(part: Plan) -> str | None:
        try:
            snap_plan(part, clip)
        except PlanError as error:
            return str(error)
        return None

    found: list[str | None] = []
    for subject in plan.subjects:
        row = plan.model_copy(update={"subjects": (subject,)})
        if misfit(row):  # events that share a coarse clip evenly may fit together though each does not alone
            parts = [subject.model_copy(update={"events": (event,)}) for event in subject.events]
            found += [misfit(plan.model_copy(update={"subjects": (part,)})) for part in parts] + [misfit(row)]
    return list(dict.fromkeys(one for one in found if one))


def remarks(plan: Plan, rows: Sequence[Sequence[Stretch]], clip: Clip) -> list[str]:
    """What the timeline leaves open or does twice: for each subject, where nothing is due, and where two events are.

    `rows` are the latent frames of every event, as `snap_plan` gives them.
    """
    said = []
    for subject, row in zip(plan.subjects, rows, strict=True):
        reached = 0
        for first, last in [*sorted(row), (clip.latent_frames, clip.latent_frames)]:
            if first > reached:
                said.append(f"nothing is due for {subject.text!r} in {_place(Stretch(reached, first), clip)}")
            reached = max(reached, last)
        due = zip(subject.events, row, strict=True)
        for (event, one), (other, two) in combinations(due, 2):
            both = Stretch(max(one.first, two.first), min(one.last, two.last))
            if both.first < both.last:
                said.append(f"{event.text!r} and {other.text!r} are both due in {_place(both, clip)}")
    return said


def overruns(plan: Plan, clip: Clip) -> list[str]:
    """For each event that reaches beyond the clip, what `snap` warns of."""
    events = [event for subject in plan.subjects for event in subject.events]
    return [said for event in events if (said := overrun(event.segment, clip, name=_name(event)))]


def _name(event: Event) -> str:
    return f"the segment of {event.text!r},"


def _check_order(subject: Subject, clip: Clip) -> None:
    for before, after in pairwise(subject.events):
        starts = [_frames(event.segment, clip)[0] for event in (before, after)]
        if starts[1] < starts[0] - _TOLERANCE:
            raise PlanError(
                f"the segments of {subject.text!r} must ascend, but on this clip {after.text!r} ({after.segment}, from "
                f"frame {starts[1]:.4g}) starts before {before.text!r} ({before.segment}, from frame {starts[0]:.4g})"
            )


def _frames(segment: Segment, clip: Clip) -> tuple[float, float]:
    """Start and end of a segment as numbers of frames."""
    end = clip.frames if segment.end is None else clip.frame_at(segment.end, segment.unit)
    return clip.frame_at(segment.start, segment.unit), end


def _shown(frames: float, unit: Unit, clip: Clip) -> str:
    """A length of time in a unit, rounded up, so that as much is enough."""
    time = clip.time_at(frames, unit)
    if unit == "fraction":
        return f"{math.ceil(time * 10_000 - _TOLERANCE) / 100:g}% ({math.ceil(time * 10_000 - _TOLERANCE) / 10_000:g})"
    if unit == "seconds":
        return f"{math.ceil(time * 1000 - _TOLERANCE) / 1000:g} s"
    return f"{time:g} {'latent frames' if unit == 'latent_frames' else unit}"


def _place(stretch: Stretch, clip: Clip) -> str:
    first, last = clip.first_frame(stretch.first), clip.first_frame(stretch.last)
    count = (
        f"frame {stretch.first}" if stretch.last == stretch.first + 1 else f"frames {stretch.first}-{stretch.last - 1}"
    )
    return f"latent {count} ({first / clip.fps:.2f}-{last / clip.fps:.2f} s)"
