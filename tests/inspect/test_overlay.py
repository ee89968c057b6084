"""The region on the video: in its place, at its time, in the colour of the event that is due."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageColor

from tests.inspect.making import CLIP, record
from tsattn.inspect import overlay
from tsattn.palette import event_colour

GREY = np.full((25, 32, 32, 3), 100, np.uint8)


def test_inside_is_tinted_and_outside_dimmed():
    made = overlay.region_video(record(), GREY)
    assert made.shape == GREY.shape and made.dtype == np.uint8
    for frame in range(25):
        number = 0 if frame < CLIP.first_frame(4) else 1
        colour = np.array(ImageColor.getrgb(event_colour(number)))
        expected = 100 * (1 - overlay.TINT) + colour * overlay.TINT
        np.testing.assert_allclose(made[frame, :16, :16].reshape(-1, 3), np.broadcast_to(expected, (256, 3)), atol=1)
        assert (made[frame, 16:] == round(100 * overlay.DIMMED)).all()


def test_where_nothing_is_due_all_is_dimmed():
    data = record().plan.model_dump()
    for event, (start, end) in zip(data["subjects"][0]["events"], ((0, 0.3), (0.7, 1)), strict=True):
        event["segment"] = {"start": start, "end": end}
    made = record(of=type(record().plan).model_validate(data))
    gap = made.events[0].stretch.last
    assert (overlay.region_video(made, GREY)[CLIP.first_frame(gap)] == round(100 * overlay.DIMMED)).all()


def test_the_subject_map_is_lightest_where_the_model_looks_most():
    made = overlay.looks_video(record(), 0, GREY.shape)
    assert (made[:, :16, :16] == 255).all() and (made[:, 16:] == 0).all()


def test_the_sheet_has_a_row_more_for_every_subject_and_verdicts():
    plain, judged = overlay.sheet(record(), GREY), overlay.sheet(record(), GREY, done=[True, False])
    assert plain.width == judged.width > 1000
    assert judged.height > plain.height


def test_a_video_of_another_length_is_refused():
    with pytest.raises(ValueError, match="of 25 frames, but a video of 24"):
        overlay.region_video(record(), GREY[1:])
