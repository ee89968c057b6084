"""From a plan's segments to latent frames, by the mapping of a causal video autoencoder.

The first latent frame covers one frame, each later one covers `compression` frames. A segment is cut on latent-frame
boundaries only: a boundary inside a latent frame would ask one token for two events.
"""

from __future__ import annotations

from typing import NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.schema import Plan, Segment


class Clip(NamedTuple):
    """Length of a clip: its frames, frames per second, and the temporal compression of the autoencoder."""

    frames: int
    fps: float
    compression: int

    @property
    def latent_frames(self) -> int:
        """How many latent frames the clip has."""
        return 1 + (self.frames - 1) // self.compression

    @property
    def seconds(self) -> float:
        """Duration of the clip."""
        return self.frames / self.fps

    def first_frame(self, latent: int) -> int:
        """The first frame that a latent frame covers; for the one past the last, the number of frames."""
        if latent == self.latent_frames:
            return self.frames
        return 0 if latent == 0 else 1 + (latent - 1) * self.compression


class Stretch(NamedTuple):
    """Latent frames from `first` up to but not including `last`."""

    first: int
    last: int


def snap(segment: Segment, clip: Clip) -> Stretch:
    """The latent frames of a segment: each bound moves to the nearest latent-frame boundary.

    Raises `PlanError` where the segment lies beyond the clip or is shorter than one latent frame.
    """
    scale = clip.frames if segment.unit == "fraction" else clip.fps
    if segment.start * scale >= clip.frames:
        raise PlanError(f"the segment {segment} starts after the clip's end at {clip.seconds:.4g} s")
    if segment.end * scale > clip.frames * (1 + 1e-6):
        raise PlanError(f"the segment {segment} goes beyond the clip's end at {clip.seconds:.4g} s")
    first, last = (_nearest(moment * scale, clip) for moment in (segment.start, segment.end))
    if first >= last:
        shortest = clip.compression / clip.fps
        raise PlanError(
            f"the segment {segment} is shorter than one latent frame; the shortest possible is {shortest:.3g} s "
            f"({100 * clip.compression / clip.frames:.3g} % of this clip)"
        )
    return Stretch(first, last)


def snap_plan(plan: Plan, clip: Clip) -> list[list[Stretch]]:
    """The latent frames of every event, per subject.

    Raises `PlanError` where a subject has more events than the clip has latent frames.
    """
    for subject in plan.subjects:
        if len(subject.events) > clip.latent_frames:
            raise PlanError(
                f"{subject.text!r} has {len(subject.events)} events, but the clip has only {clip.latent_frames} latent "
                "frames; generate more frames or plan fewer events"
            )
    return [[snap(event.segment, clip) for event in subject.events] for subject in plan.subjects]


def _nearest(frame: float, clip: Clip) -> int:
    bounds = range(clip.latent_frames + 1)
    return min(bounds, key=lambda latent: abs(clip.first_frame(latent) - frame))
