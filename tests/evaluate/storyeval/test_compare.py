"""Paired gains and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tsattn.evaluate.storyeval.compare import compare, interval
from tsattn.evaluate.storyeval.layout import Result


def result(name: str, *flags: float, seed: int | None = None, unscored: str | None = None) -> Result:
    return Result(name, name, ("a", "b"), ("2_events",), flags, unscored, None, seed)


def test_only_the_same_prompts_and_seeds_that_count_in_both_are_compared() -> None:
    first = [result("a", 0, 0, seed=1), result("a", 1, 0, seed=2), result("b", 1, 1), result("c", 1, 1)]
    second = [
        result("a", 1, 1, seed=1), result("a", 1, 0, seed=2), result("b", unscored="no verdict: x"), result("d", 1, 1),
    ]  # fmt: skip
    found = compare(first, second)
    assert found.gain is not None
    assert found.gain.mean == 0.5
    assert found[1:] == (1, 1, 0, 2, 3)
    counted = compare(first, second, compat=True)
    assert counted.gain is not None
    assert counted.gain.mean == pytest.approx((1 + 0 - 1) / 3)
    assert counted[1:] == (1, 1, 1, 3, 2)
    assert compare(first, [result("z", 1, 1)]).gain is None


def test_a_run_gains_nothing_over_itself() -> None:
    same = [result(str(k), k % 2, 1) for k in range(30)]
    assert compare(same, same).gain == (0, 0, 0)


def test_the_interval_is_that_of_the_normal_law_where_it_holds() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 400)
    found = interval(values, [str(k) for k in range(400)])
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.low == pytest.approx(values.mean() - half, abs=0.01)
    assert found.high == pytest.approx(values.mean() + half, abs=0.01)
    assert found == interval(values, [str(k) for k in range(400)])


def test_seeds_of_a_prompt_are_drawn_together() -> None:
    """Copies of what is there already tell nothing new."""
    values = np.random.default_rng(2).normal(0, 1, 50)
    names = [str(k) for k in range(50)]
    once, thrice = interval(values, names), interval(np.repeat(values, 3), np.repeat(names, 3).tolist())
    assert thrice.low == pytest.approx(once.low)
    assert thrice.high == pytest.approx(once.high)
