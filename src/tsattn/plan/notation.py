"""How times are written: "40%", "2.5s", "0:05", "12f", "3lf", alone or as an interval "0s-2s".

Digits are read and written as decimals, so that what is written is read back to the last bit.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, NamedTuple

from tsattn.errors import PlanError

Unit = Literal["fraction", "seconds", "frames", "latent_frames"]

SIGNS: dict[Unit, str] = {"fraction": "%", "seconds": "s", "frames": "f", "latent_frames": "lf"}
"""What is written behind a number of each unit; fractions are written in percent."""
_UNITS: dict[str, Unit | None] = {"": None, "s": "seconds", "f": "frames", "l": "latent_frames"}
_NUMBER = re.compile(
    r"(\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})\s*(%|seconds?|secs?|s|frames?|f|lf|)", re.ASCII | re.IGNORECASE
)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):([0-5]\d(?:\.\d{0,30})?)", re.ASCII)


class Time(NamedTuple):
    """A time as written. `unit` is None for a bare number, which each notation reads in its own way."""

    value: Decimal
    unit: Unit | None
    clock: bool = False

    def unit_with(self, other: Time, *, bare: Unit) -> Unit | None:
        """The unit of an interval from this time to another, None where they have none in common.

        Bare numbers are in the unit `bare`, but a bare 0 is the same moment in every unit.
        """
        for zero, sign in ((self, other), (other, self)):
            if zero.unit is None and not zero.value and sign.unit is not None:
                return sign.unit
        unit = self.unit or bare
        return unit if unit == (other.unit or bare) else None


class Interval(NamedTuple):
    """From `start` up to `end`, which is None for the end of the clip."""

    start: Decimal
    end: Decimal | None
    unit: Unit


def read_time(text: str) -> Time | None:
    """A time alone, or None where the text is none. Percent become fractions."""
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = clock.groups(default="0")
        return Time(Decimal(hours) * 3600 + Decimal(minutes) * 60 + Decimal(seconds), "seconds", clock=True)
    number = _NUMBER.fullmatch(text)
    if number is None:
        return None
    value, sign = Decimal(number[1]), number[2].lower()
    if sign == "%":
        return Time(value.scaleb(-2), "fraction")
    return Time(value, _UNITS[sign[:1]])


def read_interval(text: str, *, bare: Unit = "fraction") -> Interval | None:
    """An interval with a dash, such as "0s-2s" or "2s-", or None where the text is none.

    Raises `PlanError` where its ends are in different units.
    """
    first, dash, second = text.replace("\u2013", "-").partition("-")
    start, end = read_time(first), read_time(second)
    if not dash or start is None or (end is None and second.strip()):
        return None
    unit = (start.unit or bare) if end is None else start.unit_with(end, bare=bare)
    if unit is None:
        raise PlanError(f"{text.strip()!r} mixes units; write both of its ends in the same one")
    return Interval(start.value, None if end is None else end.value, unit)


def write_time(value: float, unit: Unit) -> str:
    """A time with its sign, exactly."""
    return write_decimal(Decimal(repr(float(value))), unit)


def write_decimal(value: Decimal, unit: Unit) -> str:
    """A time with its sign, exactly, without exponent and idle zeros."""
    text = f"{value.scaleb(2) if unit == 'fraction' else value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + SIGNS[unit]
