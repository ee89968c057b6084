"""Held-out prompts, and how their clips are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.shapes.making import CLIP
from tsattn.errors import PlanError
from tsattn.evaluate.shapes.cases import JITTER, SEGMENTATIONS, Case, plan_of
from tsattn.plan.timeline import snap_plan


def bounds(case: Case, segmentation: str) -> list[int]:
    """The latent frames at which the first subject's events end."""
    return [due.last for due in snap_plan(plan_of(case, segmentation), CLIP)[0]]


def test_a_case_depends_on_its_numbers_alone() -> None:
    one = Case((3,), 1, 5)
    assert one.scene == Case((3,), 1, 5).scene
    assert one.noise == Case((3,), 1, 5).noise
    others = [Case((3,), 1, 6), Case((3,), 2, 5), Case((2,), 1, 5)]
    assert all(one.scene != other.scene for other in others)


def test_the_final_prompts_are_others() -> None:
    for events in (2, 3, 4):
        usual = {Case((events,), seed, k).scene for seed in (0, 1) for k in range(30)}
        assert not usual & {Case((events,), seed, k, final=True).scene for seed in (0, 1) for k in range(30)}
    assert Case((2,), 0, 0).noise != Case((2,), 0, 0, final=True).noise


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_segments_fill_the_clip_in_the_prompt_of_the_world(segmentation: str, events: int) -> None:
    for number in range(12):
        case = Case((events,), 0, number)
        plan = plan_of(case, segmentation)
        assert plan.prompt == case.scene.prompt
        rows = snap_plan(plan, CLIP)[0]
        assert len(rows) == events
        assert [due.first for due in rows] == [0, *(due.last for due in rows[:-1])]
        assert rows[-1].last == CLIP.latent_frames


def test_true_segments_are_the_scenes_own() -> None:
    for number in range(20):
        case = Case((3,), 0, number)
        for end, true in zip(bounds(case, "true"), case.scene.actors[0].bounds[1:], strict=True):
            assert abs(CLIP.first_frame(end) - true) <= 1


def test_jitter_moves_bounds_by_a_share_of_a_segment() -> None:
    moves = [move for number in range(50) for move in Case((3,), 0, number).moved()]
    assert max(map(abs, moves)) <= JITTER
    assert min(moves) < -0.7 * JITTER < 0.7 * JITTER < max(moves)
    assert any(bounds(Case((3,), 0, k), "jittered") != bounds(Case((3,), 0, k), "uniform") for k in range(5))


def test_what_the_parser_reads_from_words_comes_close_to_the_true_lengths() -> None:
    def far(segmentation: str) -> int:
        pairs = [(Case((2,), 0, k), segmentation) for k in range(25)]
        return sum(abs(bounds(case, name)[0] - bounds(case, "true")[0]) for case, name in pairs)

    assert far("parser") < far("uniform") / 2


def test_two_subjects_have_different_events_and_the_whole_clip_each() -> None:
    for number in range(10):
        case = Case((1, 1), 0, number)
        one, other = case.scene.actors
        assert one.role.events != other.role.events
        assert [[(due.first, due.last) for due in row] for row in snap_plan(plan_of(case, "uniform"), CLIP)] == [
            [(0, CLIP.latent_frames)], [(0, CLIP.latent_frames)],
        ]  # fmt: skip


def test_an_unknown_segmentation_is_named() -> None:
    with pytest.raises(PlanError, match="unknown segmentation 'even'; there are uniform, true, jittered, parser"):
        plan_of(Case((2,), 0, 0), "even")


def test_the_demo_is_the_first_case_that_is_drawn() -> None:
    """A demo that anybody chose would show nothing."""
    makefile = (Path(__file__).parents[3] / "Makefile").read_text(encoding="utf-8")
    case = Case((3,), 0, 0)
    assert f"DEMO := {case.scene.prompt}\n" in makefile
    assert f'generate "$(DEMO)" --seed {case.noise} ' in makefile
