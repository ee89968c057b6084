"""Segments of the command line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.strategies import segments
from tsattn.errors import PlanError
from tsattn.plan import Segment, parse_segments
from tsattn.plan.notation import Unit

UNITS: list[Unit] = ["fraction", "seconds", "frames", "latent_frames"]


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
        ("60%,0.4", [(0, 0.6), (0.6, 1)]),
        ("0%-60%,40%-", [(0, 0.6), (0.4, None)]),
        ("50%-100%,0%-50%", [(0.5, 1), (0, 0.5)]),
    ],
)
def test_fractions(text: str, expected: list[tuple[float, float | None]]) -> None:
    segments = parse_segments(text)
    assert [(s.start, s.end) for s in segments] == expected
    assert {s.unit for s in segments} == {"fraction"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2s,1.1s", [(0, 2), (2, 3.1)]),
        ("0s-1.2s,1.2s-3s", [(0, 1.2), (1.2, 3)]),
        ("0-1s", [(0, 1)]),
        ("0:00-0:02,0:02-", [(0, 2), (2, None)]),
        ("0:02,3s", [(0, 2), (2, 5)]),
    ],
)
def test_seconds(text: str, expected: list[tuple[float, float | None]]) -> None:
    segments = parse_segments(text)
    assert [(s.start, s.end) for s in segments] == expected
    assert {s.unit for s in segments} == {"seconds"}


def test_frames_and_units_mixed() -> None:
    assert [str(segment) for segment in parse_segments("40f,41f")] == ["0f-40f", "40f-81f"]
    assert [str(segment) for segment in parse_segments("0s-2s, 60%-80%; 70f-")] == ["0s-2s", "60%-80%", "70f-"]


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
        ("60%,50%", "'50%'", "110 %"),
        ("60,40", "'60'", "write 40% for percent"),
        ("0-0.5,0.5-1.2", "'0.5-1.2'", "beyond 100 %"),
        ("0-40,40-100", "'0-40'", "write 40% for percent"),
        ("60%,1s", "'1s'", "different units"),
        ("2f,1.5f", "'1.5f'", "frames are whole"),
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


@given(st.text(alphabet="0123456789.,;:%sfl- en", max_size=20))
def test_any_text_gives_segments_or_a_plan_error(text: str) -> None:
    try:
        segments = parse_segments(text)
    except PlanError:
        return
    assert segments


@given(st.lists(st.integers(1, 99), max_size=8, unique=True).map(sorted), st.sampled_from(["s", "%"]))
def test_lengths_follow_each_other_without_gap(cuts: list[int], sign: str) -> None:
    segments = parse_segments(",".join(f"{b - a}{sign}" for a, b in pairwise([0, *cuts, 100])))
    assert segments[0].start == 0
    assert segments[-1].end == (100 if sign == "s" else 1)
    assert all(one.end == other.start for one, other in pairwise(segments))


@given(st.lists(st.sampled_from(UNITS).flatmap(segments), min_size=1, max_size=8))
def test_written_segments_read_back(given_: list[Segment]) -> None:
    assert parse_segments(",".join(segment.written for segment in given_)) == given_
