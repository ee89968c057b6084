"""Reads a clip of the shapes world back: where the subject is, what it is, and which events it does when.

The verifier knows only pixels. It finds the subject by its colourfulness (backgrounds are grey), its colour by hue, its
shape by which ideal shape of the same area and place overlaps it best, and events by the mean speed along each axis.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.shapes.world import COLOURS, EVENTS, GROWTH_SPEED, MOVE_SPEED, UNIT_AREA, Track, coverage

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
"""Transitions over which a speed is measured when events are looked for at any time."""

_HUES = {name: colorsys.rgb_to_hsv(*rgb)[0] for name, rgb in COLOURS.items()}
_UNIT = np.array([MOVE_SPEED[0], MOVE_SPEED[0], GROWTH_SPEED[0]])


class Reading(NamedTuple):
    """What is seen per frame: `state` is (f, 3) with x, y in pixels and log radius; NaN where no subject is found."""

    state: NDArray[np.float64]
    colours: list[str | None]
    shapes: list[str | None]


class Verdict(NamedTuple):
    """Per event: done inside its own segment, and done in order at any time; and whether the subject was kept."""

    in_segment: list[bool]
    in_order: list[bool]
    subject_kept: bool


def read(video: NDArray[np.uint8]) -> Reading:
    """Locate and classify the subject in every frame of an RGB clip of shape (f, y, x, 3)."""
    frames = video.astype(np.float64) / 255
    cover = _cover(frames)
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


def _cover(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each pixel the subject covers, (f, y, x): its colourfulness relative to the frame's most colourful."""
    chroma = frames.max(-1) - frames.min(-1)
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
    video: NDArray[np.uint8],
    colour: str,
    shape: str,
    events: Sequence[str],
    segments: Sequence[tuple[int, int]],
) -> Verdict:
    """Judge a clip of shape (f, y, x, 3) against what was asked.

    `events` are names of `world.EVENTS`; event k is due from frame `segments[k][0]` up to but not including frame
    `segments[k][1]`, and is measured between the first and the last of them.
    """
    reading = read(video)
    right = [c == colour and s == shape for c, s in zip(reading.colours, reading.shapes, strict=True)]
    in_segment = [
        _event((reading.state[last - 1] - reading.state[first]) / max(1, last - 1 - first)) == event
        for event, (first, last) in zip(events, segments, strict=True)
    ]
    return Verdict(in_segment, _in_order(reading.state, events), bool(np.mean(right) >= KEPT))


def _event(speed: NDArray[np.float64]) -> str | None:
    """The one event that a mean speed in (x, y, log radius) per frame shows, if any."""
    relative = speed / _UNIT
    if not np.isfinite(relative).all():
        return None
    fastest = int(np.abs(relative).argmax())
    others = np.delete(np.abs(relative), fastest).max()
    if abs(relative[fastest]) < DONE or others > DOMINANT * abs(relative[fastest]):
        return None
    axis = np.zeros(3)
    axis[fastest] = np.sign(relative[fastest])
    return next(name for name, direction in EVENTS.items() if np.array_equal(direction, axis))


def _in_order(state: NDArray[np.float64], events: Sequence[str]) -> list[bool]:
    """Which events of the list are found, each after the one found before it (longest such subsequence)."""
    seen = [_event((state[k + WINDOW] - state[k]) / WINDOW) for k in range(len(state) - WINDOW)]
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
