"""From a plain English sentence to a plan, by rules and word lists only: no model, no download.

    prompt → sentences → pieces between joints (",", "and", "then", "before", "while" ...) → who does what → plan

Each piece is a predicate of the current subject ("moves up"), a clause with a subject of its own ("a dog barks") or
neither, and then it belongs to the event before it ("and a plate"). Verbs are recognised by their place and form, so
that unknown ones count too. Words that say when something happens order the events; they are never part of an event.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tsattn.errors import PlanError
from tsattn.plan import lexicon
from tsattn.plan.schema import Event, Plan, Span, Subject, uniform

Form = Literal["finite", "base", "past", "gerund"]

_TOKEN = re.compile(r"[^\W_](?:[\w\u0300-\u036f]|['’.-](?=[^\W_]))*|[.!?…。]+|[,;:()\[\]\u2013\u2014-]")
_STOPS = ".!?…。"
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "st", "vs"})
_LONGEST_JOINT = max(map(len, lexicon.JOINTS))
_LONGEST_SUBJECT = 20
_MEMORY = 50
_WITHIN = frozenset({lexicon.AND, lexicon.BEFORE, lexicon.AFTER, lexicon.WHILE})
_BEFORE_SUBJECT = frozenset({lexicon.BEFORE, lexicon.AFTER, lexicon.WHILE})
_AFTER_VERBS = lexicon.DETERMINERS | lexicon.OBJECT_PRONOUNS | lexicon.DIRECTIONS
_CONVERSE = {lexicon.BEFORE: lexicon.AFTER, lexicon.WHILE: lexicon.WHILE}
_IN_ORDER = frozenset({lexicon.SEQUENCE, lexicon.BEFORE, lexicon.AFTER, lexicon.BUT})


class _Word(NamedTuple):
    low: str
    first: int
    last: int


class _Piece(NamedTuple):
    """Words between two joints; `joint` holds the kinds of `lead`, the joints before it. Both may be empty."""

    joint: frozenset[str]
    lead: list[_Word]
    words: list[_Word]


class _Verb(NamedTuple):
    """Where a verb stands, its form, and whether it is one beyond doubt: an auxiliary, or in the word list."""

    at: int
    form: Form
    sure: bool = True


@dataclass(eq=False)
class _Actor:
    words: list[_Word]
    scene: bool = False

    @property
    def head(self) -> str:
        """The noun, which is the last word before any "of", "in" ..."""
        end = next((k for k, word in enumerate(self.words) if k and word.low in lexicon.PREPOSITIONS), len(self.words))
        return self.words[end - 1].low

    def may_be(self, other: _Actor) -> bool:
        """Whether a later, definite phrase may mean this one: the same noun, and no word that contradicts."""
        mine, theirs = ({word.low for word in actor.words} for actor in (self, other))
        return self.head == other.head and (mine <= theirs or theirs <= mine)


@dataclass(eq=False)
class _Happening:
    """An event in the making. `actor` is None until a later clause says who ("After eating, the cat sleeps")."""

    words: list[_Word]
    form: Form
    sentence: int
    actor: _Actor | None


def parse(prompt: str) -> Plan:
    """Read subjects and their events, in order, from an English prompt, each event with an equal share of the clip.

    Events of several subjects share the clip in the order told: what "while" or a plain "and" joins happens together,
    anything else one after the other. Raises `PlanError` where the prompt is empty, no valid text or tells of no event.
    """
    if not prompt.strip():
        raise PlanError('the prompt is empty; write what happens, for example "A cat jumps, then sleeps"')
    _check_text(prompt)
    reader = _Reader()
    for number, sentence in enumerate(_sentences(prompt)):
        reader.read(sentence, number)
    steps = reader.timeline()
    told: dict[_Actor, list[Event]] = {}
    for step, segment in zip(steps, uniform(len(steps)) if steps else (), strict=True):
        for happening in step:
            if happening.actor is not None:
                span = _span(happening.words)
                event = Event(text=prompt[slice(*span)], span=span, segment=segment)
                told.setdefault(happening.actor, []).append(event)
    if not told:
        raise PlanError(
            f"found no event in the prompt {prompt!r}; say who does what, for example "
            '"A cat jumps, then sleeps", or give a plan file'
        )
    subjects = [
        Subject(text=prompt[slice(*_span(actor.words))], span=_span(actor.words), events=tuple(events))
        for actor, events in told.items()
    ]
    return Plan(prompt=prompt, subjects=tuple(subjects))


def _check_text(prompt: str) -> None:
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise PlanError(
            f"the prompt {prompt!r} is not valid text at character {error.start}; write it in UTF-8"
        ) from error


def _span(words: list[_Word]) -> Span:
    return words[0].first, words[-1].last


def _sentences(prompt: str) -> Iterator[list[_Word]]:
    """Words and commas (any sign that parts clauses) of each sentence."""
    sentence: list[_Word] = []
    for match in _TOKEN.finditer(prompt):
        sign = match[0][0]
        if sign in _STOPS:
            if sentence and sentence[-1].low not in _ABBREVIATIONS:
                yield sentence
                sentence = []
        elif sign.isalnum():
            sentence += _split_clitic(_Word(match[0].lower().replace("’", "'"), *match.span()))
        else:
            sentence.append(_Word(lexicon.COMMA, *match.span()))
    yield sentence


def _split_clitic(word: _Word) -> list[_Word]:
    """Part "it's" into "it" and "'s"; leave other words as they are."""
    pronoun, apostrophe, clitic = word.low.partition("'")
    if not apostrophe or pronoun not in lexicon.PRONOUNS or len(word.low) != word.last - word.first:
        return [word]
    middle = word.first + len(pronoun)
    return [_Word(pronoun, word.first, middle), _Word("'" + clitic, middle, word.last)]


def _pieces(sentence: list[_Word]) -> Iterator[_Piece]:
    joint: set[str] = set()
    lead: list[_Word] = []
    words: list[_Word] = []
    at = 0
    while at < len(sentence):
        # "for a while" holds no joint
        noun_due = at > 0 and sentence[at - 1].low in lexicon.DETERMINERS and sentence[at].low != lexicon.COMMA
        kind, length = ("", 0) if noun_due else _joint(sentence, at, opening=not words)
        if not kind:
            words.append(sentence[at])
            at += 1
            continue
        if words:
            yield _Piece(frozenset(joint), lead, words)
            joint, lead, words = set(), [], []
        joint.add(kind)
        lead += sentence[at : at + length]
        at += length
    if words:
        yield _Piece(frozenset(joint), lead, words)


def _joint(sentence: list[_Word], at: int, *, opening: bool) -> tuple[str, int]:
    """The kind of joint that begins at a word, and how many words it takes; none takes 0."""
    lows = [word.low for word in sentence[at : at + _LONGEST_JOINT + 1]]
    if lows[0] == lexicon.COMMA:
        return lexicon.COMMA, 1
    if opening and lows[0] in lexicon.OPENERS and lows[1:2] != ["to"]:
        return lexicon.SEQUENCE, 1
    for length in range(min(len(lows), _LONGEST_JOINT), 0, -1):
        kind = lexicon.JOINTS.get(tuple(lows[:length]))
        if kind:
            return kind, length
    return "", 0


@dataclass
class _Reader:
    """Reads piece after piece and remembers who is meant, what happened and in which order."""

    actors: list[_Actor] = field(default_factory=list)
    steps: list[list[_Happening]] = field(default_factory=list)
    actor: _Actor | None = None
    latest: _Happening | None = None
    sentence: int = 0
    opens: set[str] = field(default_factory=set)
    unclaimed: list[_Happening] = field(default_factory=list)
    interrupted: bool = False

    def read(self, sentence: list[_Word], number: int) -> None:
        """Read one sentence."""
        self.sentence, self.latest = number, None
        self.opens = set()
        pieces = deque(_pieces(sentence))
        while pieces:
            piece = pieces.popleft()
            if self._event(piece):
                continue
            # "A man and a woman dance", "A black and white dog runs": the subject goes on after "and"
            goes_on = self.latest is None and pieces and pieces[0].joint == {lexicon.AND}
            if goes_on and len(piece.words) < _LONGEST_SUBJECT:
                rest = pieces.popleft()
                pieces.appendleft(piece._replace(words=piece.words + rest.lead + rest.words))
            else:
                self._remainder(piece)

    def timeline(self) -> list[list[_Happening]]:
        """What happens together, step by step, without the scene's and camera's doings and mere descriptions."""
        doings: dict[tuple[int, _Actor | None], int] = {}
        for happening in (happening for step in self.steps for happening in step):
            key = happening.sentence, happening.actor
            doings[key] = doings.get(key, 0) + 1

        def counts(happening: _Happening) -> bool:
            alone = doings[happening.sentence, happening.actor] == 1
            real = happening.actor is not None and not happening.actor.scene
            return real and not (alone and _is_state(happening.words))

        kept = [[happening for happening in step if counts(happening)] for step in self.steps]
        return [step for step in kept if step]

    def _event(self, piece: _Piece) -> bool:
        """Take the piece as an event, of the current subject or of its own; False where it is none."""
        words = _without_backdrop(piece.words)
        if not words:
            return False
        opening = self.latest is None and not piece.joint - {lexicon.COMMA}
        own = _clause(words, self._admitted(piece), strict=piece.joint == {lexicon.AND})
        verb = _predicate(words, piece.joint, self.latest)
        # "then snakes made of clouds dance": what looks like a verb with -s is a noun where a sure verb follows
        if own and (opening or verb is None or (own[1].sure and not verb.sure)):
            return self._clause_event(piece, words, *own)
        # "falls while spinning" is one event
        if (
            verb is None
            or (self.actor is None and opening)
            or (self.latest is not None and lexicon.WHILE in piece.joint)
        ):
            return False
        if self.latest is None and verb.form == "gerund" and piece.joint & _BEFORE_SUBJECT:
            actor = None
        else:
            # "a cat sleeps while a dog barks and digs, then wakes up": the dog digs, the cat wakes up
            actor = self.latest.actor if self.latest and piece.joint == {lexicon.AND} else self.actor
        self._happen(piece, words, verb.form, actor)
        return True

    def _admitted(self, piece: _Piece) -> frozenset[Form]:
        """Forms that make a clause: participles only where a clause is due, or where the story is told in them."""
        forms: set[Form] = {"finite", "base"}
        if self.latest is None or piece.joint & (_IN_ORDER | {lexicon.WHILE}):
            forms |= {"past", "gerund"}
        else:
            forms.add(self.latest.form)
        return frozenset(forms)

    def _clause_event(self, piece: _Piece, words: list[_Word], subject: list[_Word], verb: _Verb) -> bool:
        aside = lexicon.WHILE in piece.joint and self.latest is not None
        if aside and subject[0].low in lexicon.PRONOUNS:
            return False
        actor = self._resolve(subject)
        if actor is None:
            return False
        if actor.scene and words[verb.at].low in lexicon.SHOWS and words[verb.at + 1 :]:
            return self._shown(piece, words[verb.at + 1 :])
        if not aside:
            self.actor = actor
        start = _with_adverbs(words, verb.at)
        form = _told_in(words[start:])
        if form and words[start].low in lexicon.CLITICS:
            start += 1
        self._happen(piece, words[start:], form or verb.form, actor)
        return True

    def _shown(self, piece: _Piece, words: list[_Word]) -> bool:
        """Take what "the video shows": a clause, or who acts from here on ("a car that speeds along, brakes ...")."""
        own = _clause(words, frozenset({"finite", "base", "gerund"}), strict=False)
        self.actor = self._resolve(own[0] if own else _noun_phrase(words)) or self.actor
        if own:
            self._happen(piece, words[own[1].at :], own[1].form, self.actor)
        return True

    def _happen(self, piece: _Piece, words: list[_Word], form: Form, actor: _Actor | None) -> None:
        """Place an event on the timeline: after the one before it unless the joints say otherwise."""
        happening = _Happening(words, form, self.sentence, actor)
        if actor is None:
            self.unclaimed.append(happening)
        else:
            for waiting in self.unclaimed:
                waiting.actor = actor
            self.unclaimed = []
        joint = set(piece.joint) if self.latest is not None else set()
        # "Before it sleeps, the cat eats": the joint of the first clause orders the second, the other way round
        joint |= self.opens
        self.opens = {_CONVERSE[kind] for kind in piece.joint & _CONVERSE.keys()} if self.latest is None else set()
        other = self.latest is not None and self.latest.actor is not actor
        if lexicon.WHILE in joint or (piece.joint == {lexicon.AND} and other):
            self.steps[-1].append(happening)
        elif lexicon.AFTER in joint:
            self.steps.insert(-1, [happening])
        else:
            self.steps.append([happening])
        self.latest = happening
        self.interrupted = False

    def _remainder(self, piece: _Piece) -> None:
        """A piece without an event: it goes on with the event before, or names who is meant next."""
        if self.latest is not None and piece.joint <= _WITHIN:
            # a list of objects ("buys apples, pears and plums") reaches over a comma, nothing else does
            if not self.interrupted or _has_object(self.latest.words):
                self.latest.words = self.latest.words + _without_backdrop(piece.words)
        elif self.latest is None or piece.joint & _IN_ORDER:
            named = _noun_phrase(piece.words)
            if named[0].low in lexicon.PRONOUNS or piece.words[0].low in lexicon.DETERMINERS:
                self.actor = self._resolve(named) or self.actor
        else:
            self.interrupted = True

    def _resolve(self, phrase: list[_Word]) -> _Actor | None:
        """The actor that a noun phrase or pronoun means: one that was named before, or a new one."""
        words = _without_articles(phrase)
        if not words:
            return None
        actor = self._antecedent(words) if words[0].low in lexicon.PRONOUNS else self._named(phrase, words)
        # who was named last is found first
        self.actors = [*(other for other in self.actors if other is not actor), actor][-_MEMORY:]
        return actor

    def _named(self, phrase: list[_Word], words: list[_Word]) -> _Actor:
        indefinite = phrase[0].low in lexicon.INDEFINITE
        actor = _Actor(words)
        # "a camera falls off a table" tells of a thing, "the camera pans" of the picture
        actor.scene = actor.head in lexicon.SCENE and not (indefinite and actor.head == "camera")
        known = (other for other in reversed(self.actors) if other.may_be(actor))
        return actor if indefinite else next(known, actor)

    def _antecedent(self, words: list[_Word]) -> _Actor:
        """Whom a pronoun means: the last one named of those it fits best, or what the last event was done to."""
        pronoun = words[0].low
        known = [actor for actor in reversed(self.actors) if not actor.scene]
        best = max(known, key=lambda actor: _fit(pronoun, actor.head), default=None)
        if best and _fit(pronoun, best.head):
            return best
        patient = _patient(self.steps[-1][-1].words) if self.steps and pronoun == "it" else []
        return _Actor(patient) if patient else best or _Actor(words)


def _fit(pronoun: str, noun: str) -> int:
    """How well a pronoun may stand for a noun; 0 where it cannot."""
    if pronoun == noun:
        return 3
    if pronoun in ("he", "she"):
        same, opposite = (lexicon.MALE, lexicon.FEMALE)[:: 1 if pronoun == "he" else -1]
        return 0 if noun in opposite else 1 + (noun in lexicon.PEOPLE) + (noun in same)
    if pronoun == "it":
        return int(noun not in lexicon.PEOPLE)
    return 1 + lexicon.is_plural(noun)


def _patient(words: list[_Word]) -> list[_Word]:
    """The first noun phrase with a determiner among the words of an event: "ball" in "kicks a ball to the wall"."""
    first = next((k for k, word in enumerate(words) if word.low in lexicon.DETERMINERS), len(words)) + 1
    last = next((k for k in range(first, len(words)) if not _is_open(words[k].low)), len(words))
    return words[first:last]


def _clause(words: list[_Word], admitted: frozenset[Form], *, strict: bool) -> tuple[list[_Word], _Verb] | None:
    """The subject and verb of a clause, or None. `strict` asks for more evidence, as after a plain "and"."""
    offset = next((k for k, word in enumerate(words) if not lexicon.is_adverb(word.low) or word.low == "there"), 0)
    offset += _after_introduction(words[offset:])
    words_left = words[offset:]
    verb = _main_verb(words_left, strict=strict)
    if verb is None or verb.form not in admitted:
        return None
    subject = _noun_phrase(words_left[: _with_adverbs(words_left, verb.at)])
    if not subject or subject[0].low in lexicon.RELATIVES:
        return None
    return subject, verb._replace(at=offset + verb.at)


def _after_introduction(words: list[_Word]) -> int:
    """Where the subject begins, behind "there is" or a phrase of place as in "in a forest a deer runs"."""
    lows = [word.low for word in words]
    if lows[0] == "there" and len(lows) > 2 and lows[1] in lexicon.BE:
        return 2
    if lows[0] in lexicon.PREPOSITIONS:
        starts = (
            k
            for k in range(2, len(lows))
            if lows[k] in lexicon.DETERMINERS | lexicon.PRONOUNS and _is_open(lows[k - 1])
        )
        return next(starts, len(lows))
    # "a wide shot of a cat", "a video of two dogs"
    for k, low in enumerate(lows[:6]):
        if low in lexicon.SCENE and lows[k + 1 : k + 2] == ["of"] and k + 2 < len(lows):
            return k + 2
    return 0


def _main_verb(words: list[_Word], *, strict: bool) -> _Verb | None:
    """The verb that goes with the noun phrase at the start: a finite one if any, else a past form, else a gerund."""
    lows = [word.low for word in words]
    unlisted: int | None = None
    fallback: dict[Form, int] = {}
    relative = plural = False
    for k in range(1, len(lows)):
        low, before = lows[k], lows[k - 1]
        plural = plural or before == "and" or lexicon.is_plural(before)
        auxiliary = low in lexicon.AUXILIARIES and before not in lexicon.DETERMINERS
        if not auxiliary and not _is_open(low):
            if unlisted is not None:
                break
            relative = relative or (low in lexicon.RELATIVES and _is_open(before))
            continue
        if _needs_noun(before) and not auxiliary:
            continue
        form = "finite" if auxiliary else _finite_form(lows, k, plural=plural)
        if relative and (form or lexicon.is_past(low)):
            relative = False
        elif form and (auxiliary or lexicon.is_verb(low)):
            return _Verb(k, form)
        elif form and unlisted is None and before not in lexicon.ADJECTIVES:
            unlisted = None if strict and k + 1 == len(lows) else k
        elif lexicon.is_past(low):
            fallback.setdefault("past", k)
        elif lexicon.is_gerund(low):
            fallback.setdefault("gerund", k)
    if unlisted is not None:
        return _Verb(unlisted, "finite" if lexicon.is_third_person(lows[unlisted]) else "base", sure=False)
    return min((_Verb(k, form) for form, k in fallback.items()), default=None)


def _finite_form(lows: list[str], k: int, *, plural: bool) -> Form | None:
    """The finite form that a word has behind a noun phrase, judged by the words around it."""
    low = lows[k]
    if lexicon.is_third_person(low):
        return None if lows[0] in lexicon.PLURALISERS or _is_noun_before_verb(lows, k) else "finite"
    if low in lexicon.VERBS:
        return "base" if plural and lows[k - 1] not in lexicon.ADJECTIVES else None
    ends = k + 1 == len(lows) or not _is_open(lows[k + 1])
    unmarked = not (lexicon.is_gerund(low) or lexicon.is_past(low) or lexicon.is_adverb(low))
    return "base" if lexicon.is_plural(lows[k - 1]) and ends and unmarked else None


def _is_noun_before_verb(lows: list[str], k: int) -> bool:
    """Whether a word with -s is a plural with its verb behind it, as in "waves crash"."""
    if k + 1 == len(lows) or lows[k + 1] not in lexicon.VERBS or lexicon.allows_base(lows[k]):
        return False
    # "swings open" against "petals open"
    return not (lows[k + 1] in lexicon.RESULTS and lexicon.is_verb(lows[k]))


def _predicate(words: list[_Word], joint: frozenset[str], latest: _Happening | None) -> _Verb | None:
    """The verb of a piece that begins with one, so that its subject was named before; None for any other piece."""
    lows = [word.low for word in words]
    k = next((k for k, low in enumerate(lows) if not lexicon.is_adverb(low)), len(lows) - 1)
    low, after = lows[k], lows[k + 1 : k + 2]
    due = bool(joint & _IN_ORDER)
    form = latest.form if latest else None
    if low in lexicon.AUXILIARIES:
        return _Verb(k, _told_in(words[k:]) or "finite")
    if not _is_open(low):
        return None
    governs = bool(after) and (after[0] in _AFTER_VERBS or lexicon.is_adverb(after[0]))
    if lexicon.is_third_person(low):
        if after == ["of"] or _is_noun_before_verb(lows, k):
            return None
        sure = governs or lexicon.is_verb(low)
        # "drops the tray, and apologizes" against "buys apples, pears, and plums" and "wears a hat and mittens"
        lists = latest is not None and (
            _ends_in_plurals(latest.words) if lexicon.COMMA in joint else _has_object(latest.words)
        )
        return _Verb(k, "finite", sure) if sure or due or not lists else None
    if form == "base" and (low in lexicon.VERBS or due or governs):
        return _Verb(k, "base")
    if lexicon.is_gerund(low) and (due or form == "gerund" or lexicon.WHILE in joint):
        return _Verb(k, "gerund")
    if lexicon.is_past(low) and form == "past":
        return _Verb(k, "past")
    return None


def _told_in(words: list[_Word]) -> Form | None:
    """The form that may follow without its auxiliary: "is running" and "jumping", "is lit" and "placed"."""
    if words[0].low not in lexicon.BE:
        return None
    lows = [word.low for word in words[1:3]]
    return "gerund" if any(map(lexicon.is_gerund, lows)) else "past" if any(map(lexicon.is_past, lows)) else None


def _is_state(words: list[_Word]) -> bool:
    """Whether words describe ("is blue", "wears a hat") instead of telling what happens ("is thrown", "is running")."""
    verb = next((word.low for word in words if not lexicon.is_adverb(word.low)), "")
    return verb in lexicon.STATIVE and _told_in(words) is None


def _has_object(words: list[_Word]) -> bool:
    return any(_is_open(word.low) and not lexicon.is_adverb(word.low) for word in words[1:])


def _ends_in_plurals(words: list[_Word]) -> bool:
    """Whether an event ends with a plural that has no determiner, so that more of them may follow."""
    return lexicon.is_plural(words[-1].low) and len(words) > 1 and words[-2].low not in lexicon.DETERMINERS


def _is_open(low: str) -> bool:
    """Whether a word may be a noun, verb or adjective."""
    return low not in lexicon.CLOSED


def _needs_noun(low: str) -> bool:
    """Whether the word behind this one belongs to its noun phrase, whatever its form."""
    return low in lexicon.DETERMINERS or low in lexicon.PREPOSITIONS or low.endswith("'s")


def _with_adverbs(words: list[_Word], verb: int) -> int:
    """Where a predicate begins: at the adverbs before its verb, if any."""
    while verb > 1 and lexicon.is_adverb(words[verb - 1].low):
        verb -= 1
    return verb


def _without_articles(words: list[_Word]) -> list[_Word]:
    """The words of a noun phrase behind "the", "his", "one of the" ..."""
    first = 0
    for k, word in enumerate(words):
        if word.low not in lexicon.DETERMINERS and word.low != "of":
            break
        if word.low in lexicon.ARTICLES or word.low == "of":
            first = k + 1
    return words[first:]


def _noun_phrase(words: list[_Word]) -> list[_Word]:
    """The words of a subject up to a relative clause or participle: "man" of "man walking a dog"."""
    for k in range(1, len(words)):
        low, before = words[k].low, words[k - 1].low
        added = lexicon.is_gerund(low) or lexicon.is_past(low)
        if not _needs_noun(before) and (low in lexicon.RELATIVES or (added and before not in lexicon.ADJECTIVES)):
            return words[:k]
    return words


def _without_backdrop(words: list[_Word]) -> list[_Word]:
    """The words before "on a striped background" at the end, if it stands there."""
    if words[-1].low in ("background", "backdrop"):
        for k in range(len(words) - 2, max(len(words) - 7, -1), -1):
            if words[k].low in ("on", "against", "over"):
                return words[:k]
    return words
