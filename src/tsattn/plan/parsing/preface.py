"""What stands before the story: "a wide shot of", "the video shows", "the scene opens with", "we see", "create a clip of"."""

from __future__ import annotations

import re

from tsattn.plan.parsing.lexicon import CLOSED, PREPOSITIONS, word_set
from tsattn.plan.parsing.nouns import is_film
from tsattn.plan.parsing.words import Word

_MAKES = word_set("create make generate show imagine render film produce animate draw depict visualize visualise")
_SHOWS = re.compile(
    r"(?:show|depict|feature|capture|present|showcase|display|portray|illustrate|reveal|follow|track|see|watch|observe)"
    r"(?:s|ing|ed|d)?"
)
_OPENS = word_set("opens starts begins ends cuts transitions zooms pans focuses fades")
_OPENS_WITH = word_set("with on to in into out as")
_PAIRS = ("close up", "time lapse", "slow motion")
_FARTHEST = 12


def without_preface(sentence: list[Word]) -> list[Word]:
    """A sentence without the words that only say that this is a picture; empty where it says no more."""
    lows = [word.low for word in sentence]
    first, length = 0, 1
    while length and first < len(lows):
        length = _preface(lows[first : first + _FARTHEST])
        first += length
    return sentence[first:]


def _preface(lows: list[str]) -> int:
    """How many words at the start only say that this is a picture."""
    if lows[0] in ("we", "you") and len(lows) > 2 and _SHOWS.fullmatch(lows[1]):
        return 2
    if lows[0] in _MAKES and len(lows) > 2 and lows[1] in CLOSED and CLOSED[lows[1]][0].tag in ("DET", "NUM"):
        return 1
    for k, low in enumerate(lows):
        film = is_film(low) or " ".join(lows[max(k - 1, 0) : k + 1]) in _PAIRS
        if low in PREPOSITIONS and not film:
            break
        if film:
            length = _shown_behind(lows[k + 1 :])
            if length:
                return k + 1 + length
            if lows[k + 1 : k + 2] == [","]:
                break
    return 0


def _shown_behind(rest: list[str]) -> int:
    """How many words behind "the video", "a shot" ... lead to what it shows; 0 where none do."""
    if not rest:
        return 0
    if rest[0] in ("of", "where", "in which", ";") or _SHOWS.fullmatch(rest[0]):
        return 1
    with_it = 1
    while with_it < len(rest) and rest[with_it] in _OPENS_WITH:
        with_it += 1
    return with_it if rest[0] in _OPENS and with_it > 1 else 0
