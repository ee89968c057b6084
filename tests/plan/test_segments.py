"""Segments of the command line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsattn.errors import PlanError
from tsattn.plan import Segment, parse_segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.6,0.4", [(0, 0.6), (0.6, 1)]),
        ("60%,40%", [(0, 0.6), (0.6, 1)]),
        (" 60 % ; 40 % ", [(0, 0.6), (0.6, 1)]),
        ("1", [(0, 1)]),
        ("0-0.4,0.4-1", [(0, 0.4), (0.4, 1)]),
        ("0%-40%,40%-100%", [(0, 0.4), (0.4, 1)]),
        ("0-40%;50%-100%", [(0, 0.4), (0.5, 1)]),
        (".1\u2013.2", [(0.1, 0.2)]),
    ],
)
def test_fractions(text: str, expected: list[tuple[float, float]]) -> None:
    segments = parse_segments(text)
    assert [(s.start, s.end) for s in segments] == [pytest.approx(pair) for pair in expected]
    assert {s.unit for s in segments} == {"fraction"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2s,1.1s", [(0, 2), (2, 3.1)]), ("0s-1.2s,1.2s-3s", [(0, 1.2), (1.2, 3)]), ("0-1s", [(0, 1)])],
)
def test_seconds(text: str, expected: list[tuple[float, float]]) -> None:
    segments = parse_segments(text)
    assert [(s.start, s.end) for s in segments] == [pytest.approx(pair) for pair in expected]
    assert {s.unit for s in segments} == {"seconds"}


@pytest.mark.parametrize(
    ("text", "item", "reason"),
    [
        ("", "''", "cannot read"),
        ("60%,,40%", "''", "cannot read"),
        ("60%,soon", "'soon'", "cannot read"),
        ("-0.5,1.5", "'-0.5'", "cannot read"),
        ("0.5,nan", "'nan'", "cannot read"),
        ("inf", "'inf'", "cannot read"),
        ("1e999", "'1e999'", "cannot read"),
        ("٣s", "'٣s'", "cannot read"),
        ("9" * 400 + "s", "999", "too large"),
        ("0.8-0.4", "'0.8-0.4'", "end after its start"),
        ("0.4-0.4", "'0.4-0.4'", "end after its start"),
        ("0%,100%", "'0%'", "end after its start"),
        ("0.5-1,0-0.5", "'0-0.5'", "must ascend"),
        ("60%,50%", "'50%'", "110 %"),
        ("60,40", "'60'", "write 40% for percent"),
        ("0-0.5,0.5-1.2", "'0.5-1.2'", "beyond 100 %"),
        ("0-40,40-100", "'0-40'", "write 40% for percent"),
        ("60%,1s", "'1s'", "different units"),
        ("60%,0.4", "'0.4'", "different units"),
        ("0s-40%", "'0s-40%'", "mixes units"),
        ("60%,60%-100%", "'60%-100%'", "one an interval"),
        ("50%,30%", "0%-50%", "sum to 80 %"),
    ],
)
def test_errors_name_the_item_and_the_reason(text: str, item: str, reason: str) -> None:
    with pytest.raises(PlanError) as refused:
        parse_segments(text)
    assert item in str(refused.value)
    assert reason in str(refused.value)


def test_lengths_may_miss_the_whole_by_a_rounding_error() -> None:
    segments = parse_segments("0.3333333,0.3333333,0.3333333")
    assert segments[-1].end == 1
    assert parse_segments("0.5,0.5000005")[-1].end == 1


@given(st.text(alphabet="0123456789.,;%s- en", max_size=20))
def test_any_text_gives_segments_or_a_plan_error(text: str) -> None:
    try:
        segments = parse_segments(text)
    except PlanError:
        return
    assert segments
    assert all(one.start <= other.start for one, other in pairwise(segments))


@given(st.lists(st.integers(1, 99), max_size=8, unique=True).map(sorted), st.sampled_from(["s", "%"]))
def test_lengths_follow_each_other_without_gap(cuts: list[int], sign: str) -> None:
    segments = parse_segments(",".join(f"{b - a}{sign}" for a, b in pairwise([0, *cuts, 100])))
    assert segments[0].start == 0
    assert segments[-1].end == pytest.approx(100 if sign == "s" else 1)
    assert all(one.end == other.start for one, other in pairwise(segments))


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=8, unique=True).map(sorted))
def test_written_segments_read_back(cuts: list[int]) -> None:
    segments = [Segment(start=a / 8, end=b / 8, unit="seconds") for a, b in pairwise(cuts)]
    assert parse_segments(",".join(map(str, segments))) == segments
