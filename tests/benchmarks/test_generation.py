"""Whole videos side by side, on a tiny model."""

from benchmarks import generation
from tests.methods.toys import SETTINGS, from_text


def test_methods_are_timed_side_by_side_and_their_work_is_counted():
    case = generation.measure("tiny", from_text(), rounds=1)
    once = 2 * SETTINGS.steps
    assert case.tokens == 8 * 2 * 2
    assert case.work["vanilla"][:2] == case.work["ts-attn"][:2] == (once, once * case.tokens)
    assert case.work["vanilla"].gigabytes < case.work["ts-attn"].gigabytes < case.work["windows"].gigabytes
    for several in ("pass-per-event", "windows"):
        assert case.work[several].calls == 3 * once
        assert case.work[several].tokens > case.work["vanilla"].tokens
    assert set(case.seconds) == set(case.ratios) == set(generation.WAYS)
    assert case.ratios["vanilla"]["whole run"].median == 1
