"""Timing inside the prompt: `[0%:40%] text` as WanGP has it, and `[0s-2s: text]` as FramePack-Studio does.

A header in brackets applies to the text up to the next one, a section in brackets to the text inside. All other text applies
to the whole clip. A start alone, `[3s: text]`, lasts until the next one. Bare numbers are frames, counted from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format, ends_in, events_of
from tsattn.plan.formats.texts import Told, joined, separated
from tsattn.plan.notation import Interval, Unit, read_interval, read_time, write_time
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.segments import segment
from tsattn.plan.timeline import Clip

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_MEANT = re.compile(
    r"\s*[-:.\u2013]?\s*\d"  # it begins with a number,
    r"|[^\d\s]{0,9}\s*[-:\u2013]\s*\d[\d.:]*\s*(%|[a-z]{1,7})?\s*$"  # ends with one behind a sign, as "start:40%",
    r"|[^\d]{0,9}\d[\d.]*\s*(%|s|sec|secs|seconds?|f|frames?)\s*([-:\u2013,]|\.\.|to\b|$)",  # or has a time, as "from 2s to"
    re.ASCII | re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"[({<]([^(){}<>\[\]]{3,40})[)}>]")
_SIGNED = re.compile(r"\d\s?(%|s\b|sec)|\d:\d\d", re.IGNORECASE)
_UNCLOSED = re.compile(r"\[ ?[-:.\u2013]?\d[^\[\]]{0,40}")
_UNOPENED = re.compile(r"\S{0,20}\d ?(?:%|[a-z]{1,7})? ?\]", re.IGNORECASE)
_LONGEST_HEADER = 60
_HOW = 'write "[0%:40%] text", "[0s:2s] text", "[0:05:0:08] text", "[10:40] text" for frames, or "[0s-2s: text]"'


class _Header(NamedTuple):
    """A bracket that is timing. `inside` is the text of a section; without it, the text behind the bracket is meant."""

    source: str
    start: Decimal
    end: Decimal | None
    unit: Unit
    inside: str | None
    lasts: bool = False
    """Whether only a start is given, so that it lasts until the next one."""


def recognises(text: str) -> bool:
    """A text with a bracket that is timing, or was meant to be."""
    return next(_pieces(text), None) is not None


def has_sections(text: str) -> bool:
    """Whether timed text stands inside the brackets, not behind them."""
    return any(header.inside is not None for header, _ in _pieces(text))


def read(text: str) -> Plan:
    """The plan of a prompt with timing in it."""
    pieces = list(_pieces(text))
    document.check_count(pieces, where="the prompt")
    told = [Told(text[: _start(text)], None)]
    for k, (header, behind) in enumerate(pieces):
        following = pieces[k + 1][0] if k + 1 < len(pieces) else None
        when = segment(_interval(header, following), name=f"the timing {header.source!r}")
        if header.inside is not None:
            told += [Told(header.inside, when), Told(behind, None)]
        elif behind.strip():
            told.append(Told(behind, when))
        else:
            raise PlanError(f"no text follows the timing {header.source!r}; write what happens behind it")
    return joined(told, flowing=True)


def write(plan: Plan, clip: Clip | None) -> str:
    """Headers in the prompt."""
    front, told = events_of(plan, front=True)
    parts = [text for text, _ in front]
    for one in told:
        assert one.segment is not None
        unit: Unit = "frames" if one.segment.unit == "latent_frames" else one.segment.unit
        start, end = (_bare(time, unit) for time in ends_in(unit, one, clip, may_be_open=one.segment.end is None))
        parts.append(f"[{start}:{end}] {one.text}")
    return " ".join(parts) + "\n"


def write_sections(plan: Plan, clip: Clip | None) -> str:
    """Sections in seconds; a last one without end is left open."""
    told = separated(plan)
    last = max(k for k, one in enumerate(told) if one.segment is not None)
    parts = []
    for k, one in enumerate(told):
        if one.segment is None:
            parts.append(one.text)
            continue
        start, end = ends_in("seconds", one, clip, may_be_open=k == last)
        until = "" if end is None else f"-{write_time(end, 'seconds')}"
        parts.append(f"[{write_time(start, 'seconds')}{until}: {one.text}]")
    return " ".join(parts) + "\n"


INLINE = Format("inline", "WanGP's: [0%:40%] text", recognises, read, write)
SECTIONS = Format(
    "sections",
    "FramePack-Studio's: [0s-2s: text]",
    lambda text: recognises(text) and has_sections(text),
    read,
    write_sections,
)


def _pieces(text: str) -> Iterator[tuple[_Header, str]]:
    """Each timing in the text, and the text between it and the next one. Raises `PlanError` for one that is nearly right."""
    headers = [match for match in _BRACKETS.finditer(text) if _is_meant(match[1])]
    for k, match in enumerate(headers):
        end = headers[k + 1].start() if k + 1 < len(headers) else len(text)
        yield _header(match[1], match[0]), text[match.end() : end]
    _check_rest(_BRACKETS.sub(" ", text), any_found=bool(headers))


def _start(text: str) -> int:
    return next(match.start() for match in _BRACKETS.finditer(text) if _is_meant(match[1]))


def _is_meant(content: str) -> bool:
    return _MEANT.match(content[:_LONGEST_HEADER]) is not None


def _check_rest(text: str, *, any_found: bool) -> None:
    """Refuse timing that is not in a pair of square brackets."""
    stray = _UNCLOSED.search(text) or _UNOPENED.search(text)
    if stray is not None:
        raise PlanError(f"the timing {stray[0]!r} has a bracket on one side only; {_HOW}")
    if any_found and ("[" in text or "]" in text):
        raise PlanError(f"a square bracket is left over beside the timing; {_HOW}")
    for match in _ELSEWHERE.finditer(text):
        if _SIGNED.search(match[1]) and _is_timing(match[1]):
            raise PlanError(f"the timing {match[0]!r} is not in square brackets; {_HOW}")


def _header(content: str, source: str) -> _Header:
    whole = _times(content) if len(content) <= _LONGEST_HEADER else None
    if whole is not None:
        return _Header(source, *whole, None)
    for at in range(min(len(content), _LONGEST_HEADER) - 1, 0, -1):
        inside = content[at + 1 :].strip()
        if content[at] != ":" or not any(map(str.isalpha, inside)):
            continue
        start = read_time(content[:at])
        if start is not None:
            return _Header(source, start.value, None, start.unit or "frames", inside, lasts=True)
        times = _times(content[:at])
        if times is not None:
            return _Header(source, *times, inside)
    if re.match(r"\s*[-\u2013]", content):
        raise PlanError(
            f"the timing {quoted(source)} begins before the clip; write [0%:40%] or [:40%] for from the start on"
        )
    alone = read_time(content)
    if alone is not None:
        raise PlanError(
            f"the timing {quoted(source)} has one time only; write [{content}:] for from then on, or both ends"
        )
    raise PlanError(f"cannot read the timing {quoted(source)}; {_HOW}, and other brackets where no timing is meant")


def _times(content: str) -> Interval | None:
    """The interval of a header's content, with a dash or a colon between its ends, or None."""
    content = content.strip()
    with_dash = read_interval(content, bare="frames")
    if with_dash is not None:
        return with_dash
    found = []
    for at, sign in enumerate(content):
        if sign == ":":
            interval = _ends(content[:at].strip(), content[at + 1 :].strip())
            found += [interval] if interval is not None else []
    if len(found) > 1 or (found and re.fullmatch(r"\d+:0\d", content)):
        raise PlanError(
            f"the timing '[{content}]' can be read in two ways; write [10f:40f] for frames, [2s:5s] for seconds, or [5s:] for "
            "from then on"
        )
    return found[0] if found else None


def _is_timing(content: str) -> bool:
    try:
        return _times(content) is not None
    except PlanError:
        return True


def _ends(first: str, second: str) -> Interval | None:
    start, end = read_time(first or "0"), read_time(second or "0")
    if start is None or end is None or not (first or second):
        return None
    if first and second and start.clock != end.clock and None in (start.unit, end.unit):
        return None
    unit = start.unit_with(end, bare="frames")
    if unit is None:
        raise PlanError(f"the timing '[{first}:{second}]' mixes units; write both of its ends in the same one")
    return Interval(start.value, end.value if second else None, unit)


def _interval(header: _Header, following: _Header | None) -> Interval:
    end = header.end
    if header.lasts and following is not None:
        if following.unit != header.unit and following.start:
            raise PlanError(
                f"{header.source!r} lasts until {following.source!r}, which is in another unit; write its end, too"
            )
        end = following.start
    return Interval(header.start, end, header.unit)


def _bare(time: float | None, unit: Unit) -> str:
    """A time as WanGP writes it: frames are bare numbers."""
    return "" if time is None else f"{round(time)}" if unit == "frames" else write_time(time, unit)
