"""A prompt without some of its events: what a segment would be told if it were a video of its own.

    A cat runs, then jumps, then sleeps     without "runs" and "sleeps":  A cat jumps

The words between two events go with them where they only tie them together (signs, "then", "and after that it"); whatever
else stands there, stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby

from tsattn.plan.schema import Plan, Span
from tsattn.plan.timeline import Stretch

_TIES = """and then or but so next after that afterwards before later finally lastly now suddenly meanwhile while until again
he she it they the a an"""
_JOINTS = frozenset(_TIES.split())
_WORD = re.compile(r"[\w'’]+")


def own_prompts(plan: Plan, rows: Sequence[Sequence[Stretch]], frames: int) -> list[str]:
    """For each latent frame the prompt without the events that are not due in it; the whole prompt where none is due.

    `rows` are the latent frames of every event, per subject, as `timeline.snap_plan` gives them.
    """
    spans = [event.span for one in plan.subjects for event in one.events]
    stretches = [stretch for row in rows for stretch in row]
    found = []
    for frame in range(frames):
        due = {span for span, (first, last) in zip(spans, stretches, strict=True) if first <= frame < last}
        found.append(without(plan, {*spans} - due) if due else plan.prompt)
    return found


def without(plan: Plan, spans: Collection[Span]) -> str:
    """A plan's prompt without the events at these spans; the very prompt where there are none."""
    if not spans:
        return plan.prompt
    kept = {event.span for one in plan.subjects for event in one.events} - {*spans}
    stays: list[bool | None] = [None] * len(plan.prompt)  # of each sign; None where it is no event's
    for first, last in (*spans, *kept):
        stays[first:last] = [(first, last) in kept] * (last - first)
    pieces = [(stay, list(places)) for stay, places in groupby(range(len(stays)), stays.__getitem__)]
    told, follows = "", False  # whether an event is told that the next one may be tied to
    for k, (stay, places) in enumerate(pieces):
        text = plan.prompt[places[0] : places[-1] + 1]
        between = stay is None and 0 < k < len(pieces) - 1
        if stay:
            told, follows = told + text, True
        elif between and _ties(plan, text, places):
            told += text if follows and pieces[k + 1][0] else " "
        elif stay is None:
            told, follows = told + text, False
    return _tidy(told)


def _ties(plan: Plan, text: str, places: Collection[int]) -> bool:
    """Whether text between two events only ties them together; the words of who acts do, too, where they are repeated."""
    names = {word.lower() for one in plan.subjects for word in _WORD.findall(one.text)}
    first_told = any(one.span[0] in places for one in plan.subjects)
    return not first_told and {word.lower() for word in _WORD.findall(text)} <= _JOINTS | names


def _tidy(text: str) -> str:
    """Without the spaces and signs that were left over."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?: ?[,;:])+ ?([.!?]|$)", r"\1", text)
    return re.sub(r" ([,;:.!?])", r"\1", text)
