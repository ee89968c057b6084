"""The offline parser: who does what, in which order, in exact words of the prompt."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.parser import evaluate, load
from tsattn.errors import PlanError
from tsattn.plan import parse
from tsattn.plan.schema import LONGEST_PROMPT
from tsattn.shapes.world import BACKGROUNDS, COLOURS, SHAPES, WORDINGS, Role, sample_events, sample_prompt

Rows = dict[str, list[str]]


def rows(prompt: str) -> Rows:
    return {subject.text: [event.text for event in subject.events] for subject in parse(prompt).subjects}


ONE_SUBJECT: list[tuple[str, str, list[str]]] = [
    ("A red circle moves right, then moves up, and then grows", "red circle", ["moves right", "moves up", "grows"]),
    (
        "A cat watches a bowl, then dips its paw into the water, then takes it out",
        "cat",
        ["watches a bowl", "dips its paw into the water", "takes it out"],
    ),
    ("A green square grows on a striped background.", "green square", ["grows"]),
    ("A boy stands up, and finally waves against a plain grey backdrop", "boy", ["stands up", "waves"]),
    ("A dog circles its bed before lying down.", "dog", ["circles its bed", "lying down"]),
    ("Before lying down, the dog circles its bed.", "dog", ["circles its bed", "lying down"]),
    ("A dog circles its bed before it lies down.", "dog", ["circles its bed", "lies down"]),
    ("After eating, the cat sleeps.", "cat", ["eating", "sleeps"]),
    ("The man sits down after eating an apple.", "man", ["eating an apple", "sits down"]),
    ("The man stands before the door.", "man", ["stands before the door"]),
    ("The man walks. He then sits down. Finally, he waves.", "man", ["walks", "sits down", "waves"]),
    ("A cat yawns. After that, it stretches. Next, it eats.", "cat", ["yawns", "stretches", "eats"]),
    ("A cat yawns. Afterwards it stretches; it's carried away.", "cat", ["yawns", "stretches", "carried away"]),
    ("A boy runs and jumps.", "boy", ["runs", "jumps"]),
    ("A woman picks up a cup and a plate.", "woman", ["picks up a cup and a plate"]),
    ("A woman buys apples, pears and plums, then leaves.", "woman", ["buys apples, pears and plums", "leaves"]),
    ("A cat runs, soft light and film grain.", "cat", ["runs"]),
    ("A square grows, then moves right, then grows", "square", ["grows", "moves right", "grows"]),
    ("A cat jumps, then naps. The camera is static. Cinematic lighting.", "cat", ["jumps", "naps"]),
    ("The cat is black. It jumps.", "cat", ["jumps"]),
    ("a small fluffy dog barks", "small fluffy dog", ["barks"]),
    ("the old man's dog barks", "old man's dog", ["barks"]),
    ("A woman in a red dress walks away, then waves.", "woman in a red dress", ["walks away", "waves"]),
    ("A man walking a dog stops.", "man", ["stops"]),
    ("A boy who lost his balloon cries.", "boy", ["cries"]),
    ("In a forest a deer runs, then drinks.", "deer", ["runs", "drinks"]),
    ("A wide shot of a cat jumping over a fence, 4k", "cat", ["jumping over a fence"]),
    ("The video shows a man walking. He stops.", "man", ["walking", "stops"]),
    ("A cat sleeping on a couch, then jumping off", "cat", ["sleeping on a couch", "jumping off"]),
    ("A man is walking and singing.", "man", ["is walking", "singing"]),
    ("A disc is inserted, released, and then spins.", "disc", ["is inserted", "released", "spins"]),
    ("A man walked to the door, opened it and sat down.", "man", ["walked to the door", "opened it", "sat down"]),
    ("A leaf slowly falls while spinning, then lands.", "leaf", ["slowly falls while spinning", "lands"]),
    ("A bird hovers for a while, then lands.", "bird", ["hovers for a while", "lands"]),
    ("A dog stands next to a tree, then barks.", "dog", ["stands next to a tree", "barks"]),
    ("Two dogs run, jump and bark.", "Two dogs", ["run", "jump", "bark"]),
    ("The dogs chase a ball and then rest.", "dogs", ["chase a ball", "rest"]),
    ("A man and a woman dance, then bow.", "man and a woman", ["dance", "bow"]),
    ("A black and white dog runs.", "black and white dog", ["runs"]),
    ("One of the dogs barks.", "dogs", ["barks"]),
    ("A waiter drops the glasses, and apologizes.", "waiter", ["drops the glasses", "apologizes"]),
    ("A dancer who wears a blue dress spins.", "dancer", ["spins"]),
    ("He walks in. After that, he sits down.", "He", ["walks in", "sits down"]),
    ("Before he opens the safe, the thief looks around.", "thief", ["looks around", "opens the safe"]),
    ("A cat stretches, yawning widely, and naps.", "cat", ["stretches", "yawning widely", "naps"]),
    ("a kid opens a box takes out a toy and plays with it", "kid", ["opens a box", "takes out a toy", "plays with it"]),
    ("A robot tries to lift a crate and throw it, but falls.", "robot", ["tries to lift a crate and throw it", "falls"]),
    ("She says \"Run and hide\" and leaves.", "She", ['says "Run and hide"', "leaves"]),
    ("A woman buys cups and plates, cuts a cake and lights a candle.", "woman",
     ["buys cups and plates", "cuts a cake", "lights a candle"]),
    ("A boy waves.", "boy", ["waves"]),
    ("A duck ducks under a bridge, and trips.", "duck", ["ducks under a bridge", "trips"]),
    ("A maid curtsies. A moment later, she leaves.", "maid", ["curtsies", "leaves"]),
    ("On the roof sits an owl.", "owl", ["sits an owl"]),
    ("There is a crab sitting on a rock.", "crab", ["sitting on a rock"]),
    ("Two of the five runners stumble.", "five runners", ["stumble"]),
    ("🐱 A cat jumps 🎉, then sleeps 😴!", "cat", ["jumps", "sleeps"]),
    ("The café’s owner naïvely opens the door, then waves.", "café’s owner", ["naïvely opens the door", "waves"]),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "subject", "events"), ONE_SUBJECT, ids=[case[0] for case in ONE_SUBJECT])
def test_one_subject(prompt: str, subject: str, events: list[str]) -> None:
    assert rows(prompt) == {subject: events}


SEVERAL: list[tuple[str, Rows]] = [
    ("A cat jumps while a dog barks", {"cat": ["jumps"], "dog": ["barks"]}),
    ("A cat jumps while a dog barks, then the dog runs", {"cat": ["jumps"], "dog": ["barks", "runs"]}),
    ("A man sits, then a woman enters and waves.", {"man": ["sits"], "woman": ["enters", "waves"]}),
    ("A boy kicks a ball. It rolls away.", {"boy": ["kicks a ball"], "ball": ["rolls away"]}),
    ("A man sits. A woman enters. He waves.", {"man": ["sits", "waves"], "woman": ["enters"]}),
    ("A red bus falls. A blue bus rises. The red bus spins", {"red bus": ["falls", "spins"], "blue bus": ["rises"]}),
    ("A door opens, and snakes made of clouds dance.", {"door": ["opens"], "snakes": ["dance"]}),
    ("A girl waves to her brother, who laughs.", {"girl": ["waves to her brother"], "brother": ["laughs"]}),
    ("A man throws a stick, which the dog fetches.", {"man": ["throws a stick"], "dog": ["fetches"]}),
    ("A boy pulls a rope until it snaps.", {"boy": ["pulls a rope"], "rope": ["snaps"]}),
    ("A drop lands on the painter's shoe, and he groans.", {"drop": ["lands on the painter's shoe"], "painter": ["groans"]}),
    ("A cook chops herbs while a boy peels an egg, and then both eat.", {"cook": ["chops herbs", "eat"], "boy": ["peels an egg"]}),
    ("A cat creeps up while a bird sings and hops, then pounces.", {"cat": ["creeps up", "pounces"], "bird": ["sings", "hops"]}),
    ("When the bell rings the students leave.", {"bell": ["rings"], "students": ["leave"]}),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "expected"), SEVERAL, ids=[case[0] for case in SEVERAL])
def test_several_subjects(prompt: str, expected: Rows) -> None:
    assert rows(prompt) == expected


def shares(prompt: str) -> list[tuple[str, str]]:
    return [(event.text, str(event.segment)) for subject in parse(prompt).subjects for event in subject.events]


@pytest.mark.parametrize(
    "prompt",
    [
        "A cat jumps while a dog barks",
        "While a cat jumps, a dog barks",
        "A cat jumps and a dog barks",
        "As a cat jumps, a dog barks",
        "A cat jumps. Meanwhile, a dog barks.",
        "A cat jumps, and at the same time a dog barks",
        "A cat jumps, barking",
    ],
)
def test_what_happens_together_shares_its_time(prompt: str) -> None:
    assert [share for _, share in shares(prompt)] == ["0%-100%", "0%-100%"]


@pytest.mark.parametrize(
    ("prompt", "order"),
    [
        ("A man sits, then a woman enters", "sits, enters"),
        ("A man sits after a woman enters", "enters, sits"),
        ("After a woman enters, a man sits", "enters, sits"),
        ("Before a man sits, a woman enters", "enters, sits"),
        ("A man sits until a woman enters", "sits, enters"),
        ("Once a woman enters, a man sits", "enters, sits"),
        ("A man sits as soon as a woman enters", "enters, sits"),
        ("A man is sitting when a woman enters", "is sitting, enters"),
        ("A man waves, and once a woman enters, he sits", "waves, enters, sits"),
    ],
)
def test_several_subjects_share_one_clip_in_order(prompt: str, order: str) -> None:
    told = sorted((float(share.split("%")[0]), text) for text, share in shares(prompt))
    assert ", ".join(text for _, text in told) == order
    starts = [start for start, _ in told]
    assert starts == pytest.approx([100 * k / len(told) for k in range(len(told))], abs=0.01)


def test_hints_of_pace_move_the_shares() -> None:
    assert shares("A leaf slowly falls, then suddenly lands.") == [
        ("slowly falls", "0%-75%"),
        ("suddenly lands", "75%-100%"),
    ]
    assert shares("A cat sits for a while. Suddenly, it jumps.")[1] == ("jumps", "75%-100%")


SCENES = [
    "{} The camera slowly pans left. Shot on 35mm film, soft light.",
    "A wide, static shot of a dark street at night. {} The walls are made of stone and there is a lamp on the left.",
    "Sunlight streams through the window. {} The mood is calm. Cinematic, 4k, shallow depth of field.",
    "{} Snow falls in the background. Her coat is red, and her hair is tied back. Muted colors.",
]


@pytest.mark.parametrize("scene", SCENES)
def test_what_only_describes_is_no_event(scene: str) -> None:
    told = rows(scene.format("A woman opens an umbrella, looks up, and walks away."))
    assert told == {"woman": ["opens an umbrella", "looks up", "walks away"]}


def test_an_aside_leaves_the_subject_as_it_was() -> None:
    prompt = "A cook steams milk while a girl reads a book and smiles, then pours tea."
    assert rows(prompt) == {"cook": ["steams milk", "pours tea"], "girl": ["reads a book", "smiles"]}


@pytest.mark.parametrize("prompt", ["", "  \n", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(PlanError, match="the prompt is empty"):
        parse(prompt)


@pytest.mark.parametrize("wrong", [None, 3, ["A cat sits"]], ids=str)
def test_what_is_no_text_is_refused(wrong: Any) -> None:
    with pytest.raises(PlanError, match="a prompt is text"):
        parse(wrong)


def test_a_prompt_too_long_is_refused() -> None:
    with pytest.raises(PlanError, match=f"{LONGEST_PROMPT} are the most"):
        parse("a" * (LONGEST_PROMPT + 1))


def test_a_broken_character_is_named() -> None:
    with pytest.raises(PlanError, match="not valid text at character 6"):
        parse("A cat \udc80 jumps")


@pytest.mark.parametrize(
    "prompt", ["a red circle", "The camera is static.", "一只猫跳起来", "🐱🐶", "... , and then !", "The cat is black."]
)
def test_a_prompt_without_event_is_refused_with_a_remedy(prompt: str) -> None:
    with pytest.raises(PlanError) as refused:
        parse(prompt)
    assert repr(prompt) in str(refused.value)
    assert "A cat jumps, then sleeps" in str(refused.value)
    assert "plan file" in str(refused.value)


WORDS = (
    "a the two his cat dogs man's woman circle background camera it he they who that red moves jumps grows waves is "
    "are running lit sat run quickly then and finally before after while as until but or in on of with "
    "to next shows quickly there , . ; : — 🐱 é ’s"
)
PROMPTS = st.one_of(
    st.text(st.characters(exclude_categories=())), st.lists(st.sampled_from(WORDS.split()), max_size=30).map(" ".join)
)


@given(PROMPTS)
def test_any_prompt_gives_exact_spans_or_a_plan_error(prompt: str) -> None:
    try:
        plan = parse(prompt)
    except PlanError:
        return
    assert plan.prompt == prompt
    for subject in plan.subjects:
        spans = [event.span for event in subject.events]
        for part in (subject, *subject.events):
            assert part.text
            assert prompt[slice(*part.span)] == part.text == part.text.strip(" ,.;:—🐱")
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(spans)))
        if not {"before", "after", "until"} & set(prompt.split()):
            assert spans == sorted(spans)


STEMS = st.text(alphabet="bdfgklmnprt", min_size=2, max_size=4).map(lambda stem: f"{stem[0]}o{stem[1:]}oks")
TAILS = st.sampled_from(["", " away", " a ball", " its tail", " over the fence", " to the left", " up"])
EVENTS = st.lists(st.builds(str.__add__, STEMS, TAILS), min_size=1, max_size=6)


@given(
    st.sampled_from(["red circle", "small dog", "woman in a blue coat", "robot"]),
    EVENTS,
    st.sampled_from([", then ", ", and then ", " and then ", ". Then it ", ", and finally ", "; after that, it "]),
    st.sampled_from(["", ".", " on a dotted background.", " 🎉"]),
)
@example("red circle", ["boboks", *["boboks to the left"] * 4], ", then ", "")  # not a circle and four fragments
def test_unknown_verbs_are_found_by_their_form(noun: str, events: list[str], joint: str, end: str) -> None:
    if noun.startswith("woman"):
        joint = joint.replace(" it ", " she ")
    assert rows(f"A {noun} {joint.join(events)}{end}") == {noun: events}


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_every_prompt_of_the_embedded_world_is_understood(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    events = sample_events(rng, count)
    colour, shape, background = (str(rng.choice(list(words))) for words in (COLOURS, SHAPES, BACKGROUNDS))
    ((subject, told),) = rows(sample_prompt(rng, [Role(colour, shape, events)], background)).items()
    assert subject == f"{colour} {shape}"
    assert len(told) == count
    assert all(words in WORDINGS[event] for words, event in zip(told, events, strict=True))


REACHED = {"count": 0.997, "subject": 0.994, "words": 0.994, "found": 1.0}


def test_the_development_sentences_are_read_as_well_as_ever() -> None:
    scores = [score for _, score, _ in evaluate(load("development"))]
    shares = {measure: np.mean([getattr(score, measure) for score in scores]) for measure in REACHED}
    assert all(shares[measure] > share - 5e-4 for measure, share in REACHED.items()), shares


def test_parsing_is_fast() -> None:
    prompt = (
        "A wide shot of a busy market. A woman in a white scarf picks up a lemon, smells it, and pays the vendor while a boy, "
        "who holds a kite, runs past. As soon as he is gone, she laughs, turns around and slowly walks to a fountain."
    )
    times = []
    for _ in range(20):
        start = time.perf_counter()
        parse(prompt)
        times.append(time.perf_counter() - start)
    assert min(times) < 50e-3


@pytest.mark.parametrize(
    "part",
    [
        "a ",
        "quickly ",
        "the video shows ",
        "after eating, ",
        "and ",
        "a cat and ",
        "'",
        "-",
        "was ",
        "then jumps ",
        "dogs ",
    ],
)
def test_long_prompts_take_no_catastrophic_time(part: str) -> None:
    start = time.perf_counter()
    with suppress(PlanError):
        parse(part * min(2000, LONGEST_PROMPT // len(part)))
    assert time.perf_counter() - start < 10


def test_importing_the_plan_is_light() -> None:
    heavy = {"torch", "transformers", "diffusers", "HanTa", "numpy"}
    check = f"import sys, tsattn.plan; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
