"""Separate texts become one prompt, and a prompt is cut into the texts it is made of."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.strategies import stories
from tsattn.errors import PlanError
from tsattn.plan import Plan, uniform
from tsattn.plan.formats.texts import Told, joined, separated


def told(*texts: str, front: str = "") -> Plan:
    """The plan of texts that share the clip evenly."""
    due = uniform(len(texts))
    return joined([Told(front, None), *(Told(text, segment) for text, segment in zip(texts, due, strict=True))])


def who_does_what(plan: Plan) -> dict[str, list[str]]:
    return {subject.text: [event.text for event in subject.events] for subject in plan.subjects}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A cat jumps", "the cat sleeps"], {"cat": ["jumps", "sleeps"]}),
        (["A cat jumps", "It sleeps", "then it purrs"], {"cat": ["jumps", "sleeps", "purrs"]}),
        (["A cat jumps", "sleeps", "and then purrs."], {"cat": ["jumps", "sleeps", "purrs"]}),
        (
            ["A small red robot raises its arm and waves.", "The blue car rolls away.", "The robot lowers its arm."],
            {"small red robot": ["raises its arm and waves", "lowers its arm"], "blue car": ["rolls away"]},
        ),
        (["A boy is lying on his bed", "The boy slowly gets up"], {"boy": ["is lying on his bed", "slowly gets up"]}),
        (["Two wooden chairs fall", "the chairs stand up"], {"wooden chairs": ["fall", "stand up"]}),
        (["Dogs bark", "children play"], {"Dogs": ["bark"], "children": ["play"]}),
        (["The bus stops", "A dress falls"], {"bus": ["stops"], "dress": ["falls"]}),
        (["Rain", "Sun"], {"Rain": ["Rain"], "Sun": ["Sun"]}),
        (["猫跳。", "猫睡"], {"猫跳": ["猫跳"], "猫睡": ["猫睡"]}),
        (["In a moment, he waves", "🐱 jumps"], {"In a moment, he waves": ["In a moment, he waves"], "🐱": ["jumps"]}),
    ],
)  # fmt: skip
def test_who_acts_is_read_off_the_first_words(texts: list[str], expected: dict[str, list[str]]) -> None:
    assert who_does_what(told(*texts)) == expected


def test_text_in_front_is_no_event_but_may_name_the_subject() -> None:
    plan = told("it sleeps", front="A kitchen. A cat.")
    assert who_does_what(plan) == {"it sleeps": ["it sleeps"]}
    plan = told("jumps,", "then sleeps", front="In a kitchen, a big cat on a table")
    assert plan.prompt == "In a kitchen, a big cat on a table jumps, then sleeps"
    assert who_does_what(plan) == {"big cat": ["jumps", "sleeps"]}


@pytest.mark.parametrize(
    ("texts", "prompt"),
    [
        (["A cat jumps", "the cat sleeps"], "A cat jumps, the cat sleeps"),
        (["A cat jumps", "The cat sleeps"], "A cat jumps. The cat sleeps"),
        (["A cat jumps", "then sleeps"], "A cat jumps then sleeps"),
        (["A cat jumps,", "then  sleeps\n"], "A cat jumps, then sleeps"),
    ],
)
def test_texts_are_joined_with_the_sign_that_is_missing(texts: list[str], prompt: str) -> None:
    assert told(*texts).prompt == prompt


@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=6))
def test_every_text_is_in_the_prompt_and_has_one_event_within_it(texts: list[str]) -> None:
    plan = told(*texts)
    assert sum(len(subject.events) for subject in plan.subjects) == len(texts)
    for text in texts:
        assert " ".join(text.split()) in plan.prompt
    events = sorted(event.span for subject in plan.subjects for event in subject.events)
    assert all(one[1] <= other[0] for one, other in pairwise(events))


@given(stories("fraction", front=True) | stories("fraction"))
def test_a_story_is_cut_into_the_texts_it_is_made_of(plan: Plan) -> None:
    assert joined(separated(plan)) == plan


def test_texts_that_were_one_are_joined_as_they_were() -> None:
    halves = uniform(2)
    plan = joined([Told("A cat", None), Told("jumps and", halves[0]), Told("looks around", halves[1])], flowing=True)
    assert plan.prompt == "A cat jumps and looks around"
    assert who_does_what(plan) == {"cat": ["jumps", "looks around"]}
    plan = joined([Told("A cat jumps", halves[0]), Told("Anna laughs", halves[1])], flowing=True)
    assert plan.prompt == "A cat jumps. Anna laughs"


def test_scenes_between_and_behind_events_are_texts_of_their_own() -> None:
    plan = joined(
        [
            Told("A kitchen.", None),
            Told("A cat jumps.", uniform(2)[0]),
            Told("Soft light.", None),
            Told("The cat sleeps.", uniform(2)[1]),
            Told("Shallow depth of field.", None),
        ]
    )
    assert [text for text, _ in separated(plan)] == [
        "A kitchen.", "A cat jumps.", "Soft light.", "The cat sleeps.", "Shallow depth of field."
    ]  # fmt: skip
    assert joined(separated(plan)) == plan


def test_nothing_to_do_and_too_much_to_say_are_refused() -> None:
    with pytest.raises(PlanError, match="no event"):
        joined([Told("A kitchen", None)])
    with pytest.raises(PlanError, match="longer than a prompt"):
        told(*["A cat jumps over the table again and again"] * 500)
