"""The words whose part in a sentence is fixed by grammar, with every reading they may have; a tagger knows all others.

In lower case with a straight apostrophe. The words of a fixed phrase are tied by "_" here and by a space elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """What a word may be: its part of speech, what the grammar must know of it, and how unlikely that is (0 best)."""

    tag: str
    trait: str = ""
    cost: float = 0.0


def word_set(text: str) -> frozenset[str]:
    """The words of a list; those of a phrase are tied by "_" in it."""
    return frozenset(word.replace("_", " ") for word in text.split())


CLITICS = word_set("'s 're 'm 've 'll 'd '")

_CLASSES: list[tuple[Reading, str]] = [
    (Reading("DET"), "the my your his her its our their some any no what whose more most enough"),
    (Reading("DET", "all"), "all both half such"),
    (Reading("DET", "sg"), "a an this another each every either neither"),
    (Reading("DET", "sg", 0.3), "that"),
    (Reading("DET", "pl"), "these those several few many multiple various numerous a_few a_dozen"),
    (Reading("NUM", "sg"), "one"),
    (Reading("NUM", "pl"), "two three four five six seven eight nine ten eleven twelve twenty thirty hundred dozen"),
    (Reading("HE", "sg"), "he she"),
    (Reading("HE", "pl"), "they we i"),
    (Reading("PRON", "sg"), "it everyone everybody someone somebody everything something nobody no_one nothing"),
    (Reading("PRON", "pl"), "you others"),
    (Reading("PRON", "sg", 0.7), "one another each this that either neither"),
    (Reading("PRON", "pl", 0.7), "both all some these those several many few two three four five"),
    (Reading("PRON", "obj"), "him them me us himself herself itself themselves each_other one_another"),
    (Reading("PRON", "obj", 0.5), "her"),
    (Reading("PRON", "obj", 1.0), "his theirs hers mine ours yours"),
    (Reading("N", "sg", 0.5), "one first second third last other"),
    (Reading("N", "pl", 0.3), "ones others"),
    (Reading("N", "sg", 0.8), "can will"),
    (Reading("POSS"), "'s '"),
    (Reading("BE", "z"), "is isn't"),
    (Reading("BE", "z", 1.2), "'s"),
    (Reading("BE", "b"), "are am 're 'm aren't"),
    (Reading("BE", "d"), "was were wasn't weren't"),
    (Reading("BE", "n"), "been"),
    (Reading("BE", "g"), "being"),
    (Reading("BE", "i"), "be"),
    (Reading("HAVE", "z"), "has hasn't"),
    (Reading("HAVE", "b"), "have 've haven't"),
    (Reading("HAVE", "d"), "had hadn't 'd"),
    (Reading("HAVE", "g"), "having"),
    (Reading("DO", "z"), "does doesn't"),
    (Reading("DO", "b"), "do don't"),
    (Reading("DO", "d"), "did didn't"),
    (Reading("MODAL"), "will would can could may might must shall should cannot can't won't couldn't 'll"),
    (Reading("TO"), "to in_order_to so_as_to about_to"),
    (Reading("PREP", "of"), "of"),
    (
        Reading("PREP"),
        "to in on at from with without for by under above below behind beside besides between among near against inside "
        "outside within during beneath underneath beyond amid amidst via atop throughout into onto toward towards upon "
        "per except including despite alongside through across along past over around round about next_to "
        "because_of instead_of close_to such_as as_well_as due_to thanks_to according_to in_front_of on_top_of out_of",
    ),
    (Reading("PREP", "", 0.5), "off up down out"),
    (Reading("PREP", "", 0.3), "like as than opposite following"),
    (Reading("PREP", "time", 0.3), "before after until till since"),
    (Reading("PREP", "doing", 0.3), "while"),
    (
        Reading("PART"),
        "in on by over around round off up down out about through along past across away back forward forwards",
    ),
    (
        Reading("ADV", "place"),
        "under above below behind beside between near inside outside within beneath underneath beyond upstairs downstairs "
        "indoors outdoors overhead ahead abroad here there everywhere somewhere anywhere nowhere home nearby midair mid-air "
        "here_and_there all_around all_over",
    ),
    (
        Reading("ADV"),
        "backward backwards upward upwards downward downwards together apart aside inward outward inwards outwards sideways "
        "not never always often sometimes again already still just even also too very quite rather almost nearly only once "
        "twice now soon ever else perhaps maybe however instead suddenly yet so thus therefore both alone as_well of_course "
        "for_a_while for_a_moment a_while no_longer at_once at_first all_at_once one_by_one side_by_side step_by_step "
        "little_by_little back_and_forth up_and_down in_and_out round_and_round around_and_around again_and_again "
        "over_and_over more_and_more to_and_fro left_and_right once_again once_more in_turn all_of_a_sudden "
        "one_after_another one_after_the_other",
    ),
    (Reading("ADV", "", 0.6), "first last later next"),
    (Reading("AND"), "and & or nor plus"),
    (Reading("AND", "but"), "but yet"),
    (
        Reading("THEN", "then"),
        "then finally afterwards afterward thereafter subsequently eventually lastly ultimately after_that after_this "
        "after_which after_a_while after_a_moment right_after_that soon_after_that shortly_after_that shortly_afterwards "
        "soon_afterwards soon_after at_last in_the_end following_that from_there just_then before_long first_of_all "
        "next_up at_that_moment with_that to_begin_with in_response",
    ),
    (Reading("THEN", "then", 0.2), "first firstly second secondly third thirdly next later soon last"),
    (
        Reading("THEN", "meanwhile"),
        "meanwhile simultaneously concurrently at_the_same_time all_the_while in_the_meantime",
    ),
    (Reading("SUB", "while"), "while whilst as even_as just_as whereas at_the_same_time_as all_while"),
    (Reading("SUB", "before"), "before just_before right_before shortly_before"),
    (
        Reading("SUB", "after"),
        "after just_after right_after shortly_after immediately_after soon_after once now_that as_soon_as the_moment "
        "the_instant only_after",
    ),
    (Reading("SUB", "until"), "until till by_the_time"),
    (Reading("SUB", "when"), "when whenever just_when only_when every_time each_time right_when"),
    (Reading("SUB", "why"), "because since if unless although though whether as_if as_though even_though"),
    (Reading("SUB", "why", 1.5), "so that"),
    (Reading("SUB", "why"), "so_that"),
    (Reading("REL"), "who which whom in_which from_which on_which of_which of_whom through_which that"),
    (Reading("REL", "", 0.3), "where whose"),
    (Reading("SUB", "where"), "where wherein"),
    (Reading("THERE"), "there"),
    (Reading("ADJ", "", 0.3), "other same own next last first second third former latter few single only very"),
    (Reading("ADJ", "", 1.0), "back still overhead alone apart"),
    (Reading("QUOTE"), '"'),
    (Reading("COMMA"), ","),
    (Reading("SEMI"), ";"),
]


def _closed() -> dict[str, tuple[Reading, ...]]:
    closed: dict[str, tuple[Reading, ...]] = {}
    for reading, text in _CLASSES:
        for word in word_set(text):
            closed[word] = (*closed.get(word, ()), reading)
    return closed


CLOSED = _closed()
"""Every reading of the words of closed classes and of fixed phrases."""

PREPOSITIONS = frozenset(word for word, readings in CLOSED.items() if readings[0].tag == "PREP")
"""Words that are prepositions before all else."""

ALSO_OPEN = word_set("like left right round back past home still light so down")
"""Closed words that may be nouns, verbs or adjectives, too."""

UNITS = frozenset(word for word in CLOSED if " " in word)
"""The fixed phrases."""

ACTIONS = frozenset(
    word_set(
        "approach arc back balance bark beep bike block bloom bob boot bound brake breakdance brood brush bubble buck butter "
        "button cage camp cannonball cartwheel charge cheer chop circle clip coast collapse curtsy dab dart dive doze dream "
        "dress drip drool drum duck duel dust fidget fire fish fizz flap fold free glaze grill grin hiccup honk hook hop howl "
        "huff hurdle ice inch iron jab jet juggle juice kneel lace ladle land lap limp load lock loop lower march milk mold "
        "moonwalk morph nap neigh nest nod nuzzle orbit pace pant parade park parry pat peck pedal pepper pet pile pin pinch "
        "pirouette pitch pivot plant pocket point pounce pound prance print pry pump purr quack race ram rap rear recline "
        "ripple roar rocket row saddle salt salute sand saw score scratch screw season shelve shovel shower shrug sigh sign "
        "skid slink sneeze sob somersault splash spot sprout spur squash stall steam step stitch storm stride stroke strum "
        "stumble surf surface swat swoop tear text throb thunder tinker tip tiptoe towel trap trek trip trot trumpet tug tumble "
        "tunnel type unwrap vacuum vault volley waddle waltz warm water wave weed wink yawn zigzag zoom"
    )
)
"""Verbs that video prompts are full of while books, from which the tagger learned, know the words rather as nouns."""


def verb_bases(low: str) -> set[str]:
    """What the base form of a verb may be, and the word itself."""
    stem = low.removesuffix("ing")
    bases = {low, low.removesuffix("s"), low.removesuffix("es"), low.removesuffix("ies") + "y", stem, stem + "e"}
    return bases | {stem[:-1]} if stem != low else bases


def is_number(low: str) -> bool:
    """Whether a word counts things."""
    return low[0].isdigit() or any(reading.tag == "NUM" for reading in CLOSED.get(low, ()))
