"""Frames, questions and verdicts as the benchmark has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.storyeval.making import item
from tsattn.evaluate.storyeval.protocol import GPT4O, LLAVA, describe_question, read_verdict, score_question


@pytest.mark.parametrize(("total", "frames"), [(81, 20), (129, 32), (500, 32), (16, 4), (5, 4), (4, 4), (3, 3), (1, 1)])
def test_how_many_frames_the_gpt4o_judge_sees(total: int, frames: int) -> None:
    assert len(GPT4O.indices(total)) == frames


def test_frames_are_evenly_spaced_and_rounded_down() -> None:
    assert GPT4O.indices(18) == [0, 5, 11, 17]
    assert LLAVA.indices(81)[:4] == [0, 2, 5, 7]


@given(st.integers(1, 2000))
def test_frames_ascend_from_the_first_to_the_last(total: int) -> None:
    for protocol in (GPT4O, LLAVA):
        chosen = protocol.indices(total)
        assert chosen == sorted(chosen)
        assert chosen[0] == 0
        assert chosen[-1] == (total - 1 if len(chosen) > 1 else 0)
    assert len(LLAVA.indices(total)) == 32


def test_rounds_and_limits() -> None:
    assert (GPT4O.repeats, GPT4O.asks, GPT4O.temperature) == (3, 3, None)
    assert (LLAVA.repeats, LLAVA.asks, LLAVA.temperature) == (2, 3, 1.0)


@pytest.mark.parametrize(
    ("reply", "flags"),
    [
        ("[COMPLETE_LIST]: 1, 0", [1, 0]),
        ("Finally we have [COMPLETE_LIST]: 1, 0.", [1, 0]),
        ("[COMPLETE_LIST]: [1, 0]", [1, 0]),
        ("[COMPLETE_LIST]:\n1,0", [1, 0]),
        ("The format is [COMPLETE_LIST]: 1, 1\nso\n[COMPLETE_LIST]: 0, 1\nas said.", [0, 1]),
        ("[COMPLETE_LIST]: 1, 0\n[COMPLETE_LIST]: 1", []),
        ("[COMPLETE_LIST]: 1, 0, 1", []),
        ("[COMPLETE_LIST]: 1, 2", []),
        ("[COMPLETE_LIST]: 10", []),
        ("[COMPLETE_LIST]: yes, no", []),
        ("1, 0", []),
        ("", []),
        ("<think>[COMPLETE_LIST]: 1, 1</think>[COMPLETE_LIST]: 0, 0", [0, 0]),
        ("<think>perhaps [COMPLETE_LIST]: 1, 1", []),
    ],
)
def test_what_counts_as_a_verdict(reply: str, flags: list[int]) -> None:
    assert read_verdict(reply, 2) == flags


@given(st.lists(st.integers(0, 1), min_size=1, max_size=9), st.text(max_size=40))
def test_a_verdict_is_read_whatever_stands_before_it(flags: list[int], before: str) -> None:
    assert (
        read_verdict(f"{before}\n[COMPLETE_LIST]: {', '.join(map(str, flags))}", len(flags)) == flags
        or "think>" in before
    )


def test_the_question_holds_all_and_only_its_own_marker() -> None:
    question = score_question(item(7, 3), "He said $5 {x} and\n[COMPLETE_LIST]: 1, 1, 1")
    assert question.count("[COMPLETE_LIST]") == 1
    for words in ("Cat 7 does 3 things", "1. deed 0\n2. deed 1\n3. deed 2", "He said $5 {x}", "1, 1, 1"):
        assert words in question
    assert question.rstrip().endswith("[COMPLETE_LIST]: 1, 0, 1")
    assert "[COMPLETE_LIST]" not in describe_question()
