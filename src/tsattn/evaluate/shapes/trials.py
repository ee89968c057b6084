"""Trials: one method on one case with one segmentation, each with a key that is the hash of everything that determines it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from tsattn.errors import EvaluationError
from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.evaluate.shapes.measures import Outcome, measure, rules
from tsattn.generate import Model
from tsattn.methods import ENGINE, Method, make_video
from tsattn.plan import Plan
from tsattn.settings import Settings
from tsattn.shapes.world import FRAMES, MIN_EVENT, first_frame

if TYPE_CHECKING:
    from tsattn.video import Frames

MOST_EVENTS = (FRAMES - 1) // MIN_EVENT
"""Events that a clip of the world has room for."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A video to be made and measured."""

    case: Case
    segmentation: str
    method: str
    """Its name in tables."""
    how: Method
    """What it stands for."""
    plan: Plan
    settings: Settings

    @cached_property
    def video(self) -> str:
        """Trials that have this in common have the same video: the model alone is told no segments."""
        alone = self.how.way == "one-pass" and self.how.config is None
        return _json(self._control, self.plan.prompt if alone else self._plan, asdict(self.settings))

    def key(self, weights: str) -> str:
        """The hash of all that determines the outcome, with weights of this fingerprint.

        Not into it go names, fields of a control that are at their defaults, and the versions of torch and diffusers,
        which change the rounding only.
        """
        definition = [ENGINE, weights, rules(), self._control, self._plan, asdict(self.settings)]
        return hashlib.sha256(_json(*definition).encode()).hexdigest()

    def about(self, weights: str) -> dict[str, Any]:
        """For people who look into a file of outcomes: nothing is read back from it."""
        how = {"method": self.method, "control": self._control, "weights": weights[:12]}
        case = {**self.case._asdict(), "segments": self.segmentation, "prompt": self.plan.prompt}
        return {**how, **case, "steps": self.settings.steps, "guidance": self.settings.guidance}

    @property
    def _control(self) -> list[Any]:
        config = self.how.config
        if config is None:
            return [self.how.way, None]
        return [
            self.how.way,
            {one.name: value for one in fields(config) if (value := getattr(config, one.name)) != one.default},
        ]

    @property
    def _plan(self) -> dict[str, Any]:
        return self.plan.model_dump(mode="json")


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Methods × numbers of events × segmentations × seeds, `n` prompts of each, with one subject.

    `final` draws the prompts of the final table, which nothing else may be tuned on. Raises `EvaluationError` where one of
    them is empty or out of range.
    """

    methods: Mapping[str, Method]
    events: Sequence[int] = (2, 3, 4)
    segmentations: Sequence[str] = ("uniform",)
    seeds: Sequence[int] = (0,)
    n: int = 100
    final: bool = False

    def __post_init__(self) -> None:
        for name, values, least, most in (
            ("events", self.events, 1, MOST_EVENTS), ("seeds", self.seeds, 0, 2**63 - 1), ("n", [self.n], 1, 10**6),
        ):  # fmt: skip
            if not values or not all(least <= value <= most for value in values):
                raise EvaluationError(f"{name} must be from {least} to {most}, but got {list(values)}")

    def trials(self, settings: Settings) -> Iterator[Trial]:
        """All trials: those of one prompt together, so that what is done first can be compared."""
        places = itertools.product(dict.fromkeys(self.events), dict.fromkeys(self.seeds), range(self.n))
        for events, seed, number in places:
            case = Case((events,), seed, number, self.final)
            yield from trials_of(case, self.methods, tuple(dict.fromkeys(self.segmentations)), settings)


def trials_of(
    case: Case, methods: Mapping[str, Method], segmentations: Sequence[str], settings: Settings
) -> Iterator[Trial]:
    """Methods × segmentations on one case; the seed of the settings is the case's."""
    noisy = replace(settings, seed=case.noise)
    plans = {name: plan_of(case, name) for name in segmentations}
    for method, how in methods.items():
        for segmentation, plan in plans.items():
            yield Trial(case=case, segmentation=segmentation, method=method, how=how, plan=plan, settings=noisy)


class Made(NamedTuple):
    """A video and its outcome by the plan of each trial that it was made for."""

    video: Frames
    outcomes: list[Outcome]


def make(model: Model, trials: Sequence[Trial]) -> Made:
    """Make the video that trials have in common, and measure it by the plan of each.

    A model that starts from an image gets the first frame of the scene that the prompt was written for.
    """
    first = trials[0]
    image = first_frame(first.case.scene) if model.facts.takes_image else None
    run = make_video(model, first.plan, first.settings, first.how, image=image)
    clip = model.facts.clip(first.settings)
    return Made(run.video, [measure(trial.plan, clip, run.video, run.seconds) for trial in trials])


def _json(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True)
