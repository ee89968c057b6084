"""Intervals by the bootstrap, of a mean and of what one run gains over another.

What is drawn with replacement are whole groups, such as a prompt with all of its seeds, because videos of one prompt are
alike. The interval is that of the percentiles, and the draws are the same for the same groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
"""Draws at the least ..."""
BEYOND = 10
"""... and so many that this number of them is expected beyond either bound, however far out it lies."""
LEVEL = 0.95
_AT_ONCE = 500
"""Draws that are worked on together."""


class Interval(NamedTuple):
    """A mean, or a ratio of two, and the bounds of its interval."""

    mean: float
    low: float
    high: float


class Gain(NamedTuple):
    """What a run has more than another on the same groups: by how much, and how many times as much.

    `ratio` is None where the other's mean is 0; its upper bound is infinite where that happens in too many draws. `pairs`
    tells of how many values.
    """

    difference: Interval
    ratio: Interval | None
    pairs: int


def corrected(comparisons: int, level: float = LEVEL) -> float:
    """The level of each of several intervals at which all of them together hold with `level`, by Bonferroni's bound."""
    return 1 - (1 - level) / max(1, comparisons)


def interval(values: NDArray[np.float64], groups: Sequence[str], *, level: float = LEVEL) -> Interval:
    """The mean of the values (n,), and its interval where whole groups are drawn together. At least one is needed."""
    return Interval(float(values.mean()), *_bounds(_means(values[:, None], groups, level)[:, 0], level))


def gain(
    values: NDArray[np.float64], over: NDArray[np.float64], groups: Sequence[str], *, level: float = LEVEL
) -> Gain:
    """What `values` (n,) gain over those of another run, pair by pair. At least one pair is needed."""
    drawn = _means(np.stack([values, over], axis=1), groups, level)
    more, base = float(values.mean()), float(over.mean())
    difference = Interval(more - base, *_bounds(drawn[:, 0] - drawn[:, 1], level))
    if base == 0:
        return Gain(difference, None, len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(drawn[:, 1] == 0, np.inf, drawn[:, 0] / drawn[:, 1])
    return Gain(difference, Interval(more / base, *_bounds(ratios, level)), len(values))


def _means(values: NDArray[np.float64], groups: Sequence[str], level: float) -> NDArray[np.float64]:
    """The mean of every column of the values (n, c) in every draw, (draws, c)."""
    _, of = np.unique(np.asarray(groups), return_inverse=True)
    sums, sizes = np.stack([np.bincount(of, weights=column) for column in values.T], axis=1), np.bincount(of)
    drawn = _drawn(len(sums), max(DRAWS, math.ceil(2 * BEYOND / (1 - level) - 1e-6)))
    parts = (part.astype(np.float64) for part in np.split(drawn, range(_AT_ONCE, len(drawn), _AT_ONCE)))
    return np.concatenate([(part @ sums) / (part @ sizes)[:, None] for part in parts])


@lru_cache(maxsize=2)
def _drawn(groups: int, draws: int) -> NDArray[np.uint16]:
    """How often each group is in each draw, (draws, groups): the same for every figure of the same prompts."""
    random = np.random.default_rng(0)
    counts = np.empty((draws, groups), np.uint16)
    for start in range(0, draws, _AT_ONCE):
        rows = min(_AT_ONCE, draws - start)
        picked = random.integers(groups, size=(rows, groups)) + groups * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(picked.ravel(), minlength=rows * groups).reshape(rows, groups)
    return counts


def _bounds(drawn: NDArray[np.float64], level: float) -> tuple[float, float]:
    # an infinite draw must not be mixed with a finite one
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="closest_observation")
    return float(low), float(high)
