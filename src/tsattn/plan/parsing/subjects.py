"""Who is meant: the subjects of a prompt, what their pronouns stand for, and which of them were named before."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsattn.plan.parsing import nouns
from tsattn.plan.parsing.clauses import Clause, Phrase
from tsattn.plan.parsing.lexicon import PREPOSITIONS, word_set

_ARTICLES = word_set("a an the this that these those another my your his her its our their such whose")
_INDEFINITE = word_set("a an another")
_PARTITIVE = word_set("one two three four five some all both each most many several none half any either")
_PRONOUNS = word_set("he she it they i you we someone somebody everyone everybody both each him her them us others")
_PERSONAL = word_set("he she it they both")
_ANYONE = word_set("nobody nothing everybody everyone everything")
_WATCHING = word_set("security surveillance cctv spy toy polaroid traffic speed web")
_FILMING = word_set("drone handheld static crane steadicam tracking aerial")
_MEMORY = 50


@dataclass(eq=False)
class Actor:
    """Someone or something that acts, by the words of its first mention without article or possessive pronoun.

    `gender` is what pronouns told of it: m, f or ""; `acts` counts its clauses.
    """

    words: Phrase
    determiner: str = ""
    gender: str = ""
    acts: int = 0

    @property
    def core(self) -> Phrase:
        """The words before any "of", "in" ..."""
        cut = (k for k, word in enumerate(self.words) if k and word.low in PREPOSITIONS)
        return self.words[: next(cut, len(self.words))]

    @property
    def head(self) -> str:
        """The noun."""
        return next((word.low for word in reversed(self.core) if word.low not in ('"', ",")), self.core[-1].low)

    @property
    def several(self) -> bool:
        """Whether "and" joins more than one."""
        return any(word.low in ("and", "&", "or") for word in self.core)

    @property
    def plural(self) -> bool:
        """Whether "they" may stand for it."""
        if self.determiner in ("one", "each", "every", "another"):
            return False
        return self.several or nouns.is_plural(self.head) or nouns.is_group(self.head)

    @property
    def name(self) -> bool:
        """Whether it may be a name: one word with a capital letter and without article."""
        return len(self.words) == 1 and not self.determiner and not self.words[0].small

    @property
    def film(self) -> bool:
        """Whether this is the picture itself rather than something in it."""
        # "a camera falls off the table", "the security camera turns"
        lows = {word.low for word in self.core}
        thing = nouns.is_filmed(self.head) and (
            lows & _WATCHING or (self.determiner in _INDEFINITE and not lows & _FILMING)
        )
        return nouns.is_film(self.head) and not thing

    def fits(self, pronoun: str) -> int:
        """How well a pronoun may stand for it; 0 where it cannot."""
        if pronoun == "they":
            return 2 if self.plural else int(nouns.gender(self.head) == "p")
        if self.plural and not (pronoun == "it" and nouns.is_group(self.head) and not self.several):
            return 0
        gender = self.gender or nouns.gender(self.head)
        if pronoun == "it":
            return {"": 3, "?": 1}.get(gender, 0)
        mine, other = ("m", "f") if pronoun == "he" else ("f", "m")
        return {mine: 4, "p": 3, "?": 3, other: 0}.get(gender, 2 if self.name else 1)


def actor(phrase: Phrase) -> Actor:
    """The actor that a noun phrase names: "dogs" of "one of the dogs", "old man's dog" of "the old man's dog"."""
    first = 0
    for k, word in enumerate(phrase[:-1]):
        low, after = word.low, phrase[k + 1].low
        partitive = low == "of" and k and phrase[k - 1].low in _PARTITIVE and after not in _PRONOUNS
        article = k == first and (low in _ARTICLES or low == "," or (low in ("all", "both") and after in _ARTICLES))
        if partitive or article:
            first = k + 1
    last = next(
        k for k in range(len(phrase), first, -1) if k == first + 1 or phrase[k - 1].low not in (",", "and", '"', "of")
    )
    return Actor(phrase[first:last], phrase[0].low if first else "")


@dataclass
class Cast:
    """Who was named so far: the subjects, who acted last being last, and what the latest clause named besides."""

    subjects: list[Actor] = field(default_factory=list)
    objects: list[Phrase] = field(default_factory=list)
    others: list[Phrase] = field(default_factory=list)

    def find(self, clause: Clause, main: Actor | None, *, ahead: bool) -> Actor | None:
        """Who the subject of a clause is: one named before or a new one.

        `main` is who the sentence, or the story before it, is about. `ahead` says that a pronoun may stand for someone who
        is named later ("before he leaves, the man ..."); then there is no answer yet.
        """
        phrase = clause.subject
        pronoun = phrase[0].low if len(phrase) == 1 and phrase[0].low in _PERSONAL else ""
        if pronoun:
            found = self._antecedent("they" if pronoun == "both" else pronoun, clause, main)
            if found is None and ahead and not self.subjects:
                return None
            found = found or next((known for known in self.subjects if known.head == pronoun), None) or Actor(phrase)
        else:
            found = self.known(actor(phrase))
        self.enter(found)
        return found

    def enter(self, found: Actor) -> None:
        """Remember who acted last."""
        self.subjects = [*(other for other in self.subjects if other is not found), found][-_MEMORY:]

    def mention(self, clause: Clause) -> None:
        """Remember what a clause names besides its subject: its objects, what stands behind prepositions, and owners."""
        objects, others = (
            [phrase for phrase in phrases if phrase[-1].low not in _PRONOUNS]
            for phrases in (clause.nouns, clause.placed)
        )
        owners = [owner for phrase in (clause.subject, *objects, *others) if (owner := _owner(phrase))]
        if objects or others or owners:
            self.others = [*others, *owners, *self.objects, *self.others][:_MEMORY]
            self.objects = objects

    def known(self, new: Actor) -> Actor:
        """The subject that a noun phrase names again, else the new one itself."""
        mine = {word.low for word in new.words}
        if new.determiner in _INDEFINITE or "other" in mine:
            return new
        for known in reversed(self.subjects):
            theirs = {word.low for word in known.words}
            if known.head == new.head and known.several == new.several and (mine <= theirs or theirs <= mine):
                return known
        return new

    def _antecedent(self, pronoun: str, clause: Clause, main: Actor | None) -> Actor | None:
        """Whom a pronoun means: who fits best; among equals the subject of the main clause, then the last one named."""
        own = {phrase[-1].low for phrase in (*clause.nouns, *clause.placed)}
        subjects = [known for known in reversed(self.subjects) if not known.film and known.head not in _ANYONE]
        if main in subjects and main is not None:
            subjects = [main, *(known for known in subjects if known is not main)]
        direct = [actor(phrase) for phrase in self.objects if phrase[0].low != "its"]
        candidates = [*subjects, *direct, *(actor(phrase) for phrase in self.others)]
        if pronoun == "it" and _turns(clause):
            candidates = [*direct, *candidates]
        candidates = [known for known in candidates if known.head not in own]
        if pronoun == "they" and not any(known.plural for known in subjects) and len(subjects) > 1:
            # "a man enters, a boy runs to him, and they embrace"
            return subjects[0]
        best = max(
            candidates, key=lambda known: (known.fits(pronoun), pronoun in ("he", "she") and known.acts), default=None
        )
        if best is None or not best.fits(pronoun):
            return None
        if pronoun in ("he", "she"):
            best.gender = "m" if pronoun == "he" else "f"
        return next((known for known in self.subjects if known.words[-1] == best.words[-1]), best)


def _turns(clause: Clause) -> bool:
    """Whether a clause tells what becomes of the object before: "pulls a rope until it snaps", "drops a cup and it breaks"."""
    joints = set(clause.joints)
    return "until" in joints or (bool(joints & {"and", "but"}) and joints <= {"and", "but", "comma"})


def _owner(phrase: Phrase) -> Phrase:
    """Who has what the phrase names: "the painter" of "the painter's shoe"."""
    return next((phrase[:k] for k, word in enumerate(phrase) if word.low in ("'s", "'")), [])
