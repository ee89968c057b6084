"""Pictures of videos against their plan."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor

from tsattn.errors import PlanError
from tsattn.palette import event_colour
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.shapes.world import FPS, FRAMES
from tsattn.video import Frames, Row, contact_sheet, side_by_side

CLIP = Clip(frames=FRAMES, fps=FPS, compression=4)
PLAN = Plan.model_validate(
    {
        "prompt": "A red circle moves right, then grows, while a dog barks and then sleeps.",
        "subjects": [
            {"text": "A red circle", "events": [{"text": "moves right"}, {"text": "grows"}]},
            {"text": "a dog", "events": [{"text": "barks"}, {"text": "sleeps"}]},
        ],
    }
)
EVENTS = 4


def pixels(picture: Image.Image | Frames) -> Frames:
    return np.asarray(picture)


def rgb(colour: str) -> tuple[int, ...]:
    return ImageColor.getrgb(colour)


def bars(picture: Frames, left: int, right: int) -> list[tuple[int, int]]:
    """For each event, the first and last column of its colour at the height where the colour first appears."""
    found = []
    for number in range(EVENTS):
        ys, _ = np.nonzero((picture[:, left:right] == rgb(event_colour(number))).all(-1))
        row = (picture[ys[0], left:right] == rgb(event_colour(number))).all(-1)
        xs = left + np.flatnonzero(row)
        found.append((int(xs[0]), int(xs[-1])))
    return found


def expected_bars(left: int, right: int) -> list[tuple[float, float]]:
    return [
        (
            left + (right - left) * CLIP.first_frame(stretch.first) / CLIP.frames,
            left + (right - left) * CLIP.first_frame(stretch.last) / CLIP.frames,
        )
        for stretches in snap_plan(PLAN, CLIP)
        for stretch in stretches
    ]


def sheet(clip: Frames, rows: int = 1, *, done: list[bool] | None = None, plan: Plan = PLAN) -> Frames:
    return pixels(contact_sheet([Row(f"row {k}", clip, done) for k in range(rows)], plan=plan, clip=CLIP, cell=64))


def test_segments_have_their_colour_and_stand_at_their_time(clip: Frames) -> None:
    picture = sheet(clip)
    width = picture.shape[1]
    found = bars(picture, 0, width)
    left, right = found[0][0], found[1][1] + 1
    assert right - left == 13 * 64
    for (first, last), (start, end) in zip(found, expected_bars(left, right), strict=True):
        assert abs(first - start) <= 1 and abs(last - end) <= 4
    for number, (start, end) in enumerate(expected_bars(left, right)):
        middle = picture[:, int(start + end) // 2]
        assert (middle == rgb(event_colour(number))).all(-1).any()


def test_each_row_adds_the_same_height_and_verdicts_add_to_it(clip: Frames) -> None:
    one, two, three = (sheet(clip, rows).shape for rows in (1, 2, 3))
    assert one[1] == two[1] == three[1]
    assert three[0] - two[0] == two[0] - one[0] >= 60
    assert sheet(clip, 1, done=[True] * EVENTS).shape[0] > one[0]


def test_a_verdict_changes_its_own_mark_only(clip: Frames) -> None:
    done, missed = sheet(clip, done=[True] * EVENTS), sheet(clip, done=[True, False, True, True])
    ys, xs = np.nonzero((done != missed).any(-1))
    first, last = bars(done, 0, done.shape[1])[1]
    assert len(xs) and first <= xs.min() and xs.max() <= last and ys.max() - ys.min() < 64


def test_frames_show_the_moment_where_they_stand() -> None:
    """A video whose frames are as bright as they are late must be a ramp along the timeline."""
    ramp = np.broadcast_to(np.arange(FRAMES, dtype=np.uint8)[:, None, None, None] * 10, (FRAMES, 64, 64, 3)).copy()
    picture = sheet(ramp)
    left = bars(picture, 0, picture.shape[1])[0][0]
    shown = picture[-40, left + 32 : left + 13 * 64 : 64, 0] / 10
    centres = (np.arange(13) + 0.5) * FRAMES / 13
    assert ((shown <= centres) & (centres < shown + 1)).all()


def test_overlapping_events_stand_in_lanes(clip: Frames) -> None:
    data = PLAN.model_dump()
    first, second = data["subjects"][0]["events"]
    first["segment"], second["segment"] = {"start": 0, "end": 0.7}, {"start": 0.3, "end": 1}
    picture = sheet(clip, plan=Plan.model_validate(data))
    assert picture.shape[0] > sheet(clip).shape[0]
    (_, end), (start, _) = bars(picture, 0, picture.shape[1])[:2]
    assert start < end


@pytest.mark.parametrize("words", ["x" * 400, "says “é \u2013 中” " * 40])
def test_text_stays_inside(clip: Frames, words: str) -> None:
    prompt = f"{words.strip()} and then rests"
    plan = Plan.model_validate(
        {"prompt": prompt, "subjects": [{"text": prompt, "events": [{"text": words.strip()}, {"text": "rests"}]}]}
    )
    paper = rgb("#FFFFFF")
    picture = pixels(contact_sheet([Row(words, clip, [True, False])], plan=plan, clip=CLIP, cell=64))
    for border in (picture[:, :4], picture[:, -4:], picture[:4], picture[-4:]):
        assert (border == paper).all()
    frames = side_by_side(clip, clip, labels=(words, words), plan=plan, clip=CLIP, scale=2)
    assert (frames[:, :, :4] == frames[0, 0, 0]).all() and (frames[:, :, -4:] == frames[0, 0, 0]).all()


def test_side_by_side_shows_both_videos_and_a_moving_playhead(clip: Frames) -> None:
    scale, other = 4, 255 - clip
    frames = side_by_side(clip, other, labels=("prompt only", "controlled"), plan=PLAN, clip=CLIP, scale=scale)
    assert frames.dtype == np.uint8 and len(frames) == FRAMES
    side = 64 * scale
    gap = (frames.shape[2] - 2 * side) // 3
    for column, shown in ((gap, clip), (side + 2 * gap, other)):
        shown = shown.repeat(scale, 1).repeat(scale, 2)
        part = frames[:, :, column : column + side]
        top = int(np.flatnonzero((part == shown[:, :1]).all((0, 2, 3)))[0])
        assert np.array_equal(part[:, top : top + side], shown)
    bar_rows = [np.flatnonzero((f == rgb(event_colour(0))).all(-1).any(-1))[-1] for f in frames]
    assert len(set(bar_rows)) == 1, "the timeline stays where it is"
    line = frames[:, bar_rows[0]]
    heads = [int(np.flatnonzero((row == rgb("#E8EAED")).all(-1)).mean()) for row in line]
    steps = np.diff(heads)
    assert (steps > 0).all() and steps.max() - steps.min() <= 1


def test_side_by_side_names_what_is_due(clip: Frames) -> None:
    frames = side_by_side(clip, clip, labels=("a", "b"), plan=PLAN, clip=CLIP, scale=2)
    (first, second), _ = snap_plan(PLAN, CLIP)
    counts = [[int((f == rgb(event_colour(k))).all(-1).sum()) for f in frames] for k in (0, 1)]
    change = CLIP.first_frame(second.first)
    assert change == CLIP.first_frame(first.last)
    assert min(counts[0][:change]) > max(counts[0][change:])
    assert max(counts[1][:change]) < min(counts[1][change:])


def test_pictures_are_deterministic(clip: Frames) -> None:
    assert np.array_equal(sheet(clip, 2, done=[True, False] * 2), sheet(clip, 2, done=[True, False] * 2))
    one, two = (side_by_side(clip, clip, labels=("a", "b"), plan=PLAN, clip=CLIP, scale=1) for _ in range(2))
    assert np.array_equal(one, two)


def test_pictures_refuse_what_does_not_fit(clip: Frames) -> None:
    with pytest.raises(ValueError, match="the clip has 25 frames, but a video of 24"):
        contact_sheet([Row("short", clip[1:], None)], plan=PLAN, clip=CLIP)
    with pytest.raises(ValueError, match="the plan has 4 events, but 'row' has 1 verdicts"):
        contact_sheet([Row("row", clip, [True])], plan=PLAN, clip=CLIP)
    with pytest.raises(ValueError, match="at least 1 column"):
        contact_sheet([Row("row", clip, None)], plan=PLAN, clip=CLIP, columns=0)
    with pytest.raises(ValueError, match="videos of one size"):
        side_by_side(clip, clip[:, :32], labels=("a", "b"), plan=PLAN, clip=CLIP, scale=1)
    with pytest.raises(PlanError):
        short = Clip(frames=1, fps=8, compression=4)
        contact_sheet([Row("row", clip[:1], None)], plan=PLAN, clip=short)
