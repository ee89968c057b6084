"""More time for what was missed: the clip stays full, and times that someone gave stay."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsattn.plan import parse
from tsattn.plan.retiming import retimed
from tsattn.plan.schema import Plan
from tsattn.plan.segments import parse_segments
from tsattn.plan.timeline import Clip, snap_plan

CLIP = Clip(25, 8.0, 2)
PLAN = parse("A red circle moves right, then moves up, and then grows")


def lengths(plan, clip=CLIP):
    return [[last - first for first, last in row] for row in snap_plan(plan, clip)]


def test_what_was_missed_gets_half_as_much_again():
    assert lengths(PLAN) == [[5, 4, 4]]
    assert lengths(retimed(PLAN, CLIP, [False, False, True])) == [[4, 3, 6]]
    assert lengths(retimed(PLAN, CLIP, [True, False, True])) == [[5, 3, 5]]


@pytest.mark.parametrize("missed", [[False] * 3, [True] * 3])
def test_where_all_are_alike_nothing_changes(missed):
    assert retimed(PLAN, CLIP, missed) is None


def test_given_times_stay():
    assert retimed(PLAN.with_segments(parse_segments("0.5,0.3,0.2")), CLIP, [True, False, False]) is None


def test_a_clip_that_has_a_latent_frame_for_each_only_is_left_alone():
    assert retimed(PLAN, Clip(5, 8.0, 2), [True, False, False]) is None


def test_each_subject_has_its_own_times():
    subjects = [
        {"text": "cat", "events": [{"text": "jumps"}, {"text": "sleeps"}]},
        {"text": "dog", "events": [{"text": "barks", "segment": "0%-80%"}, {"text": "runs", "segment": "80%-100%"}]},
    ]
    plan = Plan.model_validate({"prompt": "A cat jumps, then sleeps. A dog barks, then runs.", "subjects": subjects})
    again = retimed(plan, CLIP, [True, False, True, False])
    assert lengths(again) == [[8, 5], lengths(plan)[1]]
    assert again.subjects[1] == plan.subjects[1]


@given(st.lists(st.booleans(), min_size=2, max_size=8), st.integers(1, 40), st.sampled_from([1, 2, 4, 8]))
def test_the_clip_stays_full_and_no_missed_event_gets_less(missed, more, compression):
    clip = Clip(1 + more * compression, 16.0, compression)
    events = [f"does {k}" for k in range(len(missed))]
    plan = Plan.model_validate(
        {"prompt": "A cat " + ", ".join(events), "subjects": [{"text": "cat", "events": [{"text": e} for e in events]}]}
    )
    if len(missed) > clip.latent_frames:
        return
    again = retimed(plan, clip, missed)
    if again is None:
        return
    row = snap_plan(again, clip)[0]
    assert row[0].first == 0 and row[-1].last == clip.latent_frames
    assert all(one.last == other.first for one, other in pairwise(row))
    mean = clip.latent_frames / len(missed)
    for one, was_missed in zip(row, missed, strict=True):
        assert one.last - one.first >= 1
        assert (one.last - one.first > mean - 1) or not was_missed
