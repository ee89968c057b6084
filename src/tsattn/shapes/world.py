"""The world of the embedded model: one coloured shape, a background, and events in order, rendered with exact truth.

Axes: f frames, y rows, x columns; positions in pixels with the origin at the top left, time in frames.
Everything is drawn from a `numpy.random.Generator`, so a scene is a function of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORLD = "shapes-1"
SIZE = 64
FRAMES = 25
FPS = 8

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.15, 0.15),
    "green": (0.15, 0.75, 0.20),
    "blue": (0.20, 0.30, 0.95),
    "yellow": (0.95, 0.85, 0.15),
    "purple": (0.65, 0.20, 0.85),
}
UNIT_AREA = {"circle": float(np.pi), "square": 1.76**2, "triangle": 1.1 * 1.9}
"""The shapes, each with its area at radius 1."""
SHAPES = tuple(UNIT_AREA)
BACKGROUNDS = ("plain", "striped", "checkered", "dotted")


class Axis(NamedTuple):
    """One event as a direction in (x, y, log radius) space."""

    x: int
    y: int
    log_radius: int


EVENTS: dict[str, Axis] = {
    "moves right": Axis(1, 0, 0),
    "moves left": Axis(-1, 0, 0),
    "moves up": Axis(0, -1, 0),
    "moves down": Axis(0, 1, 0),
    "grows": Axis(0, 0, 1),
    "shrinks": Axis(0, 0, -1),
}
OPPOSITE = {
    name: next(other for other, b in EVENTS.items() if np.array_equal(np.negative(a), b)) for name, a in EVENTS.items()
}
WORDINGS: dict[str, tuple[str, ...]] = {
    "moves right": ("moves right", "moves to the right"),
    "moves left": ("moves left", "moves to the left"),
    "moves up": ("moves up",),
    "moves down": ("moves down",),
    "grows": ("grows", "gets bigger"),
    "shrinks": ("shrinks", "gets smaller"),
}
MOVE_SPEED = (0.75, 1.30)
"""Range of speeds of a move, pixels per frame."""
GROWTH_SPEED = (0.020, 0.026)
"""Range of speeds of growing and shrinking, log radius per frame."""
RADIUS = (8.0, 15.0)
"""Smallest and largest radius a shape ever has, pixels."""
MARGIN = 1.27
"""Distance of the outermost point of any shape from its centre, in radii."""
PERIOD = 16.0
"""Period of every texture, pixels. Textures of any period and angle took most of a tiny model's training."""
MIN_EVENT = 5
"""Shortest event, frames."""


@dataclass(frozen=True)
class Background:
    """A grey, static backdrop. `angle` in radians, `period` in pixels, `phase` in periods, levels in [0, 1]."""

    kind: str
    level: float
    contrast: float
    angle: float
    period: float
    phase: float


@dataclass(frozen=True)
class Scene:
    """All that determines a clip. Event k acts between frames `bounds[k]` and `bounds[k + 1]`."""

    colour: str
    shape: str
    events: tuple[str, ...]
    bounds: tuple[int, ...]
    speeds: tuple[float, ...]
    start: tuple[float, float, float]
    background: Background
    prompt: str

    @property
    def segments(self) -> list[tuple[int, int]]:
        """The frames of each event, from the first up to but not including the second; neighbours share one frame."""
        return [(first, last + 1) for first, last in zip(self.bounds, self.bounds[1:], strict=False)]


class Track(NamedTuple):
    """Centre and radius per frame, each of shape (f,), in pixels."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]


def track(scene: Scene, frames: slice = slice(None)) -> Track:
    """The exact motion of the scene's subject, in all frames or a stretch of them."""
    state = np.zeros((FRAMES, 3))
    for event, speed, first, last in zip(scene.events, scene.speeds, scene.bounds, scene.bounds[1:], strict=False):
        state[first + 1 : last + 1] = np.array(EVENTS[event]) * speed
    state = np.cumsum(state, axis=0)[frames]
    x, y, radius = scene.start
    return Track(x + state[:, 0], y + state[:, 1], radius * np.exp(state[:, 2]))


def coverage(shape: str, moving: Track) -> NDArray[np.float64]:
    """How much of each pixel the subject covers, shape (f, y, x), in [0, 1] with one-pixel soft edges."""
    centres = np.arange(SIZE) + 0.5
    x = centres[None, None, :] - moving.x[:, None, None]
    y = centres[None, :, None] - moving.y[:, None, None]
    r = moving.radius[:, None, None]
    if shape == "circle":
        distance = np.hypot(x, y) - r
    elif shape == "square":
        distance = np.maximum(np.abs(x), np.abs(y)) - 0.88 * r
    else:  # isosceles triangle pointing up, its centroid at the centre
        height, half_base = 1.9 * r, 1.1 * r
        slope = np.hypot(height, half_base)
        side = (np.abs(x) * height - (y + height * 2 / 3) * half_base) / slope
        distance = np.maximum(side, y - height / 3)
    covered: NDArray[np.float64] = np.clip(0.5 - distance, 0.0, 1.0)
    return covered


