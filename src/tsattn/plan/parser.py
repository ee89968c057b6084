"""From a plain English sentence to a plan, by a dictionary of word forms and a grammar: no neural model, no download.

    prompt → words → readings of each → the cheapest reading of the sentence → clauses → who does what → when → plan

The parts stand in `parsing`, in this order.
"""

from __future__ import annotations

from typing import Any

from tsattn.errors import PlanError
from tsattn.plan.parsing.order import shares, steps
from tsattn.plan.parsing.preface import without_preface
from tsattn.plan.parsing.story import Happening, Story, events
from tsattn.plan.parsing.subjects import Actor
from tsattn.plan.parsing.words import Word, sentences
from tsattn.plan.schema import Plan, Span, check_prompt, quoted, validated


def parse(prompt: str) -> Plan:
    """Read subjects and their events, in order and with proposed shares of the clip, from an English prompt.

    Events of several subjects share one clip in the order told; what happens together shares its segment. Shares are equal
    but for hints such as "slowly" or "for a moment". Raises `PlanError` where the prompt is empty, too long, no valid
    text or tells of no event.
    """
    if not isinstance(prompt, str):
        raise PlanError(f"a prompt is text, but got {prompt!r}")
    if not prompt.strip():
        raise PlanError('the prompt is empty; write what happens, for example "A cat jumps, then sleeps"')
    check_prompt(prompt)
    # what stands in quotation marks or brackets tells no event, unless nothing else does
    happenings = _happenings(prompt, inside=False) or _happenings(prompt, inside=True)
    if not happenings:
        raise PlanError(
            f"found no event in the prompt {quoted(prompt)}; say who does what, for example "
            '"A cat jumps, then sleeps", or give a plan file'
        )
    found = steps(happenings)
    told: dict[Actor, list[dict[str, Any]]] = {}
    for step, (start, end) in zip(found, shares(found), strict=True):
        for one in step:
            if one.actor is not None:
                event = {**_part(prompt, one.words), "segment": {"start": start, "end": end}}
                told.setdefault(one.actor, []).append(event)
    subjects = [{**_part(prompt, actor.words), "events": events} for actor, events in told.items()]
    return validated({"prompt": prompt, "subjects": subjects})


def _happenings(prompt: str, *, inside: bool) -> list[Happening]:
    story = Story()
    for sentence in sentences(prompt, inside=inside):
        words = without_preface(sentence)
        if words:
            story.read(words)
    return events(story)


def _part(prompt: str, words: list[Word]) -> dict[str, Any]:
    span: Span = words[0].first, words[-1].last
    return {"text": prompt[slice(*span)], "span": span}
