import numpy as np
import pytest

from tsattn.evaluate.shapes import prompts
from tsattn.evaluate.verdict import judge
from tsattn.plan import parse
from tsattn.plan.timeline import Clip
from tsattn.shapes.world import FRAMES, render, sample_scene

CLIP = Clip(frames=FRAMES, fps=8, compression=2)


def test_a_scene_with_uniform_events_is_judged_done():
    rng, found = np.random.default_rng([96, 0]), 0
    while found < 10:
        scene = sample_scene(rng, 2)
        if scene.bounds != (0, 12, 24):
            continue
        found += 1
        verdict = judge(parse(scene.prompt), CLIP, render(scene))
        assert verdict is not None
        assert all(verdict.in_segment)
        assert all(verdict.in_order)
        assert verdict.subject_kept


@pytest.mark.parametrize(
    "prompt", ["A cat jumps, then sleeps", "A pink circle grows", "A red circle sings", "A red circle or square grows"]
)
def test_what_the_world_does_not_know_is_not_judged(prompt):
    video = np.zeros((FRAMES, 64, 64, 3), np.uint8)
    assert judge(parse(prompt), CLIP, video) is None


def test_every_evaluation_prompt_is_known():
    video = np.zeros((FRAMES, 64, 64, 3), np.uint8)
    for events in (1, 2, 3, 4):
        for plan in prompts(events, 50, 0):
            assert judge(plan, CLIP, video) is not None
            assert len(plan.subjects[0].events) == events


def test_evaluation_prompts_depend_on_the_seed_alone():
    assert prompts(3, 5, 1) == prompts(3, 5, 1)
    assert prompts(3, 5, 1) != prompts(3, 5, 2)