def backdrop(background: Background) -> NDArray[np.float64]:
    """Grey level per pixel, shape (y, x)."""
    y, x = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5, indexing="ij")
    along = x * np.cos(background.angle) + y * np.sin(background.angle)
    across = -x * np.sin(background.angle) + y * np.cos(background.angle)
    if background.kind == "plain":
        pattern = (along - along.mean()) / SIZE
    else:
        a = np.sin(2 * np.pi * (along / background.period + background.phase))
        b = np.sin(2 * np.pi * (across / background.period + background.phase))
        wave = {"striped": a, "checkered": a * b * 2, "dotted": (a + b - 0.9) * 1.5}[background.kind]
        pattern = np.clip(wave * 2, -1.0, 1.0) / 2
    level: NDArray[np.float64] = np.clip(background.level + background.contrast * pattern, 0.0, 1.0)
    return level


def render(scene: Scene, frames: slice = slice(None)) -> NDArray[np.uint8]:
    """The clip, or a stretch of it, as 8-bit RGB of shape (f, y, x, 3)."""
    cover = coverage(scene.shape, track(scene, frames))[..., None]
    behind = backdrop(scene.background)[None, :, :, None]
    pixels: NDArray[np.uint8] = np.round(255 * (cover * np.array(COLOURS[scene.colour]) + (1 - cover) * behind)).astype(
        np.uint8
    )
    return pixels


def sample_background(rng: np.random.Generator) -> Background:
    """A random backdrop."""
    kind = str(rng.choice(BACKGROUNDS))
    level = rng.uniform(0.25, 0.75)
    if kind == "plain":
        return Background(kind, level, rng.uniform(0.0, 0.35), rng.uniform(0, 2 * np.pi), PERIOD, 0.0)
    angle, phase = rng.choice([0.0, np.pi / 2]), rng.choice([0.0, 0.25, 0.5, 0.75])
    return Background(kind, level, rng.uniform(0.12, 0.3), float(angle), PERIOD, float(phase))


def sample_bounds(rng: np.random.Generator, events: int) -> tuple[int, ...]:
    """Random event boundaries in frames, every event at least `MIN_EVENT` frames long."""
    free = FRAMES - 1 - events * MIN_EVENT
    cuts = np.sort(rng.integers(0, free + 1, size=events - 1))
    inner = [int(cut) + MIN_EVENT * (k + 1) for k, cut in enumerate(cuts)]
    return (0, *inner, FRAMES - 1)


def sample_events(rng: np.random.Generator, events: int) -> tuple[str, ...]:
    """A random sequence in which no event follows itself or its opposite."""
    chosen: list[str] = []
    while len(chosen) < events:
        event = str(rng.choice(list(EVENTS)))
        if not chosen or event not in (chosen[-1], OPPOSITE[chosen[-1]]):
            chosen.append(event)
    return tuple(chosen)


def sample_scene(rng: np.random.Generator, events: int) -> Scene:
    """A random scene with that many events that stays inside the picture throughout."""
    while True:
        names = sample_events(rng, events)
        speeds = tuple(float(rng.uniform(*(GROWTH_SPEED if EVENTS[n].log_radius else MOVE_SPEED))) for n in names)
        background = sample_background(rng)
        colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES))
        prompt = sample_prompt(rng, colour, shape, names, background.kind)
        scene = Scene(colour, shape, names, sample_bounds(rng, events), speeds, (0.0, 0.0, 1.0), background, prompt)
        start = _sample_start(rng, track(scene))
        if start is not None:
            return Scene(**{**scene.__dict__, "start": start})


def _sample_start(rng: np.random.Generator, relative: Track) -> tuple[float, float, float] | None:
    """A start from which the motion stays in bounds, or None where the motion allows none."""
    low, high = RADIUS[0] / relative.radius.min(), RADIUS[1] / relative.radius.max()
    if low > high:
        return None
    radius = float(rng.uniform(low, high))
    reach = MARGIN * radius * relative.radius
    start = []
    for moved in (relative.x, relative.y):
        first, last = (reach - moved).max(), (SIZE - reach - moved).min()
        if first > last:
            return None
        start.append(float(rng.uniform(first, last)))
    return start[0], start[1], radius


def sample_prompt(rng: np.random.Generator, colour: str, shape: str, events: tuple[str, ...], background: str) -> str:
    """One of the wordings that the embedded model is trained on."""
    words = [str(rng.choice(WORDINGS[event])) for event in events]
    text = f"{'A' if rng.uniform() < 0.8 else 'The'} {colour} {shape} {words[0]}"
    joint = str(rng.choice([", then ", ", and then ", " and then "]))
    for word in words[1:-1]:
        text += joint + word
    if len(words) > 1:
        text += str(rng.choice([", then ", ", and then ", " and then ", ", and finally "])) + words[-1]
    if rng.uniform() < 0.5:
        text += f" on a {background} background"
    return text + ("." if rng.uniform() < 0.5 else "")
