"""One number of events with uniform segments, as `tsattn eval shapes` prints it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tsattn.evaluate.shapes.figures import FIGURES
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.trials import Matrix, make
from tsattn.generate import EMBEDDED, describe, open_model
from tsattn.methods import METHODS
from tsattn.shapes.world import WORLD


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


def evaluate(
    *, events: int, n: int, seed: int, methods: Sequence[str], on_video: Callable[[], None] = lambda: None
) -> dict[str, object]:
    """Generate `n` prompts with each method, the same noise for all methods, and score them.

    The result has the keys `world`, `events`, `n`, `seed` and `methods` (name to `Score` as a dict).
    """
    model = open_model(describe(EMBEDDED))
    matrix = Matrix(methods={name: METHODS[name] for name in methods}, events=(events,), seeds=(seed,), n=n)
    found: dict[str, list[Outcome]] = {name: [] for name in methods}
    for trial in matrix.trials(model.facts.settings):
        found[trial.method] += make(model, [trial]).outcomes
        on_video()
    scores = {name: _score(of_method)._asdict() for name, of_method in found.items()}
    return {"world": WORLD, "events": events, "n": n, "seed": seed, "methods": scores}


def _score(found: Sequence[Outcome]) -> Score:
    names = [*Score._fields[:-1], "seconds"]
    return Score(*(float(np.mean([FIGURES[name].of(one) for one in found])) for name in names))
