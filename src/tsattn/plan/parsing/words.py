"""From text to words, with their places in it: quotations, clitics and fixed phrases become one unit each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tsattn.plan.parsing import lexicon

_TOKEN = re.compile(
    r"""
    (?P<quote>"[^"]{1,300}"|“[^”]{1,300}”|‘[^’]{1,300}’(?!\w)|(?<!\w)'[^']{1,300}'(?!\w))
    |(?P<word>\d+(?:[.:,]\d+)+|[^\W_](?:[\w\u0300-\u036f]|['’.-](?=[^\W_]))*|(?<=s)['’](?=\s+\w))
    |(?P<stop>[.!?…。]+|\n\s*\n)
    |(?P<semi>[;:]|(?<=\s)[-\u2013](?=\s)|\u2014|--+)
    |(?P<aside>\([^()]{0,300}\)|\[[^\[\]]{0,300}\])
    |(?P<comma>[,()\[\]])
    """,
    re.VERBOSE,
)
_LATER = re.compile(
    r"(?:(?:a|an|one|two|three|four|five|ten|\d+|few|several|some|couple|of|just|only|about|half|split|little|bit|short|long"
    r"|while|time|much|not|very|right|shortly|immediately|soon|directly|moments?|seconds?|minutes?|hours?|instants?|beats?"
    r"|heartbeats?|days?|weeks?|months?|years?) )*(?:later(?: on)?|afterwards?|thereafter|after that|after(?= ,))(?= |$)"
)
"""How long after something: "a few seconds later", "not long after,"."""
_ONE_DAY = re.compile(
    r"(?:(?:the|that|one|this|next|following|same|every|each|later|early|very|first) )+"
    r"(?:morning|noon|afternoon|evening|night|day|week|month|year|hour|minute|second|moment|instant|time)(?= ,)"
)
"""When it is, at the start of a clause: "the next morning,"."""
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "st", "vs"})
_LOOK_AHEAD = 8
_LONGEST_UNIT = max(len(unit.split()) for unit in lexicon.UNITS)


class Word(NamedTuple):
    """A unit of the sentence in lower case with straight apostrophes, and where it stands in the prompt.

    Signs that part clauses are "," and ";", a quotation is '"', and a fixed phrase ("after that") is one unit. `small` says
    that it begins with a small letter in the prompt.
    """

    low: str
    first: int
    last: int
    small: bool = False


def sentences(prompt: str, *, inside: bool = False) -> Iterator[list[Word]]:
    """The sentences of a prompt, none of them empty.

    A quotation is one word, and what stands in brackets is left out, unless `inside` asks for what is inside of both.
    """
    sentence: list[Word] = []
    for kind, word in _tokens(prompt, inside):
        if kind != "stop":
            sentence.append(word)
        elif sentence and sentence[-1].low not in _ABBREVIATIONS:
            yield _joined(sentence)
            sentence = []
    if sentence:
        yield _joined(sentence)


def _tokens(prompt: str, inside: bool) -> Iterator[tuple[str, Word]]:
    at = 0
    while match := _TOKEN.search(prompt, at):
        kind, at = match.lastgroup or "", match.end()
        if kind in ("quote", "aside") and inside:
            at = match.start() + 1
        elif kind == "word":
            low = match[0].lower().replace("’", "'")
            # letters whose lower case is longer keep the word whole
            cut = _clitic(low) if len(low) == len(match[0]) else len(low)
            if cut:
                yield kind, Word(low[:cut], match.start(), match.start() + cut, match[0][0].islower())
            if low[cut:]:
                yield kind, Word(low[cut:], match.start() + cut, match.end())
        elif kind != "aside":
            yield kind, Word({"quote": '"', "semi": ";", "comma": ","}.get(kind, "."), *match.span())


def _clitic(low: str) -> int:
    """Where a word ends and its clitic ("'s", "'re", a plain apostrophe) begins."""
    stem, apostrophe, clitic = low.rpartition("'")
    return len(stem) if apostrophe and "'" + clitic in lexicon.CLITICS else len(low)


def _joined(sentence: list[Word]) -> list[Word]:
    """Join the words of each fixed phrase, the longest one first."""
    joined: list[Word] = []
    at = 0
    while at < len(sentence):
        ahead = " ".join(word.low for word in sentence[at : at + _LOOK_AHEAD])
        opening = not joined or joined[-1].low in (",", ";")
        if match := _LATER.match(ahead) or (_ONE_DAY.match(ahead) if opening else None):
            words = sentence[at : at + len(match[0].split())]
            joined.append(Word("later", words[0].first, words[-1].last, words[0].small))
            at += len(words)
            continue
        for length in range(min(_LONGEST_UNIT, len(sentence) - at), 0, -1):
            words = sentence[at : at + length]
            low = " ".join(word.low for word in words)
            if length == 1 or low in lexicon.UNITS:
                joined.append(Word(low, words[0].first, words[-1].last, words[0].small))
                at += length
                break
    return joined
