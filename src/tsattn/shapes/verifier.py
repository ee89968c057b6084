"""Reads a clip of the shapes world back: where each subject is, what it is, and which events it does when.

The verifier knows only pixels. It finds the subjects by their colourfulness (backgrounds are grey) and parts them by which
of the colours asked for is nearest in hue; a subject's colour it tells by hue, its shape by which ideal shape of the same
area and place overlaps it best, and events by the mean speed along each axis.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.shapes.world import COLOURS, EVENTS, GROWTH_SPEED, MOVE_SPEED, STILL, UNIT_AREA, Role, Track, coverage

CHROMA = 0.15
"""A pixel less colourful than this (largest channel less smallest, of full scale) is background."""
SMALLEST_AREA = 40.0
"""A subject that covers fewer pixels than this, in one frame, counts as none."""
OVERLAP = 0.75
"""A subject that overlaps no ideal shape by this share (intersection over union, of soft masks) has no shape."""
DONE = 0.5
"""An event is done when its mean speed reaches this share of the slowest speed the world knows ..."""
DOMINANT = 0.6
"""... and no other axis moves faster than this share of it."""
KEPT = 0.9
"""Share of frames that must show the named colour and shape for the subject to count as kept."""
WINDOW = 4
"""Transitions over which a speed is measured when events are looked for at any time; and a subject stays still while it
goes nowhere farther than the slowest event would take it in so many."""

_HUES = {name: colorsys.rgb_to_hsv(*rgb)[0] for name, rgb in COLOURS.items()}
_UNIT = np.array([MOVE_SPEED[0], MOVE_SPEED[0], GROWTH_SPEED[0]])


class Reading(NamedTuple):
    """A subject per frame: `state` is (f, 3) with x, y in pixels and log radius; NaN where no subject is found."""

    state: NDArray[np.float64]
    colours: list[str | None]
    shapes: list[str | None]


class Verdict(NamedTuple):
    """Per event: done inside its own segment, and done in order at any time; and whether the subject was kept.

    Of several subjects, the events stand one subject after the other, and all of them must be kept.
    """

    in_segment: list[bool]
    in_order: list[bool]
    subject_kept: bool

    @classmethod
    def of_all(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """The verdict on several subjects."""
        in_segment, in_order, kept = zip(*verdicts, strict=True)
        return cls(list(chain(*in_segment)), list(chain(*in_order)), all(kept))


def read(video: NDArray[np.uint8], colours: Sequence[str]) -> list[Reading]:
    """Locate and classify, in every frame of an RGB clip of shape (f, y, x, 3), a subject for each of these colours."""
    frames = video.astype(np.float64) / 255
    return [_read(frames, _cover(chroma)) for chroma in _parted(frames, colours)]


def _parted(frames: NDArray[np.float64], colours: Sequence[str]) -> list[NDArray[np.float64]]:
    """For each colour the colourfulness (f, y, x) of the pixels nearer to it in hue than to the others, 0 elsewhere."""
    chroma = frames.max(-1) - frames.min(-1)
    hues = _pure(frames)
    distance = [np.abs(hues - _pure(np.array(COLOURS[colour]))).sum(-1) for colour in colours]
    nearest = np.argmin(distance, axis=0)
    return [np.where(nearest == k, chroma, 0) for k in range(len(colours))]


def _pure(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """A colour (..., 3) stretched so that its channels reach from 0 to 1: its hue, without the seam of an angle."""
    low, high = colour.min(-1, keepdims=True), colour.max(-1, keepdims=True)
    pure: NDArray[np.float64] = (colour - low) / np.maximum(high - low, 1e-9)
    return pure


def _read(frames: NDArray[np.float64], cover: NDArray[np.float64]) -> Reading:
    area = cover.sum((1, 2))
    centres = np.arange(0.5, max(cover.shape[1:]))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (cover.sum(1) @ centres[: cover.shape[2]]) / area
        y = (cover.sum(2) @ centres[: cover.shape[1]]) / area
        state = np.stack([x, y, 0.5 * np.log(area / np.pi)], axis=1)
    state[area < SMALLEST_AREA] = np.nan
    seen = area >= SMALLEST_AREA
    colours = [
        _colour(frame[mask > 0.5]) if found else None for frame, mask, found in zip(frames, cover, seen, strict=True)
    ]
    return Reading(state, colours, _shapes(cover, state))


def _cover(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each pixel the subject covers, (f, y, x): its colourfulness relative to the frame's most colourful."""
    full = np.sort(chroma.reshape(len(chroma), -1), axis=1)[:, -int(SMALLEST_AREA)]
    inside = (chroma - CHROMA) / np.maximum(full - CHROMA, 1e-9)[:, None, None]
    return np.where(full[:, None, None] > 2 * CHROMA, inside.clip(0, 1), 0)


