"""The words the parser knows: closed classes of English, and common verbs for where the form alone does not tell.

All in lower case with a straight apostrophe. Verbs outside the list are recognised by their -s, -ing or -ed.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an the this that these those another my your his her its our their")
INDEFINITE = _words("a an another")
PLURALISERS = _words("two three four five six seven eight nine ten several many few both these those multiple various")
QUANTIFIERS = PLURALISERS | _words("one some any all each every no most half")
DETERMINERS = ARTICLES | QUANTIFIERS
PRONOUNS = _words("he she it they i you we someone somebody everyone everybody")
OBJECT_PRONOUNS = _words("him her it them me us himself herself itself themselves each")
RELATIVES = _words("who which that whose whom")
DIRECTIONS = _words(
    "across into onto over toward towards around away up down off out back through past along upward downward"
)
PREPOSITIONS = DIRECTIONS | _words(
    "in on at to from with without of for by under above below behind beside besides between among near next against "
    "inside outside within during after before until as like than beneath underneath beyond amid via atop throughout"
)
SUBORDINATORS = _words("when where while because if and or but so than not")
CLITICS = _words("'s 're 'm 've 'll 'd")
AUXILIARIES = CLITICS | _words(
    "is are was were am be has have had does do did will would can could may might must shall should isn't aren't "
    "doesn't don't can't won't"
)
BE = _words("is are was were am be isn't aren't 's 're 'm")
STATIVE = BE | _words("has have had wears wear seems seem resembles contains")
CLOSED = DETERMINERS | PRONOUNS | OBJECT_PRONOUNS | RELATIVES | PREPOSITIONS | SUBORDINATORS | AUXILIARIES

ADVERBS = _words(
    "twice again also just now still even once soon never always together suddenly almost forward backward there here"
)
NOT_ADVERBS = _words(
    "family belly bully jelly lily ally assembly reply curly friendly lovely ugly lonely silly elderly woolly holly "
    "chilly hilly smelly wobbly cuddly bubbly grizzly bristly prickly lively homely early daily italy"
)
ADJECTIVES = _words(
    "big small large little tiny huge giant tall short long old young new fresh dark light bright red green blue "
    "yellow purple orange pink brown black white grey gray golden silver fluffy furry happy sad cute wild hot cold "
    "wet dry soft colorful colourful wooden beautiful heavy single striped dirty clean shiny round empty full dense "
    "ripe tropical"
)
CAUSATIVES = _words("let help make go come watch see hear feel play take have")
"""Verbs that a base form may follow directly ("lets go", "takes aim")."""

RESULTS = _words("open shut")
"""Base forms that also tell how something ends up ("swings open")."""

VERBS = _words(
    "accelerate add aim appear approach arrange arrive ascend ask assemble attack balance bark bathe become beg begin "
    "bend bite bless blink bloom blow board boil bounce bow break breathe bring brush build burn burst bury carry "
    "cast catch change chase cheer chew chop circle clap clean climb close collapse collect combine come complete "
    "continue cook cover crack crash crawl create cross crouch cry curl cut dance dart decorate deflate descend dig "
    "dip disappear dissolve dive do draw dress drift drink drive drop drum duck eat embrace emerge enter escape "
    "examine expand explode explore extend fade fall feed fetch fill find finish flap flicker flip float flow flutter "
    "fly focus fold follow form freeze gallop gather get give glance glide glow go grab graze greet grin grow hammer "
    "hang hatch hear help hide hit hold hop hover howl hug hunt hurry ignite inflate inspect jog join juggle jump keep "
    "kick kiss kneel knit knock land laugh launch lay lead lean leap leave let lick lie lift light listen lock look "
    "lose lower make march meet melt meow merge mix move nap nod notice nuzzle observe open orbit paint park pass pat "
    "pause pay pedal peck peek peel perch perform pet pick place play plunge point pop pose pounce pour practice pray "
    "prepare press prowl pull punch purr push put raise reach read rearrange receive release remove rest retract "
    "return reveal ride ripple rise roar roll rotate rub run rush sail salute scamper scatter score scramble scratch "
    "see seize sell serve shake share shatter shed shine shoot shout shrink shut sing sink sip sit skate sketch skid "
    "skip slam sleep slice slide slip slow slumber smash smile sneak sneeze sniff snore snuggle soar speak speed "
    "spill spin splash split spot spray spread sprint sprout squeeze stack stalk stand stare start steal step stir "
    "stop stretch stroke stroll strike stumble sway sweep swerve swim swing swirl switch swoop take talk tap taste "
    "tear tease tell think throw tie tilt tip toss touch transform travel tremble trim trip trot try tumble turn "
    "twirl twist type unfold unlock unwrap use vanish wag wait wake walk wander warm wash watch wave weave whisper "
    "whistle win wink wipe wobble work wrap write yawn yell zoom"
)
PASTS = _words(
    "ate became began bent blew broke brought built came caught climbed cut dove drank drew drove fell fed felt flew "
    "found gave got grew held hid hit jumped kept knelt laid lay leapt left let lit lost made met put ran rang read "
    "rode rose sang sat saw set shook shut slept slid spoke spun stood stole struck swam swept swung threw took tore "
    "turned went woke won wore wrote been blown broken chosen done drawn driven eaten fallen flown frozen given "
    "hidden ridden seen shaken shown spoken stolen swung taken thrown torn woken worn written"
)
IRREGULAR_PLURALS = _words(
    "people children men women mice geese feet teeth sheep fish deer oxen wolves knives police cattle kids "
    "they we i you"
)
NOT_S_VERBS = _words(
    "gas lens canvas always perhaps christmas series news species besides sometimes indoors outdoors upstairs "
    "downstairs overseas hers theirs ours yes alas jeans pants shorts glasses sunglasses boots shoes gloves clothes "
    "stairs headphones upwards downwards backwards forwards sideways lots"
)
NOT_GERUNDS = _words(
    "thing something nothing everything anything king ring wing string spring morning evening ceiling building sling "
    "clothing lighting lightning during sting swing being sibling duckling viking pudding earring"
)
NOT_PASTS = _words("red bed shed sled hundred sacred naked wicked biped moped")

SCENE = _words(
    "camera scene background backdrop foreground lighting shot video clip footage style view frame mood atmosphere "
    "image picture angle music quality close-up closeup perspective cinematography animation"
)
SHOWS = _words("follows tracks shows depicts features captures presents showcases")
MALE = _words("man boy father king prince gentleman guy husband brother son grandfather wizard waiter actor knight he")
FEMALE = _words("woman girl mother queen princess lady wife sister daughter grandmother witch waitress actress she")
PEOPLE = _words(
    "person child kid baby chef cook dancer artist farmer teacher student player worker doctor nurse baker musician "
    "painter gardener athlete soldier astronaut magician detective scientist teenager toddler couple crowd people "
    "children men women someone i you we"
)
PEOPLE |= MALE | FEMALE

SEQUENCE = "then"
"""What follows happens later."""
BEFORE, AFTER, WHILE, AND, BUT, COMMA = "before", "after", "while", "and", "but", ","

JOINTS: dict[tuple[str, ...], str] = {
    **{
        tuple(phrase.split()): SEQUENCE
        for phrase in (
            "then", "finally", "afterwards", "afterward", "thereafter", "subsequently", "eventually", "lastly",
            "after that", "after this", "after which", "at last", "in the end", "at the end", "before finally",
        )
    },
    **{(*adverb, "before"): BEFORE for adverb in ((), ("just",), ("right",), ("shortly",))},
    **{(*adverb, "after"): AFTER for adverb in ((), ("just",), ("right",), ("shortly",))},
    ("until",): BEFORE, ("before", "that"): COMMA,
    ("while",): WHILE, ("whilst",): WHILE, ("as",): WHILE, ("meanwhile",): WHILE, ("at", "the", "same", "time"): WHILE,
    ("and",): AND, ("or",): AND, ("but",): BUT,
}  # fmt: skip
"""Words between events, and what they say of the order."""
OPENERS = _words("so next first later soon when once whenever")
"""Words that order events only where a clause begins with them."""


def is_adverb(word: str) -> bool:
    """Whether a word tells how or when, so that it may stand between a subject and its verb."""
    return word in ADVERBS or (
        word.endswith("ly") and not word.endswith("fly") and word not in NOT_ADVERBS and len(word) > 3
    )


def is_verb(word: str) -> bool:
    """Whether a word is a listed verb, as a base form or with -s."""
    if word in VERBS:
        return True
    return is_third_person(word) and not VERBS.isdisjoint(_bases(word))


def is_third_person(word: str) -> bool:
    """Whether a word has the form of a verb with -s. A plural noun has it too."""
    return (
        len(word) > 2
        and word.endswith("s")
        and not word.endswith(("ss", "us", "is", "'s"))
        and word not in NOT_S_VERBS
        and word not in IRREGULAR_PLURALS
        and word not in CLOSED
    )


def is_gerund(word: str) -> bool:
    """Whether a word has the form of a verb with -ing."""
    return len(word) > 4 and word.endswith("ing") and word not in NOT_GERUNDS


def is_past(word: str) -> bool:
    """Whether a word has the form of a past tense or past participle."""
    regular = len(word) > 3 and word.endswith("ed") and not word.endswith("eed") and word not in NOT_PASTS
    return regular or word in PASTS


def is_plural(word: str) -> bool:
    """Whether a word has the form of a plural noun."""
    listed = word in IRREGULAR_PLURALS or word in PLURALISERS
    return listed or (len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")))


def allows_base(word: str) -> bool:
    """Whether a base form may follow this -s verb directly, as in "lets go"."""
    return not CAUSATIVES.isdisjoint(_bases(word))


def _bases(word: str) -> tuple[str, ...]:
    return word[:-1], word.removesuffix("es"), word.removesuffix("ies") + "y"
