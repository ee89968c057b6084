"""What a noun stands for, as far as pronouns and the picture ask: one or several, man, woman, person or thing, film."""

from __future__ import annotations

from tsattn.plan.parsing.lexicon import word_set

_FILM = word_set(
    "we viewer viewers this camera shot video clip footage scene view frame image picture photo film movie animation sequence close-up closeup "
    "timelapse time-lapse hyperlapse montage render rendering angle perspective cinematography composition background "
    "foreground lighting mood atmosphere tone palette style setting quality soundtrack focus lens look vibe aesthetic "
    "aesthetics ambience ambiance reel trailer photograph portrait visuals"
)
_MALE = word_set(
    "he man boy father dad daddy grandfather grandpa king prince gentleman guy husband brother son uncle nephew "
    "grandson groom boyfriend wizard waiter actor monk priest lord sir dude lad bloke bachelor emperor duke mr samurai "
    "cowboy"
)
_FEMALE = word_set(
    "she woman girl mother mom mum mommy grandmother grandma queen princess lady wife sister daughter aunt niece "
    "granddaughter bride girlfriend witch waitress actress nun maid empress duchess heroine mrs ms ballerina mermaid"
)
_PERSONS = word_set(
    "person kid child toddler teen adult student pupil chef cook guest nurse guard athlete clown mime clerk pilot "
    "captain astronaut cop thief friend neighbor neighbour someone somebody everyone everybody barista potter magician "
    "mechanic detective doctor knight pirate acrobat tailor smith coach spy host bard butler judge king monk soldier "
    "sailor tourist pedestrian grownup human individual model stranger partner parent sibling cousin twin victim "
    "patient customer ninja burglar robber bandit wrestler archaeologist i you me we us who"
)
_EITHER = word_set("baby infant toddler child newborn")
_GROUPS = word_set(
    "couple pair family crowd team group crew band flock herd pack swarm audience class orchestra gang trio duo"
)
_PLURALS = word_set(
    "they we people children men women mice geese feet teeth others police cattle wolves both them passersby firemen "
    "policemen kids knives leaves lives shelves oxen"
)
_THINGS = word_set(
    "sunflower wallflower newspaper wallpaper sandpaper seawater rainwater water paper hammer ladder flower river tower "
    "letter feather computer printer helicopter motor tractor mirror door floor anchor razor monitor projector elevator "
    "escalator dishwasher toaster mixer blender boiler burner lighter skyscraper scooter roller trailer freezer cooker "
    "propeller container counter corner curtain meteor sensor reactor spider tiger panther hamster badger otter beaver "
    "rooster lobster oyster grasshopper caterpillar deer condor alligator butter pepper ginger fiber fever power shower "
    "number layer lever liver cover drawer finger shoulder collar dollar color odor vapor mortar star guitar car jar "
    "bar altar cigar caviar banner burger cracker folder sticker poster zipper slipper thunder winter summer weather "
    "timber rubber silver copper leather lather quarter meter matter cylinder boulder bumper whisker antler saucer "
    "charger speaker receiver transformer thermometer dagger cleaver grater peeler strainer sprinkler buffer glacier "
    "geyser cluster chamber theater fender rudder clover chandelier glitter batter platter slider plaster flamethrower "
    "cruiser bulldozer steamer freighter tanker streamer rover lander glider starter scanner sweater blazer"
)


def is_film(noun: str) -> bool:
    """Whether a noun speaks of the picture itself."""
    return noun in _FILM


def is_filmed(noun: str) -> bool:
    """Whether a noun that speaks of the picture may as well be a thing in it."""
    return noun in ("camera", "frame", "picture", "photo", "photograph", "portrait", "lens", "reel", "trailer")


def is_plural(noun: str) -> bool:
    """Whether a noun has the form of a plural."""
    return noun in _PLURALS or (len(noun) > 3 and noun.endswith("s") and not noun.endswith(("ss", "us", "is", "'s")))


def is_group(noun: str) -> bool:
    """Whether a noun names several in the singular: "a couple strolls; they kiss"."""
    return noun in _GROUPS


def gender(noun: str) -> str:
    """M or f where a noun tells, p for a person, "?" where it may be a person or not, "" for a thing or animal."""
    if noun in _MALE or (noun.endswith(("man", "boy")) and not noun.endswith("woman")):
        return "m"
    if noun in _FEMALE or noun.endswith(("woman", "girl")):
        return "f"
    if noun in _EITHER:
        return "?"
    if noun in _PERSONS or noun.endswith(("ist", "smith", "ician", "eer", "keeper")):
        return "p"
    return "?" if noun.endswith(("er", "or", "ian")) and noun not in _THINGS else ""
