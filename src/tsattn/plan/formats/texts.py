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

import itertools
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


class Told(NamedTuple):
    """A text, and when it is due; None for text that applies to the whole clip."""

    text: str
    segment: Segment | None


class _Word(NamedTuple):
    """A word in lower case, and where it stands."""

    low: str
    first: int
    last: int


class _Act(NamedTuple):
    """An event: where its words stand, and when it is due."""

    span: Span
    segment: Segment


class _Actor(NamedTuple):
    """Who acts: the words by which a text names it again, none where it is a text of its own, and where they stand."""

    names: tuple[str, ...]
    span: Span
    acts: list[_Act]

    def may_be(self, names: tuple[str, ...]) -> bool:
        """Whether a phrase means this one: the same noun, and no word that contradicts."""
        same_noun = bool(self.names) and self.names[-1] == names[-1]
        return same_noun and (set(self.names) <= set(names) or set(names) <= set(self.names))


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
        """Text for the whole clip, from `start` to the end of the prompt; where it breaks off, it names who acts next."""
        if prompt[-1] in _SIGNS:
            return
        begin = max(start, *(prompt.rfind(sign) + 1 for sign in _SIGNS))
        words = _without(_words(prompt, begin), _LINKS | _ARTICLES)
        name = list(itertools.takewhile(lambda word: word.low not in _FUNCTION, words))
        if name:
            self._latest = self._named(name)

    def act(self, prompt: str, start: int, segment: Segment) -> None:
        """An event told from `start` to the end of the prompt."""
        words = _words(prompt, start)
        actor, rest = self._actor(prompt, _without(words, _LINKS))
        told = _without(rest if actor else words, _THEN) or words
        span = (told[0].first if told else start), _end(prompt, told)
        if actor is None:
            actor = _Actor((), span, [])
            self.all.append(actor)
        self._latest = actor
        actor.acts.append(_Act(span, segment))

    def _actor(self, prompt: str, words: list[_Word]) -> tuple[_Actor | None, list[_Word]]:
        """Who acts in a text with these words, and the words of what they do."""
        lows = [word.low for word in words]
        skipped = next((k for k, low in enumerate(lows) if low not in _ARTICLES), 0)
        known = next((len(actor.names) for actor in self.all if _begins(lows[skipped:], actor.names)), 0)
        if self._latest is not None and not known and len(words) > 0:
            if lows[0] in _PRONOUNS and len(words) > 1:
                return self._latest, words[1:]
            if _like_a_verb(lows[0]) and prompt[words[0].first].islower():
                return self._latest, words
        length = known or _subject_length(lows[:skipped], lows[skipped:])
        if not length:
            return None, words
        return self._named(words[skipped : skipped + length]), words[skipped + length :]

    def _named(self, words: list[_Word]) -> _Actor:
        names = tuple(word.low for word in words)
        known = next((actor for actor in self.all if actor.may_be(names)), None)
        if known is None:
            known = _Actor(names, (words[0].first, words[-1].last), [])
            self.all.append(known)
        return known


def _begins(lows: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a text begins with a name, and goes on."""
    return 0 < len(names) < len(lows) and tuple(lows[: len(names)]) == names


def _subject_length(articles: Sequence[str], lows: Sequence[str]) -> int:
    """How many words behind the articles are the subject of a text that begins so; 0 where the rule finds none."""
    many, one = bool(_PLURAL & {*articles}), bool(_SINGULAR & {*articles})
    for k, low in enumerate(lows[: min(_LONGEST_SUBJECT, len(lows) - 1)]):
        if low in _FUNCTION or low in _AUXILIARIES:
            return 0
        plural = _ends_in_s(low) or low in _MANY
        following = next((word for word in lows[k + 1 :] if word not in _THEN and not word.endswith("ly")), "")
        # "two dogs bark"; "a dog barks"; "the dogs bark"
        if plural if many else _like_a_verb(following) or (plural and not one and k == 0):
            return k + 1
    return 0


def _end(prompt: str, told: list[_Word]) -> int:
    """Where the words of an event end: before the signs at the end of the prompt, and before "and then"."""
    kept = _without(told[::-1], _LINKS)
    if kept and kept[0] != told[-1]:
        return kept[0].last
    return len(prompt.rstrip(_SIGNS + " ")) if told else len(prompt)


def _like_a_verb(low: str) -> bool:
    return low in _AUXILIARIES or _ends_in_s(low) or (len(low) > 4 and low.endswith(("ing", "ed")))


def _ends_in_s(low: str) -> bool:
    return len(low) > 2 and low.endswith("s") and not low.endswith(("ss", "us", "'s", "’s")) and low not in _FUNCTION


def _words(text: str, start: int) -> list[_Word]:
    return [_Word(match[0].lower(), *match.span()) for match in _WORD.finditer(text, start)]


def _without(words: Sequence[_Word], leading: frozenset[str]) -> list[_Word]:
    return list(itertools.dropwhile(lambda word: word.low in leading, words))


def _between(before: str, text: str, *, flowing: bool) -> str:
    """What parts a text from what stands before it: the sign that the writer left out, and a space."""
    if not before or text[0] in _SIGNS:
        return ""
    first = _WORD.match(text)
    if (
        before[-1] in _SIGNS + _CLOSING
        or (first is not None and first[0] in _LINKS)
        or (flowing and not text[0].isupper())
    ):
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
