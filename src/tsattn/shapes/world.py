"""The world of the embedded model: one or two coloured shapes, each with events in order, rendered with exact truth.

Axes: f frames, y rows, x columns; positions in pixels with the origin at the top left, time in frames.
Everything is drawn from a `numpy.random.Generator`, so a scene is a function of its seed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

WORLD = "shapes-1"
"""Version of the scenes with one subject: their prompts, pictures and verifier. Each seed has had the same scene since."""
PAIRS = "shapes-2"
"""Version of the scenes with two subjects."""
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
    "stays still": Axis(0, 0, 0),
}
STILL = "stays still"
"""The event of a subject without events."""
CHANGES = tuple(name for name in EVENTS if name != STILL)
OPPOSITE = {
    name: next(other for other in CHANGES if np.array_equal(np.negative(EVENTS[name]), EVENTS[other]))
    for name in CHANGES
}
WORDINGS: dict[str, tuple[str, ...]] = {
    "moves right": ("moves right", "moves to the right"),
    "moves left": ("moves left", "moves to the left"),
    "moves up": ("moves up",),
    "moves down": ("moves down",),
    "grows": ("grows", "gets bigger"),
    "shrinks": ("shrinks", "gets smaller"),
    "stays still": ("stays still",),
}
LINKS = ("{}. {}", "{}. meanwhile, {}", "{} while {}", "while {}, {}", "{} and {}")
"""How prompts put two subjects together, in lower case. Their events go on side by side, whatever the link."""
MOVE_SPEED = (0.75, 1.30)
"""Range of speeds of a move, pixels per frame."""
GROWTH_SPEED = (0.020, 0.026)
"""Range of speeds of growing and shrinking, log radius per frame."""
RADIUS = (8.0, 15.0)
"""Smallest and largest radius of a shape that is alone, pixels."""
PAIR_RADIUS = (7.5, 14.1)
"""Smallest and largest radius of each of two shapes, pixels."""
GAP = 2.0
"""Smallest distance between the circles that two shapes fit in, pixels."""
TRIES = 20
"""Random places tried for the second shape before another scene is drawn."""
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


class Role(NamedTuple):
    """What a prompt tells of a subject; `events` are names of `EVENTS`."""

    colour: str
    shape: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class Actor:
    """A subject and its motion. Event k acts between frames `bounds[k]` and `bounds[k + 1]`; start is x, y and radius."""

    role: Role
    bounds: tuple[int, ...]
    speeds: tuple[float, ...]
    start: tuple[float, float, float]

    @property
    def segments(self) -> list[tuple[int, int]]:
        """The frames of each event, from the first up to but not including the second; neighbours share one frame."""
        return [(first, last + 1) for first, last in pairwise(self.bounds)]


@dataclass(frozen=True)
class Scene:
    """All that determines a clip. The actors stand in the prompt's order; no two have the same colour."""

    actors: tuple[Actor, ...]
    background: Background
    prompt: str


class Track(NamedTuple):
    """Centre and radius per frame, each of shape (f,), in pixels."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]


def track(actor: Actor, frames: slice = slice(None)) -> Track:
    """The exact motion of a subject, in all frames or a stretch of them."""
    state = np.zeros((FRAMES, 3))
    for event, speed, (first, last) in zip(actor.role.events, actor.speeds, pairwise(actor.bounds), strict=True):
        state[first + 1 : last + 1] = np.array(EVENTS[event]) * speed
    state = np.cumsum(state, axis=0)[frames]
    return _placed(Track(state[:, 0], state[:, 1], np.exp(state[:, 2])), actor.start)


def _placed(relative: Track, start: tuple[float, float, float]) -> Track:
    """A motion from the origin and radius 1, from a start on."""
    x, y, radius = start
    return Track(x + relative.x, y + relative.y, radius * relative.radius)


def coverage(shape: str, moving: Track) -> NDArray[np.float64]:
    """How much of each pixel a shape covers, shape (f, y, x), in [0, 1] with one-pixel soft edges."""
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
    picture = backdrop(scene.background)[None, :, :, None]
    for actor in scene.actors:
        cover = coverage(actor.role.shape, track(actor, frames))[..., None]
        picture = cover * np.array(COLOURS[actor.role.colour]) + (1 - cover) * picture
    pixels: NDArray[np.uint8] = np.round(255 * picture).astype(np.uint8)
    return pixels


def first_frame(scene: Scene) -> Image:
    """The picture that a scene's clip begins with, for models that start from an image."""
    from PIL import Image

    return Image.fromarray(render(scene, slice(0, 1))[0])


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
    """A random sequence in which no event follows itself or its opposite; of none, staying still."""
    chosen: list[str] = [] if events else [STILL]
    while len(chosen) < events:
        event = str(rng.choice(CHANGES))
        if not chosen or event not in (chosen[-1], OPPOSITE[chosen[-1]]):
            chosen.append(event)
    return tuple(chosen)


