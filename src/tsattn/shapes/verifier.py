"""Reads a clip of the shapes world back: where the subject is, what it is, and which events it does when.

The verifier knows only pixels. It finds the subject by its colourfulness (backgrounds are grey), its colour by hue, its
shape by how much of its bounding box it fills, and events by the mean speed along each axis in the units of `world`.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.shapes.world import COLOURS, EVENTS, GROWTH_SPEED, MOVE_SPEED

CHROMA = 0.30
"""A pixel belongs to the subject when its largest channel exceeds its smallest by this much of full scale."""
SMALLEST_AREA = 40
"""Fewer subject pixels than this, in one frame, count as no subject."""
DONE = 0.5
"""An event is done when its mean speed reaches this share of the slowest speed the world knows ..."""
DOMINANT = 0.6
"""... and no other axis moves faster than this share of it."""
KEPT = 0.9
"""Share of frames that must show the named colour and shape for the subject to count as kept."""
WINDOW = 4
"""Transitions over which a speed is measured when events are looked for at any time."""

_HUES = {name: colorsys.rgb_to_hsv(*rgb)[0] for name, rgb in COLOURS.items()}
_FILL = {"triangle": (0.0, 0.64), "circle": (0.64, 0.89), "square": (0.89, 1.01)}
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
    state = np.full((len(frames), 3), np.nan)
    colours: list[str | None] = []
    shapes: list[str | None] = []
    for k, frame in enumerate(frames):
        mask = frame.max(-1) - frame.min(-1) > CHROMA
        area = int(mask.sum())
        if area < SMALLEST_AREA:
            colours.append(None)
            shapes.append(None)
            continue
        rows, columns = np.nonzero(mask)
        state[k] = columns.mean() + 0.5, rows.mean() + 0.5, 0.5 * np.log(area / np.pi)
        colours.append(_colour(frame[mask]))
        shapes.append(_shape(rows, columns, area))
    return Reading(state, colours, shapes)


def _colour(pixels: NDArray[np.float64]) -> str:
    chroma = pixels.max(-1) - pixels.min(-1)
    mean = pixels[chroma >= np.median(chroma)].mean(0)
    hue = colorsys.rgb_to_hsv(*mean)[0]
    return min(_HUES, key=lambda name: min(abs(hue - _HUES[name]), 1 - abs(hue - _HUES[name])))


def _shape(rows: NDArray[np.int64], columns: NDArray[np.int64], area: int) -> str:
    fill = area / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
    return next(name for name, (low, high) in _FILL.items() if low <= fill < high)


def verify(
    video: NDArray[np.uint8],
    colour: str,
    shape: str,
    events: Sequence[str],
    bounds: Sequence[int],
) -> Verdict:
    """Judge a clip against what was asked.

    `events` are names of `world.EVENTS`; event k is due between frames `bounds[k]` and `bounds[k + 1]`.
    """
    reading = read(video)
    right = [c == colour and s == shape for c, s in zip(reading.colours, reading.shapes, strict=True)]
    in_segment = [
        _event((reading.state[last] - reading.state[first]) / (last - first)) == event
        for event, first, last in zip(events, bounds, bounds[1:], strict=False)
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
