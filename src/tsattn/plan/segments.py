"""Segments as written on the command line: lengths ("60%,40%") or intervals ("0s-1.2s,1.2s-3s")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise

from pydantic import ValidationError

from tsattn.errors import PlanError
from tsattn.plan.notation import Interval, Unit, read_interval, read_time
from tsattn.plan.schema import LARGEST_TIME, Segment, quoted

_EXAMPLES = (
    'write lengths such as "60%,40%", "0.6,0.4" or "2s,1.1s", or intervals such as "0%-40%,40%-100%", "0s-2s,60%-" or '
    '"0f-40f,40f-81f"'
)
_TOLERANCE = Decimal("1e-6")
_BARE = "; a bare number is a fraction of the clip, so write 40% for percent, 2s for seconds and 40f for frames"


def parse_segments(text: str) -> list[Segment]:
    """Read segments from a list separated by commas or semicolons.

    Items are lengths, one after the other from the start of the clip and in one unit, or intervals, which may leave gaps,
    overlap, mix units and leave out their end. Whether they ascend is for the plan to check, subject by subject. Raises
    `PlanError`, naming the item, where one cannot be read or is empty, or where the list goes beyond the clip or its
    fractions leave a rest.
    """
    items = [item.strip() for item in re.split("[,;]", text)]
    intervals = [read_interval(item) for item in items]
    times = [read_time(item) for item in items]
    for item, interval, time in zip(items, intervals, times, strict=True):
        if interval is None and time is None:
            raise PlanError(f"cannot read the segment {quoted(item)}; {_EXAMPLES}")
        if (interval is None) != (intervals[0] is None):
            raise PlanError(
                f"of {items[0]!r} and {item!r} one is a length, one an interval; use one kind for all segments"
            )
    if intervals[0] is not None:
        return _intervals(items, [interval for interval in intervals if interval is not None])
    units = [time.unit or "fraction" for time in times if time is not None]
    for item, unit in zip(items, units, strict=True):
        if unit != units[0]:
            raise PlanError(f"the lengths {items[0]!r} and {item!r} have different units; use one for all")
    bare = [_BARE if time is not None and time.unit is None else "" for time in times]
    lengths = [time.value for time in times if time is not None]
    return one_after_the_other(lengths, units[0], names=[f"the segment {item!r}" for item in items], hints=bare)


def one_after_the_other(
    lengths: Sequence[Decimal], unit: Unit, *, names: Sequence[str], hints: Sequence[str] = ()
) -> list[Segment]:
    """Segments of these lengths from the start of the clip on; fractions must fill it.

    Raises `PlanError` with the name, and the hint, of the length that is empty or too long.
    """
    bounds = [Decimal(0), *accumulate(lengths)]
    if unit == "fraction":
        whole = bounds[-1]
        for name, end, hint in zip(names, bounds[1:], hints or [""] * len(names), strict=True):
            if end > 1 + _TOLERANCE:
                raise PlanError(
                    f"{name} goes beyond 100 % of the clip: the segments sum to {100 * float(whole):.6g} %{hint}"
                )
        if whole < 1 - _TOLERANCE:
            gap = f'; to leave a gap, write intervals such as "0%-{100 * float(bounds[1]):.6g}%"' if hints else ""
            raise PlanError(
                f"{names[-1]} leaves a rest: the segments sum to {100 * float(whole):.6g} %, not 100 %{gap}"
            )
        bounds[-1] = Decimal(1)
    return [
        segment(Interval(start, end, unit), name=name)
        for name, (start, end) in zip(names, pairwise(bounds), strict=True)
    ]


def segment(interval: Interval, *, name: str) -> Segment:
    """The segment of an interval. Raises `PlanError` that begins with its name where it cannot be one."""
    start, end, unit = interval
    if max(start, end or 0) > LARGEST_TIME:
        raise PlanError(f"{name} is too large; {_EXAMPLES}")
    try:
        return Segment(start=float(start), end=None if end is None else float(end), unit=unit)
    except ValidationError as error:
        raise PlanError(f"{name}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def _intervals(items: Sequence[str], intervals: Sequence[Interval]) -> list[Segment]:
    segments: list[Segment] = []
    for item, (start, end, unit) in zip(items, intervals, strict=True):
        if unit == "fraction" and max(start, end or 0) > 1 + _TOLERANCE:
            raise PlanError(f"the segment {item!r} goes beyond 100 % of the clip{'' if '%' in item else _BARE}")
        if unit == "fraction" and end is not None:
            end = min(end, Decimal(1))
        segments.append(segment(Interval(start, end, unit), name=f"the segment {item!r}"))
    return segments
