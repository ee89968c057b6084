"""Segments as written on the command line: lengths ("60%,40%") or intervals ("0s-1.2s,1.2s-3s")."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.schema import Segment, Unit

_TIME = r"(\d+\.?\d*|\.\d+)\s*(%|s|)"
_ITEM = re.compile(rf"{_TIME}(?:\s*[-\u2013]\s*{_TIME})?", re.ASCII)
_EXAMPLES = 'write lengths such as "60%,40%", "0.6,0.4" or "2s,1.1s", or intervals such as "0%-40%,40%-100%"'
_TOLERANCE = 1e-6
_LIMIT = 1e6
_BARE = "; a bare number is a fraction of the clip, so write 40% for percent and 2s for seconds"


class _Item(NamedTuple):
    """One item as written; a length has no start."""

    text: str
    sign: str
    start: float | None
    end: float


def parse_segments(text: str) -> list[Segment]:
    """Read segments from a list separated by commas or semicolons.

    Items are lengths, one after the other from the start of the clip, or intervals, which may leave gaps. Both are in
    fractions of the clip, percent or seconds, one unit for all. Raises `PlanError`, naming the item, where one cannot
    be read, is empty or out of order, or where the list goes beyond the clip or its fractions leave a rest.
    """
    items = [_read(item.strip()) for item in re.split("[,;]", text)]
    first = items[0]
    for item in items[1:]:
        if item.sign != first.sign:
            raise PlanError(f"the segments {first.text!r} and {item.text!r} have different units; use one for all")
        if (item.start is None) != (first.start is None):
            raise PlanError(
                f"of {first.text!r} and {item.text!r} one is a length, one an interval; use one kind for all"
            )
    return _lengths(items) if first.start is None else _intervals(items)


def _read(item: str) -> _Item:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise PlanError(f"cannot read the segment {item!r}; {_EXAMPLES}")
    first, first_sign, second, second_sign = match.groups()
    if second is None:
        return _Item(item, first_sign, None, _number(item, first, first_sign))
    # "0-40%" means 0 %, and a bare 0 is the same moment in every unit
    if first_sign != second_sign and not (float(first) == 0 and not first_sign):
        raise PlanError(f"the segment {item!r} mixes units; write both of its ends in the same one")
    return _Item(item, second_sign, _number(item, first, second_sign), _number(item, second, second_sign))


def _number(item: str, digits: str, sign: str) -> float:
    value = float(digits) / (100 if sign == "%" else 1)
    if value > _LIMIT:
        raise PlanError(f"the segment {item!r} is too large; {_EXAMPLES}")
    return value


def _lengths(items: list[_Item]) -> list[Segment]:
    bounds = [0.0, *accumulate(item.end for item in items)]
    if _unit(items[0]) == "fraction":
        whole = bounds[-1]
        if whole > 1 + _TOLERANCE:
            item = next(item for item, end in zip(items, bounds[1:], strict=True) if end > 1 + _TOLERANCE)
            raise PlanError(
                f"the segments sum to {100 * whole:.6g} %; {item.text!r} goes beyond 100 % of the clip"
                f"{'' if item.sign else _BARE}"
            )
        if whole < 1 - _TOLERANCE:
            raise PlanError(
                f"the segments sum to {100 * whole:.6g} %, not 100 %; to leave a gap, write intervals such as "
                f'"0%-{100 * bounds[1]:.6g}%"'
            )
        bounds[-1] = 1.0
    return [_segment(item, start, end) for item, (start, end) in zip(items, pairwise(bounds), strict=True)]


def _intervals(items: list[_Item]) -> list[Segment]:
    segments: list[Segment] = []
    for item in items:
        end = item.end
        if _unit(item) == "fraction":
            if end > 1 + _TOLERANCE:
                raise PlanError(f"the segment {item.text!r} goes beyond 100 % of the clip{'' if item.sign else _BARE}")
            end = min(end, 1.0)
        segment = _segment(item, item.start or 0.0, end)
        if segments and segment.start < segments[-1].start:
            raise PlanError(f"the segments must ascend, but {item.text!r} starts before the one in front of it")
        segments.append(segment)
    return segments


def _segment(item: _Item, start: float, end: float) -> Segment:
    if end <= start:
        raise PlanError(f"the segment {item.text!r} must end after its start")
    return Segment(start=start, end=end, unit=_unit(item))


def _unit(item: _Item) -> Unit:
    return "seconds" if item.sign == "s" else "fraction"