def sample_scene(rng: np.random.Generator, *events: int) -> Scene:
    """A random scene with a subject for each number: so many events does it have, or stays still where it is 0.

    All subjects stay inside the picture and apart from each other throughout.
    """
    while True:
        told = [sample_events(rng, count) for count in events]
        speeds = [tuple(_sample_speed(rng, name) for name in names) for names in told]
        background = sample_background(rng)
        roles = _sample_roles(rng, told)
        prompt = sample_prompt(rng, roles, background.kind)
        bounds = [sample_bounds(rng, len(names)) for names in told]
        actors = [Actor(*parts, start=(0.0, 0.0, 1.0)) for parts in zip(roles, bounds, speeds, strict=True)]
        placed = _sample_places(rng, actors)
        if placed is not None:
            return Scene(placed, background, prompt)


def _sample_speed(rng: np.random.Generator, event: str) -> float:
    if event == STILL:
        return 0.0
    return float(rng.uniform(*(GROWTH_SPEED if EVENTS[event].log_radius else MOVE_SPEED)))


def _sample_roles(rng: np.random.Generator, told: Sequence[tuple[str, ...]]) -> list[Role]:
    roles: list[Role] = []
    for names in told:
        free = [colour for colour in COLOURS if colour not in [role.colour for role in roles]]
        roles.append(Role(str(rng.choice(free)), str(rng.choice(SHAPES)), names))
    return roles


def _sample_places(rng: np.random.Generator, actors: Sequence[Actor]) -> tuple[Actor, ...] | None:
    """The actors with random starts, or None where one found no place: the first has one try, the others have `TRIES`."""
    radii = RADIUS if len(actors) == 1 else PAIR_RADIUS
    placed: list[Actor] = []
    taken: list[Track] = []
    for actor in actors:
        relative = track(actor)
        for _ in range(TRIES if placed else 1):
            start = _sample_start(rng, relative, radii)
            if start is not None and all(_apart(_placed(relative, start), other) for other in taken):
                placed.append(replace(actor, start=start))
                taken.append(_placed(relative, start))
                break
        else:
            return None
    return tuple(placed)


def _sample_start(
    rng: np.random.Generator, relative: Track, radii: tuple[float, float]
) -> tuple[float, float, float] | None:
    """A start from which the motion stays in bounds, or None where the motion allows none."""
    low, high = radii[0] / relative.radius.min(), radii[1] / relative.radius.max()
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


def _apart(a: Track, b: Track) -> bool:
    """Whether the circles that two shapes fit in keep their distance in all frames."""
    return bool((np.hypot(a.x - b.x, a.y - b.y) >= MARGIN * (a.radius + b.radius) + GAP).all())


def sample_prompt(rng: np.random.Generator, roles: Sequence[Role], background: str) -> str:
    """One of the wordings that the embedded model is trained on, for one role or two."""
    text = _sample_phrase(rng, roles[0])
    if len(roles) > 1:
        text = str(rng.choice(_links(*roles))).format(text, _sample_phrase(rng, roles[1]))
    text = re.sub(r"(?:^|\. )\w", lambda start: start[0].upper(), text)
    if rng.uniform() < 0.5:
        text += f" on a {background} background"
    return text + ("." if rng.uniform() < 0.5 else "")


def _sample_phrase(rng: np.random.Generator, role: Role) -> str:
    words = [str(rng.choice(WORDINGS[event])) for event in role.events]
    text = f"{'a' if rng.uniform() < 0.8 else 'the'} {role.colour} {role.shape} {words[0]}"
    joint = str(rng.choice([", then ", ", and then ", " and then "]))
    for word in words[1:-1]:
        text += joint + word
    if len(words) > 1:
        text += str(rng.choice([", then ", ", and then ", " and then ", ", and finally "])) + words[-1]
    return text


def _links(first: Role, second: Role) -> list[str]:
    """Those of `LINKS` that leave no doubt whose the events are, and when."""
    one, other = len(first.events) == 1, len(second.events) == 1
    told = {"{} while {}": other, "while {}, {}": one, "{} and {}": one and other}
    return [link for link in LINKS if told.get(link, True)]
