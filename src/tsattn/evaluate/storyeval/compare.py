"""Is one run better than another? Paired by prompt and seed, with intervals by the bootstrap.

Prompts are drawn with replacement, each with all of its seeds, as videos of one prompt are alike; the interval is that of the
percentiles. The draws are the same for the same data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.evaluate.storyeval.layout import Result
from tsattn.evaluate.storyeval.score import counts, prompt_score

DRAWS = 10_000
LEVEL = 0.95
_AT_ONCE = 500
"""Draws that are in memory together."""


class Interval(NamedTuple):
    """A mean, and the bounds of its interval."""

    mean: float
    low: float
    high: float


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


def interval(values: NDArray[np.float64], groups: Sequence[str]) -> Interval:
    """The mean of the values, and its interval where whole groups are drawn together. At least one value is needed."""
    _, of = np.unique(np.asarray(groups), return_inverse=True)
    sums, sizes = np.bincount(of, weights=values), np.bincount(of)
    random = np.random.default_rng(0)
    means = []
    for start in range(0, DRAWS, _AT_ONCE):
        drawn = random.integers(len(sums), size=(min(_AT_ONCE, DRAWS - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))
