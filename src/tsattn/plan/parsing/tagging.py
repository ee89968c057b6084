"""What each word may be, and how likely: fixed readings for closed classes, a tagger's for all other words.

The tagger is HanTa, a hidden Markov model over the morphemes of English words. It knows words that it never saw by their
endings. Its own choice is not asked for: the grammar decides between the readings, for the sentence as a whole.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tsattn.plan.parsing.lexicon import ACTIONS, ALSO_OPEN, CLOSED, Reading, verb_bases

if TYPE_CHECKING:
    from HanTa.HanoverTagger import HanoverTagger

_KINDS: dict[str, tuple[str, str]] = {
    "AJ0": ("ADJ", ""), "AJC": ("ADJ", ""), "AJS": ("ADJ", ""), "ORD": ("ADJ", ""), "CRD": ("NUM", "pl"),
    "NN0": ("N", "any"), "NN1": ("N", "sg"), "NP0": ("N", "sg"), "NN2": ("N", "pl"), "UNC": ("N", "sg"), "ZZ0": ("N", "sg"),
    "AV0": ("ADV", ""), "AVP": ("PART", ""), "AVQ": ("ADV", ""),
    "VVZ": ("V", "z"), "VVB": ("V", "b"), "VVI": ("V", "b"), "VVD": ("V", "d"), "VVN": ("V", "n"), "VVG": ("V", "g"),
}  # fmt: skip
"""From the tags of the British National Corpus, on which the tagger was trained."""
_GENRE = {("V", "z"): 2.0, ("V", "b"): 1.0, ("V", "g"): 2.0}
"""How much likelier (in logarithms) verbs of the present are in prompts than in books."""
_NAMES = 4.0
"""How much less likely names are there."""

_WEIGHT = 0.5
_HIGHEST = 4.0
_AGAINST_CLOSED = 1.0
_ACTION = 0.2
_UNSEEN_S, _UNSEEN_BASE, _UNSEEN_NOUN = (2.0, 1.0), (2.0, 1.3), 1.5
"""Costs of a verb with -s, of one without and of a noun that the tagger does not know: of a common word, of a rare one."""
_LONGEST = 40
_NUMBER = re.compile(r"\d[\d.,:%]*(?:st|nd|rd|th|s|fps|k|mm|px|p|x)?")
_BARE_INFINITIVE = re.compile(
    r"(?:let|help|mak|see|hear|feel|watch|notic|observ|go|com|hav)(?:e|s|es|ing|ped|d|t)?|made|saw|heard|felt|went|goes"
)
_TWO_OBJECTS = re.compile(
    r"(?:giv|hand|show|throw|toss|pass|offer|bring|send|tell|ask|feed|buy|read|teach|lend|serv|pour|sell|fetch|wish|pay|cook|mak"
    r"|deal|slip|slid|build|draw|writ|blow)(?:e|s|es|ed|ing)?|gave|threw|brought|sent|told|fed|bought|taught|lent|paid"
)


@lru_cache(maxsize=1)
def _tagger() -> HanoverTagger:
    from HanTa.HanoverTagger import HanoverTagger

    return HanoverTagger("morphmodel_en.pgz")


@lru_cache(maxsize=1 << 16)
def readings(low: str) -> tuple[Reading, ...]:
    """Every reading of a word in lower case, at least one. The trait of a verb ends in "+" or "*" for `State.marks`."""
    closed = CLOSED.get(low, ())
    if closed and low not in ALSO_OPEN:
        return closed
    if _NUMBER.fullmatch(low):
        return (Reading("NUM", "pl"), Reading("N", "sg", 0.5))
    _, hyphen, last = low.rpartition("-")
    if hyphen and last.isalpha():
        return _compound(last)
    costs = {reading[:2]: reading.cost for reading in closed}
    for kind, cost in _open(low).items():
        costs.setdefault(kind, cost + _AGAINST_CLOSED * bool(closed))
    signs = "+" * bool(_BARE_INFINITIVE.fullmatch(low)) + "*" * bool(_TWO_OBJECTS.fullmatch(low))
    return tuple(Reading(tag, trait + signs * (tag == "V"), cost) for (tag, trait), cost in costs.items())


def _compound(last: str) -> tuple[Reading, ...]:
    """The readings of a word with a hyphen: those of its last part, or an adjective."""
    kept = [reading for reading in readings(last) if reading.tag in ("N", "V", "ADV")]
    return (*kept, Reading("ADJ"))


def _open(low: str) -> dict[tuple[str, str], float]:
    """What the tagger says of a word, and what its form allows besides."""
    common = low in _tagger().cache
    found: dict[tuple[str, str], float] = {}
    for code, likelihood in _tagger().tag_word(low[-_LONGEST:], cutoff=8, casesensitive=False):
        kind = _KINDS.get(code)
        if kind == ("N", "pl") and not low.endswith("s") and not common:
            kind = ("N", "any")
        if kind is not None:
            bonus = _GENRE.get(kind, 0.0) - _NAMES * (code == "NP0")
            found[kind] = max(float(likelihood) + bonus, found.get(kind, -1e9))
    best = max(found.values(), default=0.0)
    costs = {kind: min(_WEIGHT * (best - likelihood), _HIGHEST) for kind, likelihood in found.items()}
    for kind, cost in _by_form(low, common=common).items():
        costs.setdefault(kind, cost)
    if not ACTIONS.isdisjoint(verb_bases(low)):
        form = ("V", "z" if low.endswith("s") else "b")
        costs[form] = min(_ACTION, costs.get(form, _ACTION))
    return costs


def _by_form(low: str, *, common: bool) -> dict[tuple[str, str], float]:
    """Readings that the form of a word allows where the tagger does not know them."""
    if len(low) > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is", "'s")):
        return {("N", "pl"): _HIGHEST, ("V", "z"): _UNSEEN_S[not common]}
    if len(low) > 4 and low.endswith("ing"):
        return {("V", "g"): 0.5}
    if len(low) > 3 and low.endswith("ed"):
        return {("V", "d"): 1.5, ("V", "n"): 1.5}
    if low.endswith("ly") and not common:
        return {("ADV", ""): 0.5}
    return {("N", "sg"): 0.8 if low.endswith(("er", "or")) else _UNSEEN_NOUN, ("V", "b"): _UNSEEN_BASE[not common]}
