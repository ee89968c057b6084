"""The grammar of a sentence, as a machine that reads word after word: which state may follow which, and at what cost.

Nothing is forbidden, the unlikely costs more, so that the cheapest way through a sentence is its reading (`reading`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from tsattn.plan.parsing.phrases import behind, coordinate, finite, noun_phrase, relative, subject, subordinate
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
    costlier,
)

_GAPS = frozenset({"prep", "time", "doing"})


@lru_cache(maxsize=1 << 18)
def follow(state: State, tag: str, trait: str) -> tuple[Step, ...]:
    """Every way to read a word with this tag and trait in this state."""
    # "a boy waves": a plural cannot be what "a" announced
    torn = WRONG if state.np == "a pl" and tag not in ("N", "POSS") else FREE
    return tuple(costlier(ZONES[state.zone](state, tag, trait), torn))


def finish(s: State) -> float:
    """What it costs to end the sentence here."""
    gaps = {"to": RARE, "prep": UNLIKELY, "time": UNLIKELY, "doing": RARE, "part": DOUBTFUL, "a pl": WRONG}
    cost = gaps.get(s.np, RARE if s.np in DUE else FREE)
    if s.zone in ("subject", "verb", "phrase", "describe", "pause"):
        cost += _verbless(s)
    elif s.zone in ("open", "intro"):
        cost += FAIR
    elif s.zone == "link":
        cost += DOUBTFUL
    elif s.zone == "aux":
        cost += RARE if s.np == "MODAL" else FAIR
    return cost + RARE * len(s.marks & {"who", "list", "wait", "sub"})


def _gap(trait: str) -> str:
    """What must come behind a preposition."""
    return trait if trait in _GAPS else "prep"


def _verbless(s: State) -> float:
    """What it costs that a subject has no verb: little for the first words ("a narrow street at night"), else much."""
    return FREE if "exists" in s.marks else WRONG if "due" in s.marks else FAIR


# ------------------------------------------------------------------------------------------------- before and at subjects


def _open(s: State, tag: str, trait: str) -> Steps:
    """A clause is due."""
    sub, then = "sub" in s.marks, "then" in s.marks
    yield from subject(s, tag, trait)
    if tag in ("ADV", "COMMA", "SEMI", "AND"):
        yield Step(s, USUAL, "lead" if tag == "ADV" else "joint")
    elif tag == "THEN":
        yield Step(s.marked("then"), FREE, "joint")
    elif tag == "SUB":
        yield from subordinate(s, trait, UNLIKELY if sub else FREE)
    elif tag in ("PREP", "TO"):
        np = "to" if tag == "TO" else _gap(trait)
        yield Step(s._replace(zone="intro", np=np).unmarked("then"), FAIR if sub else USUAL)
    elif tag == "PART":
        # "in walks a cowboy"
        yield Step(s.at("intro"), FAIR)
    elif tag == "THERE":
        yield Step(s._replace(zone="there"), FREE, "joint")
    elif tag == "V" and trait[0] == "g":
        # "after eating", "holding a lantern, a man ..."
        price = FREE if "order" in s.marks else RARE if sub else FAIR if then else UNLIKELY
        yield Step(behind(s if sub or then else s.marked("wait"), trait), price, "verb")
    elif tag == "V" and trait[0] == "n":
        yield Step(s.at("intro"), UNLIKELY)
    elif tag == "V" or tag in AUXILIARIES:
        yield from finite(s, tag, trait, UNLIKELY if then else RARE)


def _intro(s: State, tag: str, trait: str) -> Steps:
    """A phrase before the subject: "in a forest", "to reach the shelf", "dressed in blue"."""
    complete = s.np in NOUN or s.np in ("", "said")
    if s.np == "to":
        if tag == "V" and trait[0] == "b":
            yield Step(s._replace(np=""), FREE)
        elif part := noun_phrase("prep", tag, trait):
            yield Step(s._replace(np=part[0]), USUAL + part[1])
        return
    if part := noun_phrase(s.np, tag, trait):
        yield Step(s._replace(np=part[0]), part[1])
    if complete:
        if tag in NOMINAL:
            yield from subject(s, tag, trait, FAIR if tag in ("DET", "PRON", "HE") else UNLIKELY)
        for step in finite(s, tag, trait, FAIR):
            # "on the roof sits a cat"
            yield step._replace(state=step.state._replace(zone="invert", np=""))
    if tag in ("COMMA", "SEMI"):
        yield Step(s.at("open"), FREE if complete else RARE, "joint")
    elif tag == "AND":
        yield Step(s._replace(np="co"), USUAL)
    elif tag == "PREP":
        yield Step(s._replace(np="prep"), USUAL)
    elif tag in ("ADV", "PART", "REL"):
        yield Step(s, USUAL if tag != "REL" else UNLIKELY)
    elif tag == "V":
        yield Step(s._replace(np=""), FAIR if trait[0] in "gn" else RARE)
    elif tag == "THEN":
        yield Step(s.anew("open", "then", *s.marks), FAIR, "joint")
    elif tag == "SUB":
        yield from subordinate(s, trait, FAIR)


def _there(s: State, tag: str, trait: str) -> Steps:
    """Behind "there" at the start of a clause: "there is a cat sitting", "there goes the train"."""
    if tag in ("BE", "HAVE", "MODAL", "ADV"):
        yield Step(s, FREE, "joint")
    elif tag == "V" and trait[0] in "zbd":
        yield Step(behind(s, trait)._replace(zone="invert"), FAIR, "verb")
    else:
        yield from subject(s.marked("exists"), tag, trait)


def _invert(s: State, tag: str, trait: str) -> Steps:
    """Behind a verb that stands before its subject."""
    if tag in ("ADV", "PART"):
        yield Step(s, USUAL)
    elif part := noun_phrase("", tag, trait):
        yield Step(s._replace(zone="late", np=part[0], number="any"), part[1], "late")


def _late(s: State, tag: str, trait: str) -> Steps:
    """In a subject behind its verb."""
    if s.np in DUE or tag in ("N", "POSS"):
        if part := noun_phrase(s.np, tag, trait):
            yield Step(s._replace(np=part[0]), part[1], "late")
    else:
        yield from _pred(s._replace(zone="pred"), tag, trait)


def _subject(s: State, tag: str, trait: str) -> Steps:
    """In a subject."""
    fresh = s.np in DUE or s.np == "co"
    if (part := noun_phrase(s.np, tag, trait)) and (fresh or tag in ("N", "POSS", "QUOTE")):
        number = s.number
        if tag in ("N", "PRON"):
            number = "pl" if "both" in s.marks or (trait == "any" and number == "pl") else trait
        yield Step(s._replace(np=part[0], number=number), part[1], "subject")
    if s.np in DUE:
        # "two of the dogs", "a big, black and white dog"
        if tag == "PREP" and trait == "of":
            yield Step(s._replace(zone="phrase", np="prep", number="any"), USUAL, "subject")
        elif tag in ("COMMA", "AND"):
            yield Step(s, FAIR if tag == "COMMA" else USUAL, "subject")
        return
    if s.np == "co":
        return
    yield from finite(s, tag, trait)
    yield from _modified(s, tag, trait)
    if tag == "PRON" and not fresh:
        # "the cat itself"
        yield Step(s._replace(np="pro"), FAIR)


def _modified(s: State, tag: str, trait: str) -> Steps:
    """Behind a noun of the subject: what modifies it, one more subject, or a participle that tells the event."""
    if tag == "PREP":
        number = "any" if trait == "of" and s.zone == "subject" else s.number
        yield Step(s._replace(zone="phrase", np="prep", number=number), USUAL, "subject")
    elif tag == "REL":
        yield Step(s.at("describe").marked("who"), USUAL)
    elif tag == "V" and trait[0] in "gn":
        yield Step(s._replace(zone="describe", np="part" if trait[0] == "n" else ""), FAIR)
        if "later" in s.marks and (trait[0] == "n" or s.forms[:1] in ("z", "b", "d")):
            # "..., her arms folded", "..., its tail wagging"
            yield Step(s.at("rest"), FAIR, "aside")
        elif trait[0] == "g":
            yield Step(behind(s, trait), USUAL if s.marks & {"exists", "sub"} else DOUBTFUL, "verb")
    elif tag in ("ADJ", "TO"):
        yield Step(s._replace(zone="describe", np="to" if tag == "TO" else ""), FAIR if tag == "TO" else UNLIKELY)
    elif tag == "AND":
        yield Step(s._replace(zone="subject", np="co", number="pl").marked("both").unmarked("list"), USUAL, "subject")
    elif tag == "COMMA":
        yield Step(s.at("pause"), FAIR)
    elif tag in ("ADV", "PART"):
        # "the people inside wave", "the people slowly wave"
        yield Step(s._replace(np=""), USUAL if tag == "ADV" else UNLIKELY, "" if trait == "place" else "lead")
    elif tag == "THEN":
        yield Step(s.at("verb"), USUAL, "joint")
    elif tag == "SUB":
        yield from subordinate(s, trait, ODD + _verbless(s))
    elif tag == "SEMI":
        yield Step(s.anew("open", *s.marks & {"wait"}), ODD + _verbless(s), "joint")
        # "a knight - old and tired - kneels"
        yield Step(s.at("pause"), UNLIKELY)


def _verb(s: State, tag: str, trait: str) -> Steps:
    """Behind "then" after a subject: its verb, or it had none."""
    yield from finite(s, tag, trait)
    if tag in ("ADV", "PART", "THEN"):
        yield Step(s, USUAL, "joint" if tag == "THEN" else "lead")
    else:
        yield from costlier(_open(s.anew("open", "due", "then"), tag, trait), DOUBTFUL + _verbless(s))


def _phrase(s: State, tag: str, trait: str) -> Steps:
    """In a prepositional phrase of the subject."""
    if part := noun_phrase(s.np, tag, trait):
        yield Step(s._replace(np=part[0]), part[1], "subject")
    if s.np in NOUN or not s.np:
        yield from finite(s, tag, trait)
    if s.np in DUE and tag in ("COMMA", "AND"):
        yield Step(s, USUAL, "subject")
    if s.np in DUE or s.np in _GAPS or s.np == "co":
        if tag == "ADV":
            yield Step(s, DOUBTFUL, "subject")
        return
    yield from _modified(s, tag, trait)
    if tag == "AND":
        yield Step(s._replace(np="co"), USUAL, "subject")


def _describe(s: State, tag: str, trait: str) -> Steps:
    """In a participle phrase, relative clause or the like that describes the subject."""
    if "who" in s.marks:
        yield from relative(s, tag, trait)
        return
    if s.np == "to":
        if tag == "V" and trait[0] == "b":
            yield Step(s._replace(np=""), FREE)
        return
    if part := noun_phrase(s.np, tag, trait):
        yield Step(s._replace(np=part[0]), part[1])
    if s.np in DUE:
        if tag in ("COMMA", "AND"):
            yield Step(s, USUAL)
        return
    if s.np != "prep":
        yield from finite(s, tag, trait, DOUBTFUL * (s.np == "part"))
    if tag == "AND":
        yield Step(s._replace(np="co"), USUAL)
        yield Step(s._replace(zone="subject", np="co", number="pl").marked("both"), FAIR, "subject")
    elif tag == "PREP":
        yield Step(s._replace(np="prep"), FREE)
    elif tag in ("ADV", "PART", "ADJ") or (tag == "V" and trait[0] in "gn"):
        yield Step(s._replace(np=""), USUAL)
    else:
        yield from _modified(s, tag, trait)


def _pause(s: State, tag: str, trait: str) -> Steps:
    """Behind a comma after a subject: one more subject, something that describes it, its verb, or it had none."""
    yield from finite(s, tag, trait, USUAL)
    if tag == "AND":
        yield Step(s._replace(zone="subject", np="co", number="pl").marked("both").unmarked("list"), FREE, "subject")
    elif tag == "REL":
        yield Step(s.at("describe").marked("who"), FREE)
    elif tag == "PREP":
        yield Step(s.at("describe", "prep"), USUAL)
    elif tag in ("ADV", "PART", "THEN"):
        yield Step(s, USUAL, "joint" if tag == "THEN" else "lead")
    elif tag == "SUB":
        yield Step(s.at("describe"), UNLIKELY)
    elif tag == "ADJ" or (tag == "V" and trait[0] in "gn"):
        yield Step(s.at("describe"), USUAL if tag == "V" else FAIR)
    if (part := noun_phrase("", tag, trait)) and tag not in ("PRON", "ADV"):
        listed = s._replace(zone="subject", np=part[0], number="pl").marked("both", "list")
        yield Step(listed, FAIR + part[1], "subject")
        yield Step(s.at("describe", part[0]), RARE + part[1])
        yield Step(s.at("rest", part[0]), (RARE if "due" in s.marks else DOUBTFUL) + part[1])
    yield from costlier(_open(s.anew("open", *s.marks & {"wait", "due"}), tag, trait), ODD + _verbless(s))


# --------------------------------------------------------------------------------------------------- verbs and behind them


def _aux(s: State, tag: str, trait: str) -> Steps:
    """Behind an auxiliary, whose tag is kept as `np`."""
    kind, past = s.np, s.at("pred")
    if tag in ("ADV", "PART", "THEN"):
        yield Step(s, USUAL, "joint" if tag == "THEN" else "")
    if tag == "V" and trait[0] in {"BE": "gn", "HAVE": "n", "DO": "b", "MODAL": "b"}[kind]:
        yield Step(behind(s, trait), FREE, "main")
    elif tag == "BE" and trait in {"BE": "g", "HAVE": "n", "MODAL": "i"}.get(kind, ""):
        yield Step(s._replace(np="BE"), FREE)
    elif tag == "HAVE" and kind == "MODAL":
        yield Step(s._replace(np="HAVE"), FREE)
    elif tag == "TO":
        yield Step(past._replace(np="to"), USUAL)
    if kind in ("BE", "HAVE", "DO"):
        described = "main" if kind == "DO" else "state"
        if part := noun_phrase("", tag, trait):
            bare = DOUBTFUL if tag == "N" and trait == "sg" else USUAL
            yield Step(past._replace(np=part[0]), bare + part[1], described)
        if kind == "BE" and tag in ("ADJ", "PREP", "ADV", "PART"):
            yield Step(past._replace(np={"PREP": "prep", "ADJ": "said"}.get(tag, "")), USUAL, "state")
        if tag in ("COMMA", "AND", "SUB", "SEMI"):
            yield from costlier(_pred(past, tag, trait), UNLIKELY)


def _pred(s: State, tag: str, trait: str) -> Steps:
    """Behind a verb, in what belongs to it."""
    if "who" in s.marks:
        yield from relative(s, tag, trait)
        return
    if s.np == "to":
        if (tag == "V" and trait[0] == "b") or tag in AUXILIARIES:
            yield Step(s._replace(np="").marked("inf"), FREE)
        elif tag == "ADV":
            yield Step(s, USUAL)
        return
    if part := noun_phrase(s.np, tag, trait):
        gift = tag in ("DET", "NUM", "ADJ") and s.np in NOUN and "gives" in s.marks
        yield Step(s._replace(np=part[0]), USUAL if gift else part[1])
    if s.np in DUE:
        # "a big, fluffy dog", "black and white"; or the noun is missing: "it turns red"
        if tag in ("COMMA", "AND"):
            yield Step(s, FAIR)
        if tag not in NOMINAL:
            yield from costlier(_pred(s._replace(np="any"), tag, trait), RARE)
        return
    due = s.np in _GAPS
    if tag == "PREP":
        yield Step(s._replace(np=_gap(trait)), FAIR if due else FREE)
    elif tag == "TO":
        yield Step(s._replace(np="to"), USUAL)
    elif tag in ("ADV", "PART"):
        yield Step(s, UNLIKELY if due else USUAL)
    elif tag == "ADJ":
        yield Step(s._replace(np="said"), RARE if due else USUAL)
    elif tag == "REL":
        yield Step(s._replace(np="").marked("who"), USUAL, "more")
    elif tag == "V":
        yield from _verbbehind(s, trait)
    elif tag in AUXILIARIES:
        if trait in ("g", "n", "i"):
            yield Step(s, FAIR)
        else:
            yield from finite(s, tag, trait, RARE)
    elif tag in ("COMMA", "AND"):
        state = s._replace(zone="link").unmarked("then", "break").marked("comma" if tag == "COMMA" else "and")
        yield Step(state, UNLIKELY if due else FREE, "joint")
    elif tag == "THEN":
        yield Step(s._replace(zone="link").marked("then"), USUAL, "joint")
    elif tag == "SEMI":
        yield Step(s.at("link").marked("break"), UNLIKELY if due else FREE, "joint")
    elif tag == "SUB":
        yield from subordinate(s, trait, UNLIKELY if due else USUAL)
    if tag in ("HE", "PRON", "DET", "N", "ADJ", "NUM") and not due:
        # a clause without any joint: "when the bell rings the students leave"
        price = FAIR if "wait" in s.marks else UNLIKELY if tag == "HE" else RARE if tag == "PRON" or s.loose else WRONG
        price -= FAIR * s.loose
        yield from costlier(subject(s.anew("open", "due"), tag, trait), price)


def _verbbehind(s: State, trait: str) -> Steps:
    """One more verb without any joint: "starts running", "watches a bird fly", "a man opens the door walks in"."""
    form = trait[0]
    if form == "g":
        yield Step(s._replace(np=""), {"prep": FREE, "doing": FREE, "time": RARE}.get(s.np, FAIR))
    elif form == "n":
        yield Step(s._replace(np=""), FAIR if s.np not in _GAPS else RARE)
    elif form == "b" and "causes" in s.marks:
        yield Step(s._replace(np="").unmarked("causes"), USUAL)
    elif s.np not in _GAPS:
        yield Step(behind(s, trait), (FAIR if s.loose else RARE) + coordinate(s, form), "verb")


def _link(s: State, tag: str, trait: str) -> Steps:
    """Behind a comma, a conjunction or "then" in a predicate: the next verb, the next clause, or the event goes on."""
    also, then, pause, waiting = (mark in s.marks for mark in ("and", "then", "break", "wait"))
    base = s.unmarked("comma", "and", "then", "break")
    if tag in ("COMMA", "AND", "SEMI", "THEN"):
        yield Step(s.marked({"COMMA": "comma", "AND": "and", "SEMI": "break", "THEN": "then"}[tag]), FREE, "joint")
    elif tag == "SUB":
        yield from subordinate(base, trait, FREE)
    elif tag == "ADV":
        yield Step(s, USUAL, "lead")
        if also:
            # "spins faster and faster"
            yield Step(base._replace(zone="pred"), FAIR, "more")
    elif tag == "REL":
        yield Step(base.at("pred").marked("who", "whom"), FREE, "rel")
    elif tag == "PREP":
        yield Step(
            base._replace(zone="pred", np=_gap(trait)),
            UNLIKELY if then or waiting else USUAL,
            "more",
        )
        yield Step(base.at("intro", "prep"), FAIR if waiting or pause else UNLIKELY, "")
    elif tag in ("TO", "PART"):
        yield Step(base._replace(zone="pred", np="to" if tag == "TO" else ""), FAIR, "more")
    elif tag == "V":
        yield from _next_verb(s, base, trait)
    elif tag in AUXILIARIES:
        yield from costlier(finite(base, tag, trait), coordinate(s, trait) if trait else USUAL)
    if tag in NOMINAL:
        yield from _next_noun(s, base, tag, trait)
    if tag in NOMINAL - {"QUOTE"} or tag == "THERE":
        price = (
            FREE
            if pause or waiting
            else USUAL
            if then
            else FAIR
            if also or tag in ("PRON", "HE", "DET") or trait == "pl"
            else DOUBTFUL
        )
        clause = s.anew("open", "due", "then" if then else "later")
        yield from costlier(_open(clause, tag, trait), price + (RARE if "list" in s.marks else FREE))


def _next_verb(s: State, base: State, trait: str) -> Steps:
    comma, also, then = (mark in s.marks for mark in ("comma", "and", "then"))
    form, same = trait[0], s.forms[:1] == trait[0]
    price = coordinate(s, form) + UNLIKELY * ("wait" in s.marks) + RARE * ("list" in s.marks)
    if form in "zbd" or same:
        yield Step(behind(base, trait), price, "verb")
    if form == "b" and "inf" in s.marks:
        # "tries to catch it and eat it"
        yield Step(base.at("pred"), USUAL, "more")
    if form == "g" and not same:
        yield Step(
            behind(base, trait)._replace(forms=s.forms), USUAL if comma and not (also or then) else UNLIKELY, "also"
        )
    if form == "n" and not same:
        yield Step(base.at("pred"), FAIR if comma and not also else RARE, "aside")


def _next_noun(s: State, base: State, tag: str, trait: str) -> Steps:
    """The event goes on with one more noun phrase, or fragments follow that belong to no clause ("soft light, 4k")."""
    comma, also, then, pause = (mark in s.marks for mark in ("comma", "and", "then", "break"))
    part = noun_phrase("co", tag, trait)
    if part and not pause:
        listed = base.unmarked("list") if also else base.marked("list")
        price = (FAIR if s.np in NOUN or tag == "QUOTE" else RARE) + RARE * then
        if also and comma and "list" not in s.marks and tag != "QUOTE":
            # "the lights, and heads": two of a kind need no comma
            price += UNLIKELY
        if tag == "N":
            # "the cups and plates" is likelier than "a hat and gloves"
            price += -FAIR if s.np == trait or (trait == "pl" and s.np == "the pl") else FAIR
        elif tag == "DET" and comma and not also:
            price += FAIR
        yield Step(listed._replace(zone="pred", np=part[0]), price + part[1], "more")
        if tag == "ADJ" and also:
            yield Step(base.at("pred", "said"), (FAIR if s.np == "said" else RARE) + RARE * then, "more")
    if part and (comma or pause) and not (also or then):
        price = UNLIKELY + DOUBTFUL * (tag == "DET")
        yield Step(base.at("rest", part[0]), price, "aside")


def _rest(s: State, tag: str, trait: str) -> Steps:
    """Fragments until the sentence ends."""
    if part := noun_phrase(s.np, tag, trait):
        price = {"DET": FREE if s.np == "prep" else DOUBTFUL, "PRON": RARE}.get(tag, min(part[1], FAIR))
        yield Step(s._replace(np=part[0]), price, "aside")
    if tag in ("COMMA", "AND", "SEMI", "THEN"):
        yield Step(s._replace(np="co"), UNLIKELY if tag == "THEN" else FREE, "joint")  # "then" joins events
    elif tag == "V" and s.np == "co" and s.forms[:1] == trait[0] != "g":
        # "..., its ears flapping, and jumps"
        yield Step(behind(s, trait), DOUBTFUL, "verb")
    elif tag in ("PREP", "ADV", "PART", "TO", "POSS") or (tag == "V" and trait[0] in "gn"):
        yield Step(s._replace(np="prep" if tag == "PREP" else ""), USUAL, "aside")


ZONES: dict[str, Callable[[State, str, str], Steps]] = {
    "open": _open,
    "intro": _intro,
    "there": _there,
    "invert": _invert,
    "late": _late,
    "subject": _subject,
    "verb": _verb,
    "phrase": _phrase,
    "describe": _describe,
    "pause": _pause,
    "aux": _aux,
    "pred": _pred,
    "link": _link,
    "rest": _rest,
}
