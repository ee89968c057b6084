"""A plan cut in time: parts that fill the clip, each with its own events' words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsattn.plan import parse
from tsattn.plan.parts import parts_of
from tsattn.plan.schema import Plan, Segment
from tsattn.plan.timeline import Clip

CLIP = Clip(81, 16.0, 4)
STORY = "A cat watches a bowl, then dips its paw into the water, then takes it out"


def told(plan, clip=CLIP):
    return [(tuple(part.stretch), part.prompt) for part in parts_of(plan, clip)]


def timed(plan, *intervals):
    return plan.with_segments([Segment(start=start, end=end) for start, end in intervals])


def test_one_part_for_each_event():
    assert told(parse(STORY)) == [
        ((0, 7), "A cat watches a bowl"),
        ((7, 14), "A cat dips its paw into the water"),
        ((14, 21), "A cat takes it out"),
    ]


def test_one_event_is_told_as_it_was_written():
    plan = parse("At dawn, a cat slowly wakes up.")
    assert told(plan) == [((0, 21), plan.prompt)]


def test_in_gaps_the_event_before_goes_on_and_the_first_begins_early():
    parts = told(timed(parse(STORY), (0.2, 0.3), (0.5, 0.6), (0.6, 0.8)))
    assert [stretch for stretch, _ in parts] == [(0, 11), (11, 13), (13, 21)]


def test_what_is_due_at_once_is_told_together():
    subjects = [
        {"text": "cat", "events": [{"text": "jumps", "segment": "0%-50%"}, {"text": "sleeps", "segment": "50%-100%"}]},
        {"text": "dog", "events": [{"text": "barks", "segment": "25%-75%"}]},
    ]
    plan = Plan.model_validate({"prompt": "A cat jumps, then sleeps while a dog barks", "subjects": subjects})
    due = [{word for word in ("jumps", "sleeps", "barks") if word in prompt} for _, prompt in told(plan)]
    assert due == [{"jumps"}, {"jumps", "barks"}, {"sleeps", "barks"}, {"sleeps"}]
    assert all("cat" in prompt and "dog" in prompt for _, prompt in told(plan))


@given(st.lists(st.integers(1, 20), min_size=6, max_size=6), st.sampled_from([1, 2, 4, 8]))
def test_parts_fill_every_clip(cuts, compression):
    clip = Clip(1 + 40 * compression, 16.0, compression)
    bounds = sorted({*(2 * cut for cut in cuts)})
    if len(bounds) < 2:
        return
    plan = parse(STORY)
    intervals = [(bounds[0], bounds[-1])] * 3
    segments = [Segment(start=float(a), end=float(b), unit="latent_frames") for a, b in intervals]
    parts = parts_of(plan.with_segments(segments), clip)
    assert [parts[0].stretch.first, *(part.stretch.last for part in parts)] == [
        *(part.stretch.first for part in parts), clip.latent_frames,
    ]  # fmt: skip


@pytest.mark.parametrize("frames", [5, 9, 13])
def test_as_many_parts_as_events_also_on_a_short_clip(frames):
    assert len(told(parse("A cat jumps, then sleeps"), Clip(frames, 16.0, 4))) == 2
