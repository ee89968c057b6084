"""The cheapest way through a sentence: a beam search over the readings of its words and the grammar's states."""

from __future__ import annotations

from typing import NamedTuple

from tsattn.plan.parsing.grammar import finish, follow
from tsattn.plan.parsing.states import State
from tsattn.plan.parsing.tagging import readings
from tsattn.plan.parsing.words import Word

_WIDTH = 24
"""States that are followed up after each word at the most."""
_MARGIN = 6.0
"""A state that costs so much more than the cheapest is given up."""
_SKIP = 7.0
"""What it costs to pass over a word."""


class Read(NamedTuple):
    """A word as it was read: its tag and trait, the state after it and the part it plays."""

    word: Word
    tag: str
    trait: str
    state: State
    part: str


class _Path(NamedTuple):
    cost: float
    before: _Path | None
    read: Read | None


def read(sentence: list[Word]) -> list[Read]:
    """Read every word of a sentence, together at the least cost."""
    loose = not any(word.low in ",;" for word in sentence) and sentence[0].small
    paths = {State(loose=loose): _Path(0.0, None, None)}
    for word in sentence:
        longer: dict[State, _Path] = {}
        for state, path in paths.items():
            for tag, trait, price in readings(word.low):
                for after, cost, part in follow(state, tag, trait):
                    total = path.cost + price + cost
                    if after not in longer or total < longer[after].cost:
                        longer[after] = _Path(total, path, Read(word, tag, trait, after, part))
            # a word that fits nowhere is passed over
            if state not in longer or path.cost + _SKIP < longer[state].cost:
                longer[state] = _Path(path.cost + _SKIP, path, Read(word, "", "", state, ""))
        limit = min(path.cost for path in longer.values()) + _MARGIN
        best = sorted(longer.items(), key=lambda item: item[1].cost)[:_WIDTH]
        paths = {state: path for state, path in best if path.cost <= limit}
    _, end = min(paths.items(), key=lambda item: item[1].cost + finish(item[0]))
    reads: list[Read] = []
    while end.before is not None and end.read is not None:
        reads.append(end.read)
        end = end.before
    return reads[::-1]
