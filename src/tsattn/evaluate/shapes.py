"""The embedded model measured by the exact verifier, on prompts and start noises that training never draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.evaluate.verdict import judge
from tsattn.generate import EMBEDDED, Model, describe, generate, open_model
from tsattn.methods import METHODS
from tsattn.plan import Plan, parse
from tsattn.shapes.verifier import Verdict
from tsattn.shapes.world import WORLD, sample_scene

STAGE = 99
"""First number of every evaluation seed. Training uses others (see `training/common.py`)."""


class Score(NamedTuple):
    """Shares over all prompts of one method.

    `in_segment` of the events are done in their own segment, `in_order` at any time in the right order, both whether or
    not the subject is kept; `all_in_segment` of the prompts have all events done in their segments.
    """

    in_segment: float
    in_order: float
    all_in_segment: float
    subject_kept: float
    seconds_per_video: float


def prompts(events: int, n: int, seed: int) -> list[Plan]:
    """The plans of an evaluation: held-out prompts, parsed, with uniform segments."""
    return [parse(sample_scene(np.random.default_rng([STAGE, seed, events, k]), events).prompt) for k in range(n)]


def evaluate(
    *, events: int, n: int, seed: int, methods: Sequence[str], on_video: Callable[[], None] = lambda: None
) -> dict[str, object]:
    """Generate `n` prompts with each method, the same noise for all methods, and score them.

    The result has the keys `world`, `events`, `n`, `seed` and `methods` (name to `Score` as a dict).
    """
    model = open_model(describe(EMBEDDED))
    plans = prompts(events, n, seed)
    scores = {name: _score(model, plans, seed, METHODS[name], on_video)._asdict() for name in methods}
    return {"world": WORLD, "events": events, "n": n, "seed": seed, "methods": scores}


def _score(
    model: Model, plans: Sequence[Plan], seed: int, config: ControlConfig | None, on_video: Callable[[], None]
) -> Score:
    verdicts: list[Verdict] = []
    seconds = 0.0
    for k, plan in enumerate(plans):
        settings = replace(
            model.facts.settings, seed=int(np.random.SeedSequence([STAGE, seed, k]).generate_state(1)[0])
        )
        run = generate(model, plan, settings, config=config)
        verdict = judge(plan, model.facts.clip(settings), run.video)
        if verdict is None:
            raise PlanError(f"the verifier should know every prompt of the world, but not {plan.prompt!r}")
        verdicts.append(verdict)
        seconds += run.seconds
        on_video()
    return Score(
        in_segment=float(np.mean([v.in_segment for v in verdicts])),
        in_order=float(np.mean([v.in_order for v in verdicts])),
        all_in_segment=float(np.mean([all(v.in_segment) for v in verdicts])),
        subject_kept=float(np.mean([v.subject_kept for v in verdicts])),
        seconds_per_video=seconds / len(verdicts),
    )