def _colour(pixels: NDArray[np.float64]) -> str:
    hue = colorsys.rgb_to_hsv(*pixels.mean(0))[0]
    return min(_HUES, key=lambda name: min(abs(hue - _HUES[name]), 1 - abs(hue - _HUES[name])))


def _shapes(cover: NDArray[np.float64], state: NDArray[np.float64]) -> list[str | None]:
    """The shape in each frame: the ideal one of the same centre and area with the largest overlap."""
    names, overlaps = list(UNIT_AREA), []
    place = np.nan_to_num(state, nan=0.0)
    for name, unit_area in UNIT_AREA.items():
        ideal = coverage(name, Track(place[:, 0], place[:, 1], np.exp(place[:, 2]) * (np.pi / unit_area) ** 0.5))
        overlaps.append(np.minimum(cover, ideal).sum((1, 2)) / np.maximum(cover, ideal).sum((1, 2)))
    best = np.argmax(overlaps, axis=0)
    return [names[k] if overlaps[k][frame] >= OVERLAP else None for frame, k in enumerate(best)]


def verify(
    video: NDArray[np.uint8], roles: Sequence[Role], segments: Sequence[Sequence[tuple[int, int]]]
) -> list[Verdict]:
    """Judge a clip of shape (f, y, x, 3) against what was asked; a verdict for each role.

    The roles differ in colour. Event k of role i is due from frame `segments[i][k][0]` up to but not including frame
    `segments[i][k][1]`, and is measured between the first and the last of them.
    """
    readings = read(video, [role.colour for role in roles])
    return [_verdict(*asked) for asked in zip(readings, roles, segments, strict=True)]


def _verdict(reading: Reading, role: Role, segments: Sequence[tuple[int, int]]) -> Verdict:
    right = [c == role.colour and s == role.shape for c, s in zip(reading.colours, reading.shapes, strict=True)]
    in_segment = [
        _event(reading.state[first:last]) == event for event, (first, last) in zip(role.events, segments, strict=True)
    ]
    return Verdict(in_segment, _in_order(reading.state, role.events), bool(np.mean(right) >= KEPT))


def _event(path: NDArray[np.float64]) -> str | None:
    """The one event that the states of some frames show, if any: by the mean speed, or by never going anywhere."""
    relative = (path[-1] - path[0]) / max(1, len(path) - 1) / _UNIT
    if not np.isfinite(relative).all():
        return None
    fastest = int(np.abs(relative).argmax())
    others = np.delete(np.abs(relative), fastest).max()
    if abs(relative[fastest]) < DONE:
        return STILL if bool((np.abs(path - path[0]) <= WINDOW * _UNIT).all()) else None
    if others > DOMINANT * abs(relative[fastest]):
        return None
    axis = np.zeros(3)
    axis[fastest] = np.sign(relative[fastest])
    return next(name for name, direction in EVENTS.items() if np.array_equal(direction, axis))


def _in_order(state: NDArray[np.float64], events: Sequence[str]) -> list[bool]:
    """Which events of the list are found, each after the one found before it (longest such subsequence)."""
    seen = [_event(state[k : k + WINDOW + 1]) for k in range(len(state) - WINDOW)]
    # best[i][t]: events found among the first i, using windows that start before t
    count = np.zeros((len(events) + 1, len(seen) + 1), dtype=int)
    for i, event in enumerate(events):
        for t, name in enumerate(seen):
            found = count[i, max(0, t - WINDOW + 1)] + 1 if name == event else 0
            count[i + 1, t + 1] = max(count[i, t + 1], count[i + 1, t], found)
    done = [False] * len(events)
    i, t = len(events), len(seen)
    while i and t:
        if count[i, t] == count[i - 1, t]:
            i -= 1
        elif count[i, t] == count[i, t - 1]:
            t -= 1
        else:
            done[i - 1] = True
            i, t = i - 1, max(0, t - WINDOW)
    return done
