"""What a video shows, on rendered clips of which that is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.shapes.making import CLIP
from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.evaluate.shapes.measures import background_change, measure
from tsattn.shapes.world import render

CASES = [Case((3,), 0, number) for number in range(15)]


def test_a_true_clip_shows_everything_and_nothing_of_the_reverse() -> None:
    for case in CASES:
        found = measure(plan_of(case, "true"), CLIP, render(case.scene), 2.5)
        assert all(found.in_segment) and all(found.in_order) and all(found.done)
        assert not any(found.reversed)
        assert found.subject_kept
        assert found.seconds == 2.5
        asked = case.scene.actors[0].role.events
        assert [flag is None for flag in found.reversed] == [a == b for a, b in zip(asked, asked[::-1], strict=True)]


def test_a_clip_with_its_halves_swapped_shows_the_control() -> None:
    found = 0
    for number in range(60):
        case = Case((2,), 0, number)
        if case.scene.actors[0].bounds[1] != 12:
            continue
        found += 1
        plan, video = plan_of(case, "uniform"), render(case.scene)
        swapped = np.concatenate([video[12:], video[:12]])
        seen = measure(plan, CLIP, swapped, 1.0)
        assert not any(seen.in_segment)
        assert all(seen.reversed)
        assert all(seen.done)
    assert found


def test_of_two_subjects_each_must_do_its_own() -> None:
    for number in range(10):
        case = Case((1, 1), 0, number)
        found = measure(plan_of(case, "uniform"), CLIP, render(case.scene), 1.0)
        assert found.in_segment == found.done == [True] * 2
        assert found.reversed == [None] * 2, "each has one event, whose reverse is itself"
        assert found.subject_kept


def test_the_worlds_backgrounds_stand_still() -> None:
    for case in CASES:
        change = background_change(render(case.scene))
        assert change is not None
        assert change < 0.001


@pytest.mark.parametrize("by", [10, 40])
def test_a_flickering_background_changes_by_as_much(by: int) -> None:
    video = np.full((9, 32, 32, 3), 100, np.uint8)
    video[::2] += np.uint8(by)
    assert background_change(video) == pytest.approx(by / 255)
    video[:, 8:20, 8:20] = (230, 30, 30)
    assert background_change(video) == pytest.approx(by / 255), "the subject is none of it"


def test_without_a_background_its_change_is_unknown() -> None:
    assert background_change(np.full((3, 8, 8, 3), (230, 30, 30), np.uint8)) is None
