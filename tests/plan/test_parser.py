"""The offline parser: who does what, in which order, in exact words of the prompt."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsattn.errors import PlanError
from tsattn.plan import parse, uniform
from tsattn.shapes.world import BACKGROUNDS, COLOURS, SHAPES, WORDINGS, sample_events, sample_prompt

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
    ("A girl waves to her brother, who laughs.", "girl", ["waves to her brother"]),
    ("🐱 A cat jumps 🎉, then sleeps 😴!", "cat", ["jumps", "sleeps"]),
    ("The café’s owner naïvely opens the door, then waves.", "café’s owner", ["naïvely opens the door", "waves"]),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "subject", "events"), ONE_SUBJECT, ids=[case[0] for case in ONE_SUBJECT])
def test_one_subject(prompt: str, subject: str, events: list[str]) -> None:
    plan = parse(prompt)
    assert rows(prompt) == {subject: events}
    assert [event.segment for event in plan.subjects[0].events] == uniform(len(events))


SEVERAL: list[tuple[str, Rows]] = [
    ("A cat jumps while a dog barks", {"cat": ["jumps"], "dog": ["barks"]}),
    ("A man sits, then a woman enters and waves.", {"man": ["sits"], "woman": ["enters", "waves"]}),
    ("A boy kicks a ball. It rolls away.", {"boy": ["kicks a ball"], "ball": ["rolls away"]}),
    ("A man sits. A woman enters. He waves.", {"man": ["sits", "waves"], "woman": ["enters"]}),
    ("A red bus falls. A blue bus rises. The red bus spins", {"red bus": ["falls", "spins"], "blue bus": ["rises"]}),
    ("A door opens, and snakes made of clouds dance.", {"door": ["opens"], "snakes": ["dance"]}),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "expected"), SEVERAL, ids=[case[0] for case in SEVERAL])
def test_several_subjects(prompt: str, expected: Rows) -> None:
    assert rows(prompt) == expected


def shares(prompt: str) -> list[tuple[str, str]]:
    return [(event.text, str(event.segment)) for subject in parse(prompt).subjects for event in subject.events]


@pytest.mark.parametrize(
    "prompt", ["A cat jumps while a dog barks", "While a cat jumps, a dog barks", "A cat jumps and a dog barks"]
)
def test_what_happens_together_shares_its_time(prompt: str) -> None:
    assert [share for _, share in shares(prompt)] == ["0%-100%", "0%-100%"]


def test_a_later_subject_acts_later() -> None:
    assert shares("A man sits, then a woman enters") == [("sits", "0%-50%"), ("enters", "50%-100%")]


def test_an_aside_leaves_the_subject_as_it_was() -> None:
    prompt = "A cook steams milk while a girl reads a book and smiles, then pours tea."
    assert rows(prompt) == {"cook": ["steams milk", "pours tea"], "girl": ["reads a book", "smiles"]}


@pytest.mark.parametrize("prompt", ["", "  \n", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(PlanError, match="the prompt is empty"):
        parse(prompt)


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
def test_unknown_verbs_are_found_by_their_form(noun: str, events: list[str], joint: str, end: str) -> None:
    if noun.startswith("woman"):
        joint = joint.replace(" it ", " she ")
    assert rows(f"A {noun} {joint.join(events)}{end}") == {noun: events}


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_every_prompt_of_the_embedded_world_is_understood(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    events = sample_events(rng, count)
    colour, shape, background = (str(rng.choice(list(words))) for words in (COLOURS, SHAPES, BACKGROUNDS))
    ((subject, told),) = rows(sample_prompt(rng, colour, shape, events, background)).items()
    assert subject == f"{colour} {shape}"
    assert len(told) == count
    assert all(words in WORDINGS[event] for words, event in zip(told, events, strict=True))


def test_parsing_is_fast() -> None:
    prompt = ONE_SUBJECT[1][0]
    times = []
    for _ in range(20):
        start = time.perf_counter()
        parse(prompt)
        times.append(time.perf_counter() - start)
    assert min(times) < 5e-3


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
        parse(part * 2000)
    assert time.perf_counter() - start < 2


def test_importing_the_plan_is_light() -> None:
    check = "import sys, tsattn.plan; print(sorted({'torch', 'transformers', 'diffusers'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
