"""Prompts without some of their events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsattn
from tests.conftest import PROMPT, plan_of
from tsattn.plan.excerpt import own_prompts, without
from tsattn.plan.timeline import Clip, snap_plan

THREE = plan_of(PROMPT, "cat", "runs across the grass", "jumps over a red fence", "sleeps")


def event(plan, text):
    return next(one.span for subject in plan.subjects for one in subject.events if one.text == text)


def only(plan, *texts):
    every = {one.span for subject in plan.subjects for one in subject.events}
    return without(plan, every - {event(plan, text) for text in texts})


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (["runs across the grass"], "A cat runs across the grass"),
        (["jumps over a red fence"], "A cat jumps over a red fence"),
        (["sleeps"], "A cat sleeps"),
        (["runs across the grass", "sleeps"], "A cat runs across the grass, then sleeps"),
        (["runs across the grass", "jumps over a red fence"], "A cat runs across the grass, then jumps over a red fence"),
    ],
)  # fmt: skip
def test_what_ties_events_together_goes_with_them(kept, expected):
    assert only(THREE, *kept) == expected


def test_without_nothing_it_is_the_very_prompt():
    prompt = "A  cat runs ,then sleeps ."
    plan = plan_of(prompt, "cat", "runs", "sleeps")
    assert without(plan, []) == prompt


def test_a_repeated_subject_goes_and_a_new_one_stays():
    prompt = "A cat watches a bowl. Then the cat jumps, while a dog barks in the sun."
    subjects = [
        {"text": "cat", "span": (2, 5), "events": [{"text": "watches a bowl"}, {"text": "jumps"}]},
        {"text": "dog", "events": [{"text": "barks"}]},
    ]
    plan = tsattn.Plan.model_validate({"prompt": prompt, "subjects": subjects})
    assert only(plan, "watches a bowl") == "A cat watches a bowl, while a dog in the sun."
    assert only(plan, "jumps", "barks") == "A cat jumps, while a dog barks in the sun."


def test_an_event_of_two_subjects_is_told_once():
    prompt = "A cat and a dog run, then sleep"
    subjects = [{"text": name, "events": [{"text": "run"}, {"text": "sleep"}]} for name in ("cat", "dog")]
    plan = tsattn.Plan.model_validate({"prompt": prompt, "subjects": subjects})
    assert only(plan, "sleep") == "A cat and a dog sleep"


def test_words_that_a_kept_event_shares_stay():
    prompt = "A cat runs and jumps high"
    events = [{"text": "runs and jumps"}, {"text": "jumps high"}]
    plan = tsattn.Plan.model_validate({"prompt": prompt, "subjects": [{"text": "cat", "events": events}]})
    assert only(plan, "jumps high") == "A cat jumps high"
    assert only(plan, "runs and jumps") == "A cat runs and jumps"


@given(kept=st.sets(st.integers(0, 2), min_size=1))
def test_every_kept_event_is_there_and_no_other(kept):
    events = THREE.subjects[0].events
    found = without(THREE, {one.span for k, one in enumerate(events) if k not in kept})
    assert [one.text in found for one in events] == [k in kept for k in range(3)]


def test_each_latent_frame_is_told_what_is_due():
    clip = Clip.made(25, 8.0, 4)
    plan = THREE.with_segments(
        [tsattn.Segment(start=0.0, end=0.3), tsattn.Segment(start=0.3, end=0.6), tsattn.Segment(start=0.6, end=0.8)]
    )
    rows = snap_plan(plan, clip)
    told = own_prompts(plan, rows, clip.latent_frames)
    due = [next((k for k, (first, last) in enumerate(rows[0]) if first <= f < last), None) for f in range(len(told))]
    assert None in due, "the end is a gap"
    texts = ["A cat runs across the grass", "A cat jumps over a red fence", "A cat sleeps"]
    assert told == [PROMPT if k is None else texts[k] for k in due]
