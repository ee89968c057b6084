"""Who does what, sentence by sentence: clauses become happenings, and what only describes is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsattn.plan.parsing import scenery
from tsattn.plan.parsing.clauses import Clause, Phrase, clauses
from tsattn.plan.parsing.subjects import Actor, Cast, actor
from tsattn.plan.parsing.words import Word

_SUBORDINATORS = frozenset({"while", "before", "after", "until", "when", "where", "why"})


@dataclass(eq=False)
class Happening:
    """Something that someone does; `actor` is None until a later clause says who ("after eating, the cat sleeps").

    `relation` is the subordinator that ties it to another one, or "". `ahead` says that this other one comes later.
    """

    clause: Clause
    sentence: int
    relation: str
    ahead: bool
    actor: Actor | None = None

    @property
    def words(self) -> Phrase:
        """The words of the event; "carried away" of "it's carried away"."""
        words = self.clause.words
        return words[1:] if words[0].low.startswith("'") and len(words) > 1 else words


@dataclass
class Story:
    """What happens, in the order told."""

    happenings: list[Happening] = field(default_factory=list)
    cast: Cast = field(default_factory=Cast)
    sentences: int = 0
    _hero: Actor | None = None
    _main: Happening | None = None
    _latest: Happening | None = None
    _in_list: bool = False
    _unclaimed: list[Happening] = field(default_factory=list)

    def read(self, sentence: list[Word]) -> None:
        """Read one sentence."""
        self._main, self._latest, self._in_list = None, None, False
        told, named = clauses(sentence)
        for phrase in named:
            if not told or phrase[0].first < told[0].words[0].first:
                self.cast.enter(self.cast.known(actor(phrase)))
        for clause in told:
            self._take(clause)
        self.sentences += 1

    def end(self) -> list[Happening]:
        """All that happens; who was not named by the end is meant by the pronoun itself."""
        for happening in self._unclaimed:
            if happening.clause.subject:
                happening.actor = Actor(happening.clause.subject)
        return [one for one in self.happenings if one.actor is not None]

    def _take(self, clause: Clause) -> None:
        if clause.kind == "chain" and clause.form == "b" and self._latest is None and "then" not in clause.joints:
            # "use slow motion", "keep the camera still"
            return
        relation = next((joint for joint in reversed(clause.joints) if joint in _SUBORDINATORS), "")
        # "and once it glows, he ..." looks ahead, "he waits once it glows" does not
        tied = set(clause.joints[: clause.joints.index(relation)]) if relation else set()
        ahead = bool(relation) and (self._latest is None or bool(tied & {"and", "but", "then"}))
        happening = Happening(clause, self.sentences, relation, ahead)
        happening.actor = self._who(clause, subordinate=bool(relation))
        if happening.actor is None:
            self._unclaimed.append(happening)
        else:
            for waiting in self._unclaimed:
                waiting.actor = happening.actor
            self._unclaimed = []
            self._learn(clause, happening.actor)
        self.happenings.append(happening)
        self.cast.mention(clause)
        goes_on = clause.kind == "chain" and (self._latest is self._main or happening.actor is self._hero)
        if not relation and (clause.kind == "clause" or goes_on):
            self._main, self._hero = happening, happening.actor or self._hero
        self._latest = happening

    def _who(self, clause: Clause, *, subordinate: bool) -> Actor | None:
        """Who does it: whom the clause names, or whose verb stands before."""
        latest, main = self._latest, self._main
        if clause.kind == "clause":
            hero = main.actor if main else self._hero if latest is None or subordinate else None
            return self.cast.find(clause, hero, ahead=subordinate and latest is None)
        if clause.kind == "who":
            found = self.cast.known(actor(clause.subject)) if clause.subject else self._hero
            if found is not None:
                self.cast.enter(found)
            return found
        if latest is None:
            return None if clause.form == "g" else self._hero
        if clause.kind == "also" or main is None:
            return latest.actor
        # "a cat sleeps while a dog barks and digs, then wakes up": the dog digs, the cat wakes up
        joints = set(clause.joints)
        plural = clause.form == "z" and latest.actor is not None and latest.actor.plural
        # "waves to a girl, who smiles, waves back, and leaves": a list that began in the relative clause ends in it
        listed = (latest.clause.kind == "who" and joints == {"comma"}) or (self._in_list and joints <= {"comma", "and"})
        self._in_list = listed
        return latest.actor if listed or (joints <= {"and"} and not plural) else main.actor

    def _learn(self, clause: Clause, who: Actor) -> None:
        """What somebody does to "his" or "herself" tells which pronoun will stand for this one, if nobody else is there."""
        who.acts += 1
        lows = {word.low for word in clause.words}
        if len(self.cast.subjects) == 1 and who.fits("it"):
            his, her = bool(lows & {"his", "himself"}), bool(lows & {"her", "herself"})
            who.gender = "m" if his and not her else "f" if her and not his else who.gender


def events(story: Story) -> list[Happening]:
    """What happens without what only describes. A sentence is scenery only where another one tells a story."""
    told = story.end()
    kept = [one for one in told if one.actor and not one.actor.film and not one.clause.describes]
    described = story.sentences > len({one.sentence for one in kept})
    for number in sorted({one.sentence for one in kept}):
        sentence = [(one.clause, one.actor) for one in told if one.sentence == number and one.actor]
        others = [(one.clause, one.actor) for one in told if one.sentence != number and one.actor]
        rest = [one for one in kept if one.sentence != number]
        acts = any(one.clause.form != "n" for one in rest)
        if acts and scenery.is_scenery(sentence, others, described=described):
            kept = rest
    return [one for one in kept if not scenery.describes(one.clause)] or kept
