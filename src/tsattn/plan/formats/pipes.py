"""Texts between bars, `a | b | c`, as ComfyUI's relay nodes have them; `[60%] a | [40%] b` with the length of each.

Without lengths the texts share the clip evenly. A bare number is a length in frames.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format, check_contiguous, ends_in, events_of, is_uniform
from tsattn.plan.formats.texts import Told, joined
from tsattn.plan.notation import Time, read_time, write_decimal
from tsattn.plan.schema import Plan, Segment, quoted, uniform
from tsattn.plan.segments import one_after_the_other
from tsattn.plan.timeline import Clip

_PART = re.compile(r"\[([^\[\]]{0,60})\](.*)", re.DOTALL)


class _Part(NamedTuple):
    text: str
    length: Time | None
    source: str


def recognises(text: str) -> bool:
    """A text with a bar."""
    return "|" in text


def read(text: str) -> Plan:
    """The plan of the texts between the bars."""
    texts = text.split("|")
    document.check_count(texts, where="the list between bars")
    parts = [_part(part.strip(), number) for number, part in enumerate(texts, 1)]
    without = next((part for part in parts if part.length is None), None)
    if without is None:
        segments = _segments(parts)
    elif all(part.length is None for part in parts):
        segments = uniform(len(parts))
    else:
        raise PlanError(f"some texts have a length but {quoted(without.text)} has none; give all of them one, or none")
    return joined([Told(part.text, segment) for part, segment in zip(parts, segments, strict=True)])


def write(plan: Plan, clip: Clip | None) -> str:
    """Texts between bars, with lengths unless they share the clip evenly."""
    _, told = events_of(plan)
    if len(told) < 2:
        raise PlanError("there is one event only, and so nothing to put a bar between")
    if is_uniform(told):
        return " | ".join(text for text, _ in told) + "\n"
    assert told[0].segment is not None
    unit = told[0].segment.unit
    ends = [ends_in(unit, one, clip) for one in told]
    check_contiguous(ends, told)
    lengths = (Decimal(repr(float(end or 0))) - Decimal(repr(float(start))) for start, end in ends)
    parts = (f"[{write_decimal(length, unit)}] {one.text}" for length, one in zip(lengths, told, strict=True))
    return " | ".join(parts) + "\n"


FORMAT = Format("pipes", "a | b | c, with lengths [60%] a | [40%] b", recognises, read, write)


def _part(part: str, number: int) -> _Part:
    match = _PART.match(part)
    if match is None or not any(map(str.isdigit, match[1])):
        text, length, source = part, None, ""
    else:
        text, length, source = match[2].strip(), read_time(match[1]), f"[{match[1]}]"
        if length is None:
            raise PlanError(
                f"cannot read the length {source!r} of text {number} between the bars; write [40%], [2s] or [32f], and "
                "leave the bars out where texts have a start and an end"
            )
    if not text:
        raise PlanError(f"text {number} of those between the bars is empty")
    return _Part(text, length, source)


def _segments(parts: list[_Part]) -> list[Segment]:
    times = [part.length for part in parts if part.length is not None]
    units = [time.unit or "frames" for time in times]
    for part, unit in zip(parts, units, strict=True):
        if unit != units[0]:
            raise PlanError(
                f"the lengths {parts[0].source!r} and {part.source!r} have different units; use one for all"
            )
    names = [f"the length {part.source!r}" for part in parts]
    return one_after_the_other([time.value for time in times], units[0], names=names)
