"""Paired gains and their intervals."""

from __future__ import annotations

import pytest

from tsattn.evaluate.storyeval.compare import compare
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
