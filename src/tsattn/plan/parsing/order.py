"""When it happens: the steps of the clip, one after the other, and how long each of them takes."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

from tsattn.plan.parsing.story import Happening

PACE: tuple[tuple[float, str], ...] = (
    (
        1.5,
        r"slowly|gradually|gently|carefully|leisurely|lazily|steadily|patiently|little by little|step by step|one by one",
    ),
    (
        1.5,
        r"for (?:a (?:long )?while|a long time|(?:a few|several|some|many|\d+|two|three|four|five|ten) (?:second|minute)s)",
    ),
    (0.7, r"quickly|rapidly|swiftly|hastily|hurriedly|fast"),
    (0.5, r"suddenly|abruptly|instantly|briefly|momentarily|immediately|all of a sudden|in an instant|in a flash"),
    (0.5, r"for (?:a|one) (?:brief |short )?(?:moment|second|instant)"),
)
"""What each hint in or beside the words of an event does to its share of the clip. Several hints multiply."""

_HINTS = tuple((factor, re.compile(rf"\b(?:{pattern})\b")) for factor, pattern in PACE)


def steps(happenings: list[Happening]) -> list[list[Happening]]:
    """What happens together, step by step.

    Each happening comes after the one before it, but for these: what "while", "as" or a plain "and" with a subject of its
    own joins, and a participle beside a verb, share its step; what "after", "once" or "when" joins to a verb comes before
    it. "While", "before" and "until" at the start of a sentence say it of the main clause that follows.
    """
    found: list[list[Happening]] = []
    previous: Happening | None = None
    opening = ""
    for one in happenings:
        first = previous is None or previous.sentence != one.sentence
        relation = _relation(one, None if first else previous)
        if first:
            opening = ""
        if one.ahead:
            opening = {"while": "with", "before": "earlier", "until": "earlier"}.get(one.relation, "later")
        elif opening and not one.relation:
            relation, opening = opening, ""
        if relation == "with" and found:
            found[-1].append(one)
        elif relation == "earlier" and found:
            found.insert(len(found) - 1, [one])
        else:
            found.append([one])
        previous = one
    return found


def _relation(one: Happening, previous: Happening | None) -> str:
    """How a happening stands to the one before it in its sentence: later, with or earlier."""
    clause = one.clause
    if one.ahead:
        return "later"
    if previous is None:
        return "with" if "meanwhile" in clause.joints else "later"
    if one.relation in ("while", "where", "why") or clause.kind == "also" or "meanwhile" in clause.joints:
        return "with"
    if one.relation == "after" or (one.relation == "when" and previous.clause.form != "g"):
        return "earlier"
    plain = clause.kind == "clause" and clause.joints == ["and"] and one.actor is not previous.actor
    return "with" if plain else "later"


def shares(found: list[list[Happening]]) -> list[tuple[float, float]]:
    """From where to where in the clip, as fractions of it, each step lasts: equally long but for hints of pace."""
    weights = [sum(map(_weight, step)) / len(step) for step in found]
    ends = [end / sum(weights) for end in accumulate(weights, initial=0.0)]
    return list(pairwise([*ends[:-1], 1.0]))


def _weight(one: Happening) -> float:
    text = " ".join(word.low for word in (*one.clause.lead, *one.clause.words))
    weight = 1.0
    for factor, hint in _HINTS:
        weight *= factor ** len(hint.findall(text))
    return min(max(weight, 0.25), 4.0)
