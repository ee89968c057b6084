"""Is one run better than another? Paired by prompt and seed, with intervals in which a prompt's seeds are drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tsattn.evaluate.intervals import Interval, interval
from tsattn.evaluate.storyeval.layout import Result
from tsattn.evaluate.storyeval.score import counts, prompt_score


class Comparison(NamedTuple):
    """What the second run gains over the first, on the `pairs` of prompt and seed that count in both.

    `wins`, `ties` and `losses` count pairs as the second run sees them; `left_out` of all prompts and seeds are not in
    both, or unscored in one. `gain` is None where there is no pair.
    """

    gain: Interval | None
    wins: int
    ties: int
    losses: int
    pairs: int
    left_out: int


def compare(first: Sequence[Result], second: Sequence[Result], *, compat: bool = False) -> Comparison:
    """Compare two runs."""
    one, other = (
        {(result.name, result.seed): prompt_score(result) for result in results if counts(result, compat=compat)}
        for results in (first, second)
    )
    common = [key for key in one if key in other]
    gains = np.array([other[key] - one[key] for key in common])
    everything = {(result.name, result.seed) for result in (*first, *second)}
    return Comparison(
        gain=interval(gains, [name for name, _ in common]) if common else None,
        wins=int((gains > 0).sum()),
        ties=int((gains == 0).sum()),
        losses=int((gains < 0).sum()),
        pairs=len(common),
        left_out=len(everything) - len(common),
    )


def score_interval(results: Sequence[Result], *, compat: bool = False) -> Interval | None:
    """The mean score of a run, None where nothing counts."""
    counted = [result for result in results if counts(result, compat=compat)]
    scores = np.array([prompt_score(result) for result in counted])
    return interval(scores, [result.name for result in counted]) if counted else None
