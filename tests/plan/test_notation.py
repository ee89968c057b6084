"""Times as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsattn.errors import PlanError
from tsattn.plan.notation import Unit, read_interval, read_time, write_time

UNITS: list[Unit] = ["fraction", "seconds", "frames", "latent_frames"]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("40%", 0.4, "fraction"),
        (" 40 % ", 0.4, "fraction"),
        ("2s", 2, "seconds"),
        ("2.5 sec", 2.5, "seconds"),
        ("3 seconds", 3, "seconds"),
        ("0:05", 5, "seconds"),
        ("1:30.5", 90.5, "seconds"),
        ("1:00:01", 3601, "seconds"),
        ("12f", 12, "frames"),
        ("12 frames", 12, "frames"),
        ("7lf", 7, "latent_frames"),
        (".5", 0.5, None),
        ("40", 40, None),
    ],
)
def test_times(text: str, value: float, unit: Unit | None) -> None:
    time = read_time(text)
    assert time is not None
    assert (float(time.value), time.unit) == (value, unit)


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "-1s", "1e3", "nan", "inf", "٣s", "1:5", "0:60", "1:2:3", "5x", "1 2", "%"]
)
def test_what_is_no_time(text: str) -> None:
    assert read_time(text) is None


@given(st.floats(0, 1e6), st.sampled_from(UNITS))
def test_what_is_written_is_read_back_to_the_last_bit(value: float, unit: Unit) -> None:
    time = read_time(write_time(value, unit))
    assert time is not None
    assert (float(time.value), time.unit) == (value, unit)


def test_intervals() -> None:
    assert read_interval("0-40%") == read_interval("0%-40%")
    assert read_interval("0-0:02") == read_interval("0s–2s")
    assert read_interval("10-40", bare="frames") == read_interval("10f-40f")
    open_ended = read_interval("3s-")
    assert open_ended is not None
    assert open_ended.end is None
    assert read_interval("40%") is None
    with pytest.raises(PlanError, match="'1s-40%' mixes units"):
        read_interval("1s-40%")
