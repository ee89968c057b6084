"""Events that are separate texts: joining them into one prompt whose spans are kept, and cutting a prompt into them.

Who acts in a text is read off its first words by a simple rule, which needs no language model and so reads a file the same
way everywhere:

1. "A red robot raises its arm": the words between an article and the first word that looks like a verb (-s, -ed, -ing,
   "is" ...) are the subject, the rest is the event. The same noun again ("The robot lowers it") is the same subject.
2. "it waves", "then waves": a text that begins with a pronoun or, in lower case, with a word that looks like a verb goes
   on with the subject of the text before it, or of an unfinished text in front ("A red robot" + "waves").
3. Anything else is its own subject: the words of the text say where to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tsattn.errors import PlanError
from tsattn.plan.schema import LONGEST_PROMPT, Plan, Segment, Span, validated

_SIGNS = ",;:.!?…。，、！？；："
_STOPS = ".!?…。！？"
_CLOSING = ")]”»\"'"
_WORD = re.compile(rf"[^\s{re.escape(_SIGNS)}\"“”«»()]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SINGULAR = _set("a an one each every another this that")
_PLURAL = _set("two three four five six seven eight nine ten some several many few both these those all")
_ARTICLES = _SINGULAR | _PLURAL | _set("the my your his her its our their")
_PRONOUNS = _set("he she it they")
_THEN = _set("then and but or so finally next afterwards later meanwhile suddenly now")
_LINKS = _THEN | _set("after before while until once when as")
_MANY = _set("people children men women mice geese feet fish sheep deer")
_PLACES = _set(
    "in on at to from with without of for by under above over behind beside between near into onto across through along "
    "around up down off out away back against toward towards inside outside who which where there"
)
_FUNCTION = _ARTICLES | _PRONOUNS | _LINKS | _PLACES
_AUXILIARIES = _set("is are was were has have had does do did will can could may might must begins")
_LONGEST_SUBJECT = 5

_Word = tuple[str, Span]
"""A word in lower case, and where it stands."""


class Told(NamedTuple):
    """A text, and when it is due; None for text that applies to the whole clip."""

    text: str
    segment: Segment | None


class _Act(NamedTuple):
    """An event: where its words stand, and when it is due."""

    span: Span
    segment: Segment


class _Actor(NamedTuple):
    """Who acts: the words by which a text names it again, none where it is a text of its own, and where they stand."""

    words: tuple[str, ...]
    span: Span
    acts: list[_Act]


def joined(told: Sequence[Told], *, flowing: bool = False) -> Plan:
    """The plan of texts in the order told; `flowing` says that they were one text, in which signs are not missing.

    Raises `PlanError` where none of them is an event, or they do not ascend.
    """
    pieces = [Told(" ".join(text.split()), segment) for text, segment in told]
    pieces = [piece for piece in pieces if piece.text]
    if sum(len(text) for text, _ in pieces) > LONGEST_PROMPT:
        raise PlanError(f"the texts together are longer than a prompt of {LONGEST_PROMPT} characters")
    prompt, actors, in_front = "", _Actors(), False
    for text, segment in pieces:
        prompt += _between(prompt, text, flowing=flowing or in_front) + text
        in_front = segment is None
        if segment is None:
            actors.see(prompt, len(prompt) - len(text))
        else:
            actors.act(prompt, len(prompt) - len(text), segment)
    subjects = [
        {**_part(prompt, actor.span), "events": [{**_part(prompt, s), "segment": t} for s, t in _ascending(actor.acts)]}
        for actor in actors.all
        if actor.acts
    ]
    if not subjects:
        raise PlanError("it has no event; write at least one text with the time in which it is due")
    return validated({"prompt": prompt, "subjects": subjects})


def separated(plan: Plan) -> list[Told]:
    """The prompt cut into the texts that `joined` would join, in its order.

    Each event is in a text of its own, which may hold more than its words where they are not told one after the other.
    """
    prompt = plan.prompt
    events = sorted((event for subject in plan.subjects for event in subject.events), key=lambda event: event.span)
    told: list[Told] = []
    at = 0
    for k, event in enumerate(events):
        first, last = event.span
        begin = max([at, *(stop for stop in _stops(prompt, at, first))])
        told.append(Told(prompt[at:begin], None))
        limit = events[k + 1].span[0] if k + 1 < len(events) else len(prompt)
        at = max(begin, _after_signs(prompt, last, limit))
        told.append(Told(prompt[begin:at], event.segment))
    told.append(Told(prompt[at:], None))
    return [Told(text.strip(), segment) for text, segment in told if text.strip()]


class _Actors:
    """Who acts, as far as told."""

    def __init__(self) -> None:
        self.all: list[_Actor] = []
        self._latest: _Actor | None = None

    def see(self, prompt: str, start: int) -> None:
        """Text in front that ends in the middle of a sentence names the subject of what follows."""
        if prompt[-1] in _SIGNS:
            return
        start = max(
            [start, *(start + match.end() for match in re.finditer(rf"[{re.escape(_SIGNS)}]", prompt[start:]))],
            default=start,
        )
        words = _without(list(_words(prompt, start)), _LINKS | _ARTICLES)
        words = words[: next((k for k, (word, _) in enumerate(words) if word in _FUNCTION), len(words))]
        if words:
            self._latest = self._named(words)

    def act(self, prompt: str, start: int, segment: Segment) -> None:
        """An event told from `start` to the end of the prompt."""
        words = list(_words(prompt, start))
        actor, rest = self._actor(prompt, _without(words, _LINKS))
        rest = _without(rest if actor else words, _THEN) or words
        done = _without(rest[::-1], _LINKS)[::-1]
        end = done[-1][1][1] if done and done[-1] != rest[-1] else len(prompt.rstrip(_SIGNS + " "))
        span = (rest[0][1][0], end) if rest else (start, len(prompt))
        if actor is None:
            actor = _Actor((), span, [])
            self.all.append(actor)
        self._latest = actor
        actor.acts.append(_Act(span, segment))

    def _actor(self, prompt: str, words: list[_Word]) -> tuple[_Actor | None, list[_Word]]:
        """Who acts in a text with these words, and the words of what they do."""
        lows = [word for word, _ in words]
        if len(words) > 1 and self._latest is not None and lows[0] in _PRONOUNS:
            return self._latest, words[1:]
        skipped = next((k for k, low in enumerate(lows) if low not in _ARTICLES), 0)
        length = next((len(actor.words) for actor in self.all if _begins(lows[skipped:], actor.words)), 0)
        goes_on = bool(words) and prompt[words[0][1][0]].islower() and _like_a_verb(lows[0])
        if goes_on and not length and self._latest is not None:
            return self._latest, words
        length = length or _subject_length(lows[:skipped], lows[skipped:])
        if not length:
            return None, words
        return self._named(words[skipped : skipped + length]), words[skipped + length :]

    def _named(self, words: list[_Word]) -> _Actor:
        names = tuple(word for word, _ in words)
        for actor in self.all:
            if (
                actor.words
                and actor.words[-1] == names[-1]
                and ({*actor.words} <= {*names} or {*names} <= {*actor.words})
            ):
                return actor
        self.all.append(_Actor(names, (words[0][1][0], words[-1][1][1]), []))
        return self.all[-1]


def _begins(lows: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a text begins with these words, and goes on."""
    return bool(words) and len(lows) > len(words) and tuple(lows[: len(words)]) == tuple(words)


