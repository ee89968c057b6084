"""From segments to latent frames."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.plan.strategies import plans
from tsattn.errors import PlanError, PlanWarning
from tsattn.plan import Plan, Segment, uniform
from tsattn.plan.notation import Unit
from tsattn.plan.schema import validated
from tsattn.plan.timeline import Clip, Stretch, misfits, remarks, snap, snap_plan

UNITS: list[Unit] = ["fraction", "seconds", "frames", "latent_frames"]
WAN = Clip(81, 16, 4)

CLIPS = st.builds(
    lambda latents, step, rest, fps: Clip(1 + (latents - 1) * step + rest % step, fps, step),
    st.integers(1, 60), st.integers(1, 8), st.integers(0, 7), st.sampled_from([8.0, 16.0, 23.976, 24.0]),
)  # fmt: skip


COARSE = st.builds(
    lambda latents, step, opening: Clip(opening + (latents - 1) * step, 8.0, step, opening),
    st.integers(2, 12), st.integers(1, 8), st.integers(-3, 8),
).filter(lambda clip: clip.frames > 0 and clip.opening <= clip.compression)  # fmt: skip
"""Clips of few latent frames that begin with a short one, a full one, or one that the pipeline cuts off."""


def shown(clip: Clip) -> int:
    """Latent frames of which the video shows anything."""
    return sum(clip.first_frame(k + 1) > 0 for k in range(clip.latent_frames))


def plan_of(*segments: str | Segment) -> Plan:
    """A circle that does something in each segment."""
    verbs = ["grows", "moves up", "shrinks", "turns red", "moves down"][: len(segments)]
    events = [
        {"text": verb, "segment": segment if isinstance(segment, str) else segment.model_dump()}
        for verb, segment in zip(verbs, segments, strict=True)
    ]
    return validated({"prompt": f"A circle {', '.join(verbs)}", "subjects": [{"text": "circle", "events": events}]})


def longest(clip: Clip) -> int:
    """Frames of the longest latent frame; the last one takes what the compression leaves over."""
    bounds = [clip.first_frame(k) for k in range(clip.latent_frames + 1)]
    return max(other - one for one, other in pairwise(bounds))


def test_wan_with_81_frames() -> None:
    assert WAN.latent_frames == 21
    assert [WAN.first_frame(k) for k in (0, 1, 2, 20, 21)] == [0, 1, 5, 77, 81]


@pytest.mark.parametrize(
    ("segment", "stretch"),
    [
        ("0%-60%", (0, 13)),
        ("60%-100%", (13, 21)),
        ("60%-", (13, 21)),
        ("0s-3s", (0, 13)),
        ("0:03-", (13, 21)),
        ("0f-1f", (0, 1)),
        ("1f-5f", (1, 2)),
        ("10f-40f", (3, 11)),
        ("7lf-12lf", (7, 12)),
        ("20lf-", (20, 21)),
        ("0%-", (0, 21)),
    ],
)
def test_every_unit_on_a_clip_of_wan(segment: str, stretch: tuple[int, int]) -> None:
    assert snap(Segment.model_validate(segment), WAN) == stretch


def test_asking_for_a_number_of_frames_gives_whole_latent_frames() -> None:
    assert [Clip.made(frames, 16, 4).frames for frames in (81, 80, 82, 84, 1)] == [81, 81, 81, 85, 1]


def far(clip: Clip, frames: float, boundary: int) -> float:
    """How far a number of frames is from a latent-frame boundary."""
    return abs(clip.first_frame(boundary) - frames)


@given(COARSE, st.data())
def test_uniform_segments_tile_the_latent_frames(clip: Clip, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, min(5, shown(clip))))
    (stretches,) = snap_plan(plan_of(*uniform(count)), clip)
    assert stretches[0].first == 0
    assert stretches[-1].last == clip.latent_frames
    assert all(one.last == other.first for one, other in pairwise(stretches))
    assert all(first < last and clip.first_frame(last) > 0 for first, last in stretches)


@given(CLIPS, st.integers(2, 5))
def test_uniform_segments_end_at_the_nearest_boundary_where_every_event_has_one(clip: Clip, count: int) -> None:
    assume(clip.frames > count * longest(clip))
    (stretches,) = snap_plan(plan_of(*uniform(count)), clip)
    for k, (_, last) in enumerate(stretches, 1):
        moment = k / count * clip.frames
        assert far(clip, moment, last) <= min(far(clip, moment, b) for b in range(clip.latent_frames + 1)) + 1e-6


def test_rounded_thirds_share_a_coarse_clip_and_other_segments_stay_as_they_are() -> None:
    clip = Clip(17, 8, 8)  # latent frames of 1, 8 and 8
    assert snap_plan(plan_of("0%-33.33%", "33.33%-66.67%", "66.67%-"), clip) == [[(0, 1), (1, 2), (2, 3)]]
    with pytest.raises(PlanError, match="shorter than one latent frame"):
        snap_plan(plan_of("0%-50%", "50%-55%", "55%-"), clip)
    plan = plan_of(*uniform(3))
    assert not misfits(plan, clip)
    assert misfits(plan, Clip(9, 8, 8))


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


@given(CLIPS, st.data(), st.sampled_from(UNITS))
def test_a_boundary_is_the_same_moment_in_every_unit(clip: Clip, data: st.DataObject, unit: Unit) -> None:
    latent = data.draw(st.integers(0, clip.latent_frames))
    frame = clip.first_frame(latent)
    assert clip.time_at(clip.frame_at(clip.time_at(frame, unit), unit), "latent_frames") == latent


@given(CLIPS, plans())
def test_any_plan_fits_or_is_refused(clip: Clip, plan: Plan) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlanWarning)
        try:
            rows = snap_plan(plan, clip)
        except PlanError:
            return
        for row in rows:
            assert all(0 <= first < last <= clip.latent_frames for first, last in row)
        remarks(plan, rows, clip)


@pytest.mark.parametrize(
    ("segment", "end"),
    [("1s-3s", "2 s"), ("10f-100f", "33 frames"), ("2lf-50lf", "9 latent frames"), ("0:01-0:03", "2.063 s")],
)
def test_beyond_the_clip_is_cut_with_a_warning(segment: str, end: str) -> None:
    clip = Clip(32, 16, 4) if end == "2 s" else Clip(33, 16, 4)
    with pytest.warns(PlanWarning, match=rf"goes beyond the clip's end at {re.escape(end)} and is cut there"):
        assert snap(Segment.model_validate(segment), clip).last == clip.latent_frames


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("2s-3s", "2s-3s starts at or after the clip's end at 2 s"),
        ("32f-40f", "starts at or after the clip's end at 32 frames"),
        ("8lf-9lf", "starts at or after the clip's end at 8 latent frames"),
        ("50%-51%", "shorter than one latent frame of this clip; the shortest possible is 12.5% (0.125)"),
        ("1s-1.1s", "the shortest possible is 0.25 s"),
        ("14f-15f", "the shortest possible is 4 frames"),
        ("1.125s-1.19s", "the shortest possible is 0.25 s"),  # on either side of a boundary's middle
        ("1.99s-5s", "of which the clip's end at 2 s leaves too little, is shorter than one latent frame"),
    ],
)
@pytest.mark.filterwarnings("ignore::tsattn.errors.PlanWarning")
def test_segments_that_do_not_fit_are_named(segment: str, reason: str) -> None:
    with pytest.raises(PlanError, match=re.escape(reason)):
        snap(Segment.model_validate(segment), Clip(frames=32, fps=16, compression=4))


@given(CLIPS, st.floats(0, 1), st.sampled_from(["fraction", "seconds", "frames"]))
@pytest.mark.filterwarnings("ignore::tsattn.errors.PlanWarning")
def test_the_shortest_length_that_is_named_is_enough(clip: Clip, start: float, unit: Unit) -> None:
    assume(longest(clip) == clip.compression)
    first = start if unit == "fraction" else clip.time_at(round(start * clip.frames), unit)
    last = first + (1 if unit == "frames" else 1e-9)
    assume(unit != "fraction" or last <= 1)
    try:
        snap(Segment(start=first, end=last, unit=unit), clip)
    except PlanError as error:
        named = re.search(r"the shortest possible is ([\d.]+)", str(error))
        assume(named is not None)
        assert named is not None
        length = float(named[1]) / (100 if unit == "fraction" else 1)
        assume(first + length <= clip.time_at(clip.frames, unit))
        longer = snap(
            Segment(start=first, end=min(first + length, 1.0) if unit == "fraction" else first + length, unit=unit),
            clip,
        )
        assert longer.last > longer.first


def test_messages_name_the_event() -> None:
    with pytest.raises(PlanError, match="the segment of 'moves up', 6s-7s starts at or after"):
        snap_plan(plan_of("0s-1s", "6s-7s"), WAN)
    with pytest.warns(PlanWarning, match="the segment of 'moves up', 4s-7s goes beyond"):
        snap_plan(plan_of("0s-1s", "4s-7s"), WAN)


def test_segments_in_different_units_are_compared_on_the_clip() -> None:
    plan = plan_of("50%-60%", "2s-3s")
    assert snap_plan(plan, Clip(57, 16, 4)) == [[Stretch(8, 9), Stretch(9, 13)]]
    with pytest.raises(
        PlanError, match=r"'moves up' \(2s-3s, from frame 32\) starts before 'grows' \(50%-60%, from frame 40"
    ):
        snap_plan(plan, WAN)


def test_more_events_than_latent_frames_are_refused_unless_they_overlap() -> None:
    short = Clip(frames=9, fps=8, compression=4)
    with pytest.raises(PlanError, match="'circle' has 4 events, but the clip has only 3 latent frames"):
        snap_plan(plan_of(*uniform(4)), short)
    assert snap_plan(plan_of(*["0%-"] * 4), short) == [[Stretch(0, 3)] * 4]


def test_gaps_and_overlaps_are_remarked() -> None:
    def said(*segments: str) -> list[str]:
        plan = plan_of(*segments)
        return remarks(plan, snap_plan(plan, WAN), WAN)

    assert said("0%-50%", "50%-") == []
    assert said("2lf-10lf", "8lf-20lf") == [
        "nothing is due for 'circle' in latent frames 0-1 (0.00-0.31 s)",
        "nothing is due for 'circle' in latent frame 20 (4.81-5.06 s)",
        "'grows' and 'moves up' are both due in latent frames 8-9 (1.81-2.31 s)",
    ]
    assert said("0lf-21lf", "2lf-4lf", "10lf-12lf") == [
        "'grows' and 'moves up' are both due in latent frames 2-3 (0.31-0.81 s)",
        "'grows' and 'shrinks' are both due in latent frames 10-11 (2.31-2.81 s)",
    ]


def test_control_that_gets_no_frame_rate_places_all_but_seconds() -> None:
    unknown: Any = Clip(81, 1.0, 4)
    for segment in ("0%-60%", "10f-40f", "7lf-12lf"):
        assert snap(Segment.model_validate(segment), unknown) == snap(Segment.model_validate(segment), WAN)
