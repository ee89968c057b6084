"""From segments to latent frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tsattn.errors import PlanError
from tsattn.plan import Event, Plan, Segment, Subject, uniform
from tsattn.plan.timeline import Clip, Stretch, snap, snap_plan

CLIPS = st.builds(
    lambda latents, step, rest, fps: Clip(1 + (latents - 1) * step + rest % step, fps, step),
    st.integers(1, 60), st.integers(1, 8), st.integers(0, 7), st.sampled_from([8.0, 16.0, 23.976, 24.0]),
)  # fmt: skip


def plan_of(count: int) -> Plan:
    segments = uniform(count)
    events = tuple(Event(text="grows", span=(9, 14), segment=segment) for segment in segments)
    return Plan(prompt="A circle grows", subjects=(Subject(text="circle", span=(2, 8), events=events),))


def longest(clip: Clip) -> int:
    """Frames of the longest latent frame; the last one takes what the compression leaves over."""
    bounds = [clip.first_frame(k) for k in range(clip.latent_frames + 1)]
    return max(other - one for one, other in pairwise(bounds))


def test_wan_with_81_frames() -> None:
    clip = Clip(81, 16, 4)
    assert clip.latent_frames == 21
    assert [clip.first_frame(k) for k in (0, 1, 2, 20, 21)] == [0, 1, 5, 77, 81]
    assert snap(Segment(start=0, end=0.6), clip) == Stretch(0, 13)
    assert snap(Segment(start=0.6, end=1), clip) == Stretch(13, 21)
    assert snap(Segment(start=0, end=3, unit="seconds"), clip) == snap(Segment(start=0, end=48 / 81), clip)


@given(CLIPS, st.integers(1, 10))
def test_uniform_segments_tile_the_latent_frames(clip: Clip, count: int) -> None:
    # a share no longer than the longest latent frame may find no boundary of its own
    assume(clip.frames > count * longest(clip))
    (stretches,) = snap_plan(plan_of(count), clip)
    assert stretches[0].first == 0
    assert stretches[-1].last == clip.latent_frames
    assert all(one.last == other.first for one, other in pairwise(stretches))
    assert all(first < last for first, last in stretches)


@given(CLIPS, st.floats(0, 1), st.floats(0, 1))
def test_a_bound_moves_by_half_a_latent_frame_at_most(clip: Clip, start: float, end: float) -> None:
    assume(start < end)
    try:
        stretch = snap(Segment(start=start, end=end), clip)
    except PlanError:
        return
    half = longest(clip) / 2 + 1e-6
    assert abs(clip.first_frame(stretch.first) - start * clip.frames) <= half
    assert abs(clip.first_frame(stretch.last) - end * clip.frames) <= half


@given(CLIPS)
def test_latent_frames_cover_all_frames_once(clip: Clip) -> None:
    starts = [clip.first_frame(k) for k in range(clip.latent_frames + 1)]
    assert starts[0] == 0
    assert starts[-1] == clip.frames
    assert all(one < other for one, other in pairwise(starts))


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (Segment(start=2, end=3, unit="seconds"), r"2s-3s starts after the clip's end at 2 s"),
        (Segment(start=0, end=3, unit="seconds"), r"0s-3s goes beyond the clip's end at 2 s"),
        (Segment(start=0.5, end=0.51), r"50%-51% is shorter than one latent frame; the shortest possible is 0.25 s"),
    ],
)
def test_segments_that_do_not_fit_are_named(segment: Segment, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        snap(segment, Clip(frames=32, fps=16, compression=4))


def test_more_events_than_latent_frames_are_refused() -> None:
    with pytest.raises(PlanError, match="'circle' has 4 events, but the clip has only 3 latent frames"):
        snap_plan(plan_of(4), Clip(frames=9, fps=8, compression=4))
