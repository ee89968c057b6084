"""Held-out prompts of the world, and the ways in which their clips are cut into segments."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tsattn.errors import PlanError
from tsattn.plan import Plan, parse
from tsattn.plan.schema import Segment, uniform
from tsattn.shapes.world import FRAMES, Scene, sample_scene

DEVELOPMENT = 99
"""First number of the seeds of every measurement but the final table's. Training uses others (see `training/common.py`)."""
FINAL = 199
"""First number of the seeds of the final table: only `Matrix(final=True)` draws from them."""
JITTER = 0.25
"""How far a jittered bound is moved from the uniform one at the most, as a share of a uniform segment."""
PACES = (("briefly", 0.5), ("quickly", 0.7), ("", 1.0), ("slowly", 1.5))
"""What is said of an event that lasts about so many times as long as if the events shared the clip evenly."""


class Case(NamedTuple):
    """A held-out scene and a start noise: number `number` of those with a seed and so many events of each subject."""

    events: tuple[int, ...]
    seed: int
    number: int
    final: bool = False

    @property
    def scene(self) -> Scene:
        """The scene whose prompt is asked for; what the model makes of it is another with the same events.

        No two subjects have the same events: then nothing would tell whether each does its own.
        """
        random = self._random(*self.events, self.number)
        while True:
            scene = sample_scene(random, *self.events)
            if len({actor.role.events for actor in scene.actors}) == len(self.events):
                return scene

    @property
    def noise(self) -> int:
        """The seed of the start noise, the same for all methods."""
        return int(np.random.SeedSequence([*self._stage, self.number]).generate_state(1)[0])

    @property
    def prompt_id(self) -> str:
        """Which prompt and noise, for pairing runs."""
        return f"{self.seed}-{self.number}"

    def moved(self) -> list[float]:
        """How far each bound between events is moved by jitter, as a share of a uniform segment."""
        count = sum(self.events)
        moves = self._random(*self.events, self.number, 1).uniform(-JITTER, JITTER, size=count - 1)
        return [float(move) for move in moves]

    @property
    def _stage(self) -> tuple[int, int]:
        return FINAL if self.final else DEVELOPMENT, self.seed

    def _random(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([*self._stage, *numbers])


def plan_of(case: Case, segmentation: str) -> Plan:
    """The prompt of a case as the offline parser reads it, with segments by one of `SEGMENTATIONS`.

    Raises `PlanError` for one that there is not; "jittered" and "parser" are for one subject.
    """
    if segmentation not in SEGMENTATIONS:
        raise PlanError(f"unknown segmentation {segmentation!r}; there are {', '.join(SEGMENTATIONS)}")
    plan = _parsed(case.scene.prompt)
    return plan.with_segments(SEGMENTATIONS[segmentation](case, plan))


@lru_cache(maxsize=64)
def _parsed(prompt: str) -> Plan:
    return parse(prompt)


def _uniform(case: Case, plan: Plan) -> list[Segment]:
    return [segment for subject in plan.subjects for segment in uniform(len(subject.events))]


def _true(case: Case, plan: Plan) -> list[Segment]:
    """The random bounds of the scene that the prompt was written for."""
    ends = [map(float, [*actor.bounds[:-1], FRAMES]) for actor in case.scene.actors]
    return [Segment(start=first, end=last, unit="frames") for own in ends for first, last in pairwise(own)]


def _jittered(case: Case, plan: Plan) -> list[Segment]:
    (events,) = case.events
    inner = [(k + 1 + move) / events for k, move in enumerate(case.moved())]
    return [Segment(start=first, end=last) for first, last in pairwise([0.0, *inner, 1.0])]


def _by_parser(case: Case, plan: Plan) -> list[Segment]:
    """What the offline parser proposes where the prompt says by "slowly" or "briefly" how long each true event lasts.

    Only the segments are taken: these words are no part of the embedded model's language. Raises `PlanError` where the
    parser finds other events than without them.
    """
    (events,) = case.events
    even = (FRAMES - 1) / events
    told = plan.prompt
    lengths = [last - first for first, last in pairwise(case.scene.actors[0].bounds)]
    for event, length in reversed(list(zip(plan.subjects[0].events, lengths, strict=True))):
        pace = min(PACES, key=lambda one: abs(one[1] - length / even))[0]
        first = event.span[0]
        told = told[:first] + (f"{pace} " if pace else "") + told[first:]
    found = [event.segment for event in parse(told).subjects[0].events]
    if len(found) != events:
        raise PlanError(f"expected {events} events in {told!r}, but the parser found {len(found)}")
    return found


SEGMENTATIONS: dict[str, Callable[[Case, Plan], list[Segment]]] = {
    "uniform": _uniform,
    "true": _true,
    "jittered": _jittered,
    "parser": _by_parser,
}
"""Ways to cut a clip: even shares; the random bounds of a true scene; even shares moved by `JITTER`; the true lengths,
told in words and read by the parser."""
