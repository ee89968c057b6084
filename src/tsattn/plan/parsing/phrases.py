"""The pieces of a clause that are read alike wherever they stand: noun phrases, subjects, verbs, relative clauses."""

from __future__ import annotations

from tsattn.plan.parsing.states import (
    AUXILIARIES,
    DOUBTFUL,
    DUE,
    FAIR,
    FREE,
    NOMINAL,
    NOUN,
    ODD,
    RARE,
    UNLIKELY,
    USUAL,
    WRONG,
    State,
    Step,
    Steps,
)


def noun_phrase(np: str, tag: str, trait: str) -> tuple[str, float] | None:
    """How a noun phrase goes on with a word, and at what cost; None where the word is no part of one."""
    if np == "doing":
        # "while singing", not "while a song"
        return None
    noun = np in NOUN
    if tag == "DET":
        after = trait if trait == "all" else "a" if trait == "sg" else "the"
        return after, RARE if noun else WRONG if np in DUE and np != "all" else FREE
    if tag in ("ADJ", "NUM"):
        if np in DUE:
            return np, UNLIKELY if tag == "NUM" and np == "adj" else FREE
        return "a" if trait == "sg" else "adj", RARE if noun else FREE
    if tag == "N":
        return _noun(np, trait)
    if tag == "QUOTE":
        return np if noun else "any", FREE
    if tag == "POSS" and (noun or np == "a pl"):
        return "the", FREE
    if tag == "PRON":
        return "pro", RARE if noun or np in DUE else FREE
    if np in DUE and (tag == "ADV" or (tag == "V" and trait[0] in "gn")):
        # "a very old man", "a running dog", "the broken vase"
        return np, FAIR if tag == "V" else USUAL
    return None


def _noun(np: str, number: str) -> tuple[str, float]:
    """A noun: alone, behind its determiner or adjective, or behind a noun ("coffee cup", "sports car")."""
    determiner, _, before = np.rpartition(" ")
    compound = {"sg": USUAL, "any": FAIR, "pl": UNLIKELY, "pro": RARE}.get(before, FREE)
    if "a" in (np, determiner):
        return "a pl" if number == "pl" else "a sg", compound
    if np in ("the", "all") or determiner == "the":
        return "the " + number, compound
    if np == "adj" or np in NOUN:
        return number, compound
    return number, FAIR if number == "sg" else USUAL


def subject(s: State, tag: str, trait: str, cost: float = FREE) -> Steps:
    """The subject of a clause begins."""
    if tag not in NOMINAL:
        return
    np, price = noun_phrase("", tag, trait) or ("pro", FREE)
    if trait == "obj":
        price = WRONG
    elif tag == "N" and trait == "sg":
        price = DOUBTFUL
    state = s.at("subject", np)._replace(number=trait if trait in ("sg", "pl", "any") else "")
    definite = tag == "HE" or (tag == "DET" and not trait)
    yield Step(state.marked("due") if definite else state, cost + price, "new")


def finite(s: State, tag: str, trait: str, cost: float = FREE) -> Steps:
    """A finite verb or auxiliary of the subject."""
    if "list" in s.marks:
        cost += RARE
    if tag == "V" and trait[0] in "zbd":
        yield Step(behind(s, trait), cost + _agreement(s.number, trait[0]), "verb")
    elif tag in AUXILIARIES and trait not in ("g", "n", "i"):
        form = trait or "m"
        state = s.anew("aux", *s.marks & {"inf", "wait"}, np=tag, number=s.number, forms=_first(form, s.forms))
        yield Step(state, cost + _agreement(s.number, form), "verb")


def behind(s: State, trait: str) -> State:
    """The state behind a main verb."""
    marks = s.marks & {"inf", "wait"} | {mark for sign, mark in (("+", "causes"), ("*", "gives")) if sign in trait}
    return s.anew("pred", *marks, number=s.number, forms=_first(trait[0], s.forms))


def _agreement(number: str, form: str) -> float:
    """What it costs that a verb of this form has a subject of this number; prompts are told in the present tense."""
    if (form, number) in (("z", "pl"), ("b", "sg")):
        return WRONG
    return ODD if form == "d" else FAIR if (form, number) == ("b", "any") else FREE


def _first(form: str, forms: str) -> str:
    return (form + forms.replace(form, ""))[:3]


def coordinate(s: State, form: str) -> float:
    """What it costs that a verb of this form shares the subject of the verbs before."""
    at = s.forms.find(form)
    if at >= 0:
        return USUAL * at
    # told in participles so far: "a girl dancing in the rain, then she stops"
    return UNLIKELY if form in "zb" and not set("zbdm") & set(s.forms) else WRONG


def subordinate(s: State, trait: str, cost: float) -> Steps:
    """A subordinate clause begins; where no verb came before, its main clause is still to come."""
    waits = {"wait"} if not s.forms or "wait" in s.marks else set()
    order = {"order"} if trait in ("before", "after", "until") else set()
    yield Step(s.anew("open", "sub", *waits, *order), cost, "joint")


def relative(s: State, tag: str, trait: str) -> Steps:
    """In a relative clause whose verb is still to come: "who lost", "that the girl threw", "which slowly opens"."""
    tells = "whom" in s.marks
    if (tag == "V" and trait[0] in "zbd") or (tag in AUXILIARIES and trait not in ("g", "n", "i")):
        part = ("verb" if s.np in NOUN else "who") if tells else ""
        yield Step(s._replace(np="").unmarked("who", "whom"), FREE, part)
    elif tag == "ADV":
        yield Step(s, USUAL)
    elif tag == "PREP":
        yield Step(s._replace(np="prep"), FAIR)
    elif phrase := noun_phrase(s.np, tag, trait) or (("pro", FREE) if tag == "HE" else None):
        part = ("subject" if s.np else "new") if tells and s.np != "prep" else ""
        yield Step(s._replace(np=phrase[0]), phrase[1], part)
