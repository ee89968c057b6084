"""Where a reader of a sentence stands, what reading one more word there costs, and the part that the word plays.

A clause is a subject, a verb and what belongs to the verb. Verbs and clauses follow each other, joined by commas,
conjunctions and subordinators; nesting is flat, one subject at the most waits while its relative clause is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

FREE, USUAL, FAIR, DOUBTFUL, UNLIKELY, ODD, RARE, WRONG = 0.0, 0.2, 0.6, 1.0, 1.5, 2.0, 2.4, 4.0
"""How unlikely a step is: negative log-likelihoods, roughly, in a few grades. Nothing is forbidden."""

NONE: frozenset[str] = frozenset()


class State(NamedTuple):
    """Where in a clause the reader stands.

    zone    what is being read: a key of `grammar.ZONES`
    np      the noun phrase that is being read: behind "the", "a" (only a singular may follow), "adj" or "all" its noun must
            come; "sg", "pl", "any" it has a noun without determiner, "the sg" ... one with, "a pl" one that cannot be all of
            it ("a sports ..."), "pro" a pronoun. Or what must come: "prep" a noun phrase, "time" one or a clause, "doing" a participle,
            "co" one that "and" joins, "to" an infinitive. Or what was last: "said" a predicative adjective, "part" a bare participle
    number  of the subject: sg, pl, any
    forms   of the verbs so far, one more of which may share their subject, the last one first: z third person, b base form,
            d past, g gerund, n past participle, m modal
    marks   what later words depend on
            comma, and, then, break   the joint that was just read; break is a semicolon or dash
            due, later                the subject must get a verb; its clause is not the first of the sentence
            sub, order, wait          in a subordinate clause, behind "before" and the like; its main clause is still to come
            both, list, exists        of the subject: several; a list without "and" yet, also of objects; behind "there is"
            who, whom                 in a relative clause without verb so far, that tells an event
            causes, gives, inf        the verb may take a bare infinitive, two objects; it has an infinitive
    loose   whether joints may be missing, as in a prompt typed without any punctuation
    """

    zone: str = "open"
    np: str = ""
    number: str = ""
    forms: str = ""
    marks: frozenset[str] = NONE
    loose: bool = False

    def anew(self, zone: str, *marks: str, np: str = "", number: str = "", forms: str | None = None) -> State:
        """A state that keeps of this one only the forms and whether the sentence is loose."""
        return State(zone, np, number, self.forms if forms is None else forms, frozenset(marks), self.loose)

    def at(self, zone: str, np: str = "") -> State:
        """The same state in another zone."""
        return self._replace(zone=zone, np=np)

    def marked(self, *marks: str) -> State:
        """The same state with these marks, too."""
        return self._replace(marks=self.marks.union(marks))

    def unmarked(self, *marks: str) -> State:
        """The same state without these marks."""
        return self._replace(marks=self.marks.difference(marks))


class Step(NamedTuple):
    """The state after a word, what reading it so costs, and the part it plays.

    new     begins the subject of a clause          subject  goes on with it
    verb    begins an event                         also     begins one beside the last ("..., stretching its legs")
    who     begins one in a relative clause         rel      the relative pronoun before it
    main    the verb behind its auxiliary           state    shows that the verb only describes
    late    the subject behind its verb             more     the event goes on over a joint
    joint   ties what follows to what precedes      lead     an adverb that belongs to the next verb
    aside   ends the event and begins no other      ""       goes on with what is being read
    """

    state: State
    cost: float = FREE
    part: str = ""


Steps = Iterator[Step]

BARE = frozenset({"sg", "pl", "any"})
NOUN = BARE | {"the sg", "the pl", "the any", "a sg", "pro"}
DUE = frozenset({"the", "a", "adj", "all"})
AUXILIARIES = frozenset({"BE", "HAVE", "DO", "MODAL"})
NOMINAL = frozenset({"DET", "ADJ", "NUM", "N", "PRON", "HE", "QUOTE"})
"""Tags that a noun phrase may begin with; HE is a pronoun that is a subject only."""


def costlier(steps: Steps, cost: float) -> Steps:
    """The same steps, each at a higher cost."""
    for step in steps:
        yield step._replace(cost=step.cost + cost)
