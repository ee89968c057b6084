"""What only describes the place, the light and the picture, although a verb says it."""

from __future__ import annotations

from collections.abc import Sequence

from tsattn.plan.parsing.clauses import Clause
from tsattn.plan.parsing.lexicon import is_number, verb_bases, word_set
from tsattn.plan.parsing.subjects import Actor

_AMBIENT = word_set(
    "light lights sunlight daylight moonlight candlelight lamplight firelight starlight streetlights backlight glow "
    "shadow shadows ray rays beam beams sunbeam sunbeams haze color colors colour colours hue hues reflection "
    "reflections silence air atmosphere warmth darkness music sound sounds flare bokeh grain texture textures contrast "
    "tones details highlights flares red reds blue blues gold golds green greens everything detail impression"
)
_PLACES = word_set(
    "ocean sea lake river stream pond sky sun moon star stars city skyline town village street streets road path trail "
    "bridge alley avenue park forest woods jungle garden field meadow hill hills mountain mountains valley canyon cliff "
    "cliffs beach shore island horizon landscape desert dune dunes sand room hall hallway corridor building buildings "
    "tower towers house houses palace castle church wall walls floor ceiling roof rooftops window windows door table "
    "shelves furniture fireplace fire hearth rain raindrops snow snowflakes frost ice wind breeze mist fog smoke steam "
    "dust cloud clouds storm thunder lightning tree trees leaves grass flowers ivy moss vines petals rainbow waves tide "
    "surf waterfall fountain water ripples puddles bubbles embers sparks fireflies candles lanterns lamps lamp lantern "
    "neon sign signs flag flags banner banners curtain curtains traffic"
)
_CHANGES = word_set(
    "go stop set close open burst collapse start begin end die turn change darken brighten clear pick part crack "
    "explode erupt flood break catch snap shut slam swing ring shatter crumble vanish appear roar rush strike hit knock "
    "sweep wash swallow fall rise spread split freeze melt boil"
)
_GOES_ON = word_set(
    "hang glow float drift fall rise hover shimmer stretch curl circle twinkle shine sparkle glitter gleam flicker "
    "stream filter swirl loom tower buzz sway ripple dance play blow burn crash glimmer glisten run drip trickle roll "
    "rustle crackle cry call caw chatter rage screech hoot croak flutter pulse hum tick flow linger settle lie billow "
    "wave bloom chirp sing pass move fly wander graze stroll strut trail walk sit stand watch wait talk chat swim peek "
    "whisper"
)
_FALLING = word_set(
    "rain snow snowflakes raindrops leaves petals ash steam smoke mist fog dust embers sparks bubbles waves"
)
_FALLS = word_set("fall rise spread roll wash rush crash")
_STATES = word_set(
    "wear seem resemble contain belong consist lack own exist feature remain stay include need hang surround line fill "
    "frame adorn decorate dominate cover overlook match suit convey evoke suggest reflect mirror hold cling lead wind "
    "arch blanket dot face connect smell follow last give cast add create bathe illuminate tower loom stretch border "
    "occupy shape"
)
_SHINES = word_set("glow shimmer twinkle shine sparkle glitter gleam flicker glimmer glisten")
_LOOKS = word_set("wear seem resemble contain belong consist lack own exist")
_WEATHER = word_set("rain snow drizzle pour storm hail")
_PRONOUNS = (["he"], ["she"], ["it"], ["they"])
_OBJECTS = word_set("him her them it")
_OWN = word_set("his her its their")
_SEEMS = word_set("look feel sound smell taste seem appear stay remain")
_AUXILIARIES = word_set("'s 're is are was were being been can be")
_LEFT = word_set(
    "covered made painted dressed decorated lit tied dotted lined filled surrounded stained scratched torn worn stacked "
    "buried bathed framed built cut wrapped dusted scattered parked blurred"
)
_SEEN = word_set("seen shown captured filmed")
_ELSEWHERE = word_set("into onto out off away from through toward towards")
_QUANTIFIERS = word_set("some many few several countless dozens hundreds various")


Told = tuple[Clause, Actor]


def describes(clause: Clause) -> bool:
    """Whether a clause tells of a state wherever it stands: "is blue", "wears a hat", "it is raining"."""
    weather = [word.low for word in clause.subject] == ["it"] and _verb(clause, _WEATHER)
    like = any(word.low == "like" for word in clause.words[1:2]) and _verb(clause, _SEEMS)
    return clause.describes or weather or like or _verb(clause, _LOOKS)


def is_scenery(told: Sequence[Told], others: Sequence[Told], *, described: bool) -> bool:
    """Whether a sentence's clauses tell no more than how things are and what goes on around the story.

    `others` are those of the other sentences; `described` tells whether the prompt has more sentences of this kind.
    """
    film = told[0][1].film
    return all(
        actor.film
        or (film and [word.low for word in clause.subject] in _PRONOUNS)
        or (actor.head in _AMBIENT and (not _changes(clause) or _verb(clause, _FALLS)))
        or describes(clause)
        or (clause.predicative and _verb(clause, _SEEMS))
        or (described and _settled(clause) and (_verb(clause, _LEFT) or all(other is not actor for _, other in others)))
        or (described and _backdrop(clause, actor) and not _plays(actor, others))
        for clause, actor in told
        if clause.kind != "also"
    )


def _settled(clause: Clause) -> bool:
    """Whether a passive tells how something is rather than what is done to it."""
    lows = {word.low for word in clause.words}
    return clause.form == "n" and not lows & _SEEN and not lows & _ELSEWHERE


def _plays(actor: Actor, others: Sequence[Told]) -> bool:
    """Whether somebody or something acts or is named in other sentences, too."""
    named = {word.low for clause, _ in others for word in (*clause.words, *clause.subject)}
    return actor.head in named or any(other is actor for _, other in others)


def _backdrop(clause: Clause, actor: Actor) -> bool:
    """Whether this is or goes on in the background."""
    lows = {word.low for word in (*clause.lead, *clause.words)}
    if any(len(phrase) == 1 and phrase[0].low in _OBJECTS for phrase in clause.nouns):
        return False
    if lows & {"background", "distance"} or clause.predicative or _verb(clause, _STATES | _SHINES):
        return True
    if actor.head in _PLACES:
        lasts = not _changes(clause) or (clause.auxiliary == "BE" and clause.form == "g")
        return lasts or (actor.head in _FALLING and _verb(clause, _FALLS))
    first = actor.words[0].low
    unnumbered = first in _QUANTIFIERS or (not actor.determiner and not is_number(first))
    return (unnumbered or actor.determiner in _OWN or clause.inverted) and _verb(clause, _GOES_ON)


def _changes(clause: Clause) -> bool:
    return _verb(clause, _CHANGES)


def _verb(clause: Clause, known: frozenset[str]) -> bool:
    """Whether the verb of a clause is one of these: its first word but for auxiliaries and adverbs."""
    lows = [word.low for word in clause.words if not word.low.endswith("ly")] or [clause.words[0].low]
    return not known.isdisjoint(verb_bases(next((low for low in lows if low not in _AUXILIARIES), lows[0])))
