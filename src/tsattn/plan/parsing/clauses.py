"""From the reading of a sentence to its clauses: who, if named here, does what, and how that is joined to what precedes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tsattn.plan.parsing.nouns import gender
from tsattn.plan.parsing.reading import Read, read
from tsattn.plan.parsing.states import DUE, NOUN
from tsattn.plan.parsing.words import Word

Phrase = list[Word]
Kind = Literal["clause", "chain", "also", "who"]


@dataclass(eq=False)
class Clause:
    """A verb with what belongs to it.

    kind        clause: names its subject; chain: shares the one before; also: a participle beside the verb before it;
                who: a relative clause behind a comma, whose subject is what it is about
    subject     as named here, "the old man" or "they"
    words       of the event, from its adverbs and auxiliaries to its end
    joints      what ties it to what precedes: comma, and, but, then, while, before, after, until, when, why
    lead        adverbs and phrases that stand before the subject
    form        of the verb, a letter as in `State.forms`; "" for an auxiliary alone
    auxiliary   its tag, where the clause has one
    describes   whether the verb only links the subject to what it is or has
    predicative whether the verb is followed by an adjective ("looks wild")
    inverted    whether the subject stands behind the verb
    nouns       noun phrases among the words, but for those behind a preposition, which are `placed`
    """

    kind: Kind
    subject: Phrase
    words: Phrase
    joints: list[str]
    lead: Phrase
    form: str = ""
    auxiliary: str = ""
    describes: bool = False
    predicative: bool = False
    inverted: bool = False
    nouns: list[Phrase] = field(default_factory=list)
    placed: list[Phrase] = field(default_factory=list)


def clauses(sentence: list[Word]) -> tuple[list[Clause], list[Phrase]]:
    """The clauses of a sentence, and the subjects that were named without a verb."""
    collector = _Collector()
    for at in read(sentence):
        collector.take(at)
    collector.drop_subject()
    for clause in collector.clauses:
        clause.words = _trimmed(clause.words)
    return collector.clauses, collector.named


def _trimmed(words: Phrase) -> Phrase:
    """The words before a joint that leads nowhere and "on a striped background" at the end, if they stand there."""
    while len(words) > 1 and words[-1].low in (",", ";", "and", "&", "or"):
        words = words[:-1]
    if words[-1].low in ("background", "backdrop"):
        for k in range(len(words) - 2, max(len(words) - 7, 0), -1):
            if words[k].low in ("on", "against", "over"):
                return words[:k]
    return words


@dataclass
class _Collector:
    """Gathers words until the part that the next one plays tells where they belong."""

    clauses: list[Clause] = field(default_factory=list)
    named: list[Phrase] = field(default_factory=list)
    current: Clause | None = None
    subject: Phrase = field(default_factory=list)
    gap: Phrase = field(default_factory=list)
    joints: list[str] = field(default_factory=list)
    adverbs: Phrase = field(default_factory=list)
    lead: Phrase = field(default_factory=list)
    held: Phrase = field(default_factory=list)
    about: Phrase = field(default_factory=list)
    noun: Phrase = field(default_factory=list)
    preposition: bool = False
    last: Read | None = None

    def take(self, at: Read) -> None:
        """Take one word."""
        self._follow_noun(at)
        if at.part == "new":
            self.drop_subject()
            self.subject, self.lead, self.adverbs, self.current = [at.word], [*self.lead, *self.adverbs], [], None
        elif at.part == "subject":
            self.subject += [*self.gap, at.word]
            self.gap = []
        elif at.part == "joint":
            self.joints.append("comma" if at.tag in ("COMMA", "SEMI") else at.trait or "and")
            self.lead += self.adverbs
            self.adverbs = []
            self.held.append(at.word)
        elif at.part == "lead":
            self.adverbs.append(at.word)
            self.held.append(at.word)
        elif at.part in ("verb", "also", "who"):
            self._begin(at)
        elif at.part == "rel":
            self.about, self.joints, self.held, self.current = self._antecedent(at.word), ["comma"], [], None
        elif at.part == "aside":
            self.drop_subject()
            self.joints, self.held, self.current = [], [], None
        elif self.current is not None:
            self._go_on(at)
        elif self.subject:
            self.gap.append(at.word)
        else:
            self.lead.append(at.word)
        self.last = at

    def _begin(self, at: Read) -> None:
        kind: Kind = "clause" if self.subject else "chain"
        if at.part == "also":
            kind = "also"
        elif at.part == "who":
            kind, self.subject = "who", self.about
        self.current = Clause(kind, self.subject, [*self.adverbs, at.word], self.joints, self.lead)
        if at.tag == "V":
            self.current.form = at.trait[0]
        else:
            self.current.auxiliary = at.tag
        self.clauses.append(self.current)
        self.subject, self.gap, self.joints, self.adverbs, self.lead, self.held = [], [], [], [], [], []

    def _go_on(self, at: Read) -> None:
        """One more word of the current event, and with it the joint before, which then tied no new event to it."""
        assert self.current is not None
        if at.part == "main":
            self.current.form = at.trait[0] if at.tag == "V" else "z"
        elif at.part == "state":
            self.current.describes = True
        elif at.part == "late":
            self.current.kind, self.current.subject = "clause", [*self.current.subject, at.word]
            self.current.inverted, self.current.describes = True, self.current.auxiliary == "BE"
        elif at.state.np == "said" and self.last is not None and self.last.part == "verb":
            self.current.predicative = True
        self.current.words += [*self.held, at.word]
        self.held, self.joints, self.adverbs = [], [], []

    def drop_subject(self) -> None:
        """Leave a subject that has no verb."""
        if self.subject:
            self.named.append(self.subject)
        self.subject, self.gap = [], []

    def _antecedent(self, relative: Word) -> Phrase:
        """What a relative pronoun stands for: the last noun phrase or, for "who", the last that is a person."""
        known = [*self.current.nouns, *self.current.placed] if self.current else []
        people = [phrase for phrase in known if gender(phrase[-1].low)]
        return people[-1] if relative.low == "who" and people else self.noun

    def _follow_noun(self, at: Read) -> None:
        """Gather the words of each noun phrase, and give it to the event it is in."""
        if at.tag == "PREP" or at.tag == "V" or at.part == "verb":
            self.preposition = at.tag == "PREP"
        building = at.state.np in DUE or at.tag in ("N", "POSS", "PRON", "QUOTE")
        if not building:
            return
        goes_on = bool(self.noun) and self.last is not None and self.noun[-1] == self.last.word
        self.noun = [*self.noun, at.word] if goes_on else [at.word]
        if self.current is not None and at.state.np in NOUN and at.part in ("", "more", "main", "state"):
            phrases = self.current.placed if self.preposition else self.current.nouns
            if phrases and phrases[-1][0] == self.noun[0]:
                phrases.pop()
            phrases.append(self.noun)
