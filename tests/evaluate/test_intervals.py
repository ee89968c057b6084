"""Intervals of means, and of gains of one run over another."""

from __future__ import annotations

import numpy as np
import pytest

from tsattn.evaluate.intervals import corrected, gain, interval


def names(count: int) -> list[str]:
    return [str(k) for k in range(count)]


@pytest.mark.parametrize(("level", "deviations"), [(0.95, 1.96), (0.999, 3.291)])
def test_the_interval_is_that_of_the_normal_law_where_it_holds(level: float, deviations: float) -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 400)
    found = interval(values, names(400), level=level)
    half = deviations * values.std() / np.sqrt(400)
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)
    assert found == interval(values, names(400), level=level)


def test_seeds_of_a_prompt_are_drawn_together() -> None:
    """Copies of what is there already tell nothing new."""
    values = np.random.default_rng(2).normal(0, 1, 50)
    once, thrice = interval(values, names(50)), interval(np.repeat(values, 3), np.repeat(names(50), 3).tolist())
    assert thrice.low == pytest.approx(once.low)
    assert thrice.high == pytest.approx(once.high)


def test_a_gain_is_that_of_the_pairs() -> None:
    base = np.random.default_rng(3).uniform(0.2, 0.8, 60)
    found = gain(base + 0.1, base, names(60))
    assert found.difference == pytest.approx((0.1, 0.1, 0.1))
    tripled = gain(3 * base, base, names(60)).ratio
    assert tripled == pytest.approx((3, 3, 3))


def test_a_ratio_to_nothing_is_none_and_to_next_to_nothing_has_no_upper_bound() -> None:
    ones, zeros = np.ones(20), np.zeros(20)
    assert gain(ones, zeros, names(20)).ratio is None
    rare = zeros.copy()
    rare[0] = 1
    ratio = gain(ones, rare, names(20)).ratio
    assert ratio is not None
    assert ratio.mean == 20
    assert ratio.high == np.inf
    assert 1 < ratio.low < 20


def test_many_intervals_are_wider_than_one() -> None:
    assert corrected(1) == pytest.approx(0.95)
    assert corrected(0) == pytest.approx(0.95)
    assert corrected(50) == pytest.approx(0.999)
    values = np.random.default_rng(4).normal(0, 1, 100)
    one, many = interval(values, names(100)), interval(values, names(100), level=corrected(50))
    assert many.low < one.low < one.high < many.high