def _subject_length(articles: Sequence[str], lows: Sequence[str]) -> int:
    """How many words behind the articles are the subject of a text that begins so; 0 where the rule finds none."""
    many = bool(_PLURAL & {*articles})
    for k, low in enumerate(lows[: min(_LONGEST_SUBJECT, len(lows) - 1)]):
        if low in _FUNCTION or low in _AUXILIARIES:
            return 0
        plural = _ends_in_s(low) or low in _MANY
        verb = next((word for word in lows[k + 1 :] if word not in _THEN and not word.endswith("ly")), "")
        if plural if many else _like_a_verb(verb) or (k == 0 and plural and not _SINGULAR & {*articles}):
            return k + 1
    return 0


def _like_a_verb(low: str) -> bool:
    return low in _AUXILIARIES or _ends_in_s(low) or (len(low) > 4 and low.endswith(("ing", "ed")))


def _ends_in_s(low: str) -> bool:
    return len(low) > 2 and low.endswith("s") and not low.endswith(("ss", "us", "'s", "’s")) and low not in _FUNCTION


def _words(text: str, start: int) -> Iterator[_Word]:
    for match in _WORD.finditer(text, start):
        yield match[0].lower(), match.span()


def _without(words: list[_Word], leading: frozenset[str]) -> list[_Word]:
    return words[next((k for k, (word, _) in enumerate(words) if word not in leading), len(words)) :]


def _between(before: str, text: str, *, flowing: bool) -> str:
    """What parts a text from what stands before it: the sign that the writer left out, and a space."""
    if not before or text[0] in _SIGNS:
        return ""
    first = _WORD.match(text)
    if before[-1] in _SIGNS + _CLOSING or (first is not None and first[0] in _LINKS) or (flowing and not text[0].isupper()):
        return " "
    return ". " if text[0].isupper() else ", "


def _stops(prompt: str, start: int, end: int) -> Iterator[int]:
    """Where sentences end between two places."""
    for match in re.finditer(rf"[{re.escape(_STOPS)}]+(?=\s)", prompt[start:end]):
        yield start + match.end()


def _after_signs(prompt: str, start: int, limit: int) -> int:
    """The place behind the punctuation that follows a place."""
    while start < limit and prompt[start] in _SIGNS:
        start += 1
    return start


def _part(prompt: str, span: Span) -> dict[str, Any]:
    return {"text": prompt[slice(*span)], "span": span}


def _ascending(acts: list[_Act]) -> list[_Act]:
    """Events in the order of their segments, if these are in one unit."""
    if len({act.segment.unit for act in acts}) > 1:
        return acts
    return sorted(acts, key=lambda act: act.segment.start)
