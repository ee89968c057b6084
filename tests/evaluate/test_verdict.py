import numpy as np
import pytest

from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.evaluate.verdict import judge
from tsattn.plan import parse
from tsattn.plan.schema import uniform
from tsattn.plan.timeline import Clip
from tsattn.shapes.world import CHANGES, FRAMES, render, sample_scene

CLIP = Clip(frames=FRAMES, fps=8, compression=2)


def evenly(plan):
    """The plan with the events of each subject in even shares of the clip."""
    return plan.with_segments([segment for subject in plan.subjects for segment in uniform(len(subject.events))])


@pytest.mark.parametrize(("events", "bounds"), [((2,), [(0, 12, 24)]), ((1, 1), None), ((2, 0), [(0, 12, 24), None])])
def test_a_scene_with_uniform_events_is_judged_done(events, bounds):
    rng, found = np.random.default_rng([96, 0]), 0
    while found < 10:
        scene = sample_scene(rng, *events)
        if bounds and any(due and actor.bounds != due for actor, due in zip(scene.actors, bounds, strict=True)):
            continue
        found += 1
        verdict = judge(evenly(parse(scene.prompt)), CLIP, render(scene))
        assert verdict is not None
        assert len(verdict.in_segment) == len(verdict.in_order) == sum(max(1, count) for count in events)
        assert all(verdict.in_segment)
        assert all(verdict.in_order)
        assert verdict.subject_kept


def test_of_two_subjects_each_is_judged_in_its_own_segments():
    scene = sample_scene(np.random.default_rng([96, 1]), 1, 0)
    (first, second), video = [actor.role for actor in scene.actors], render(scene)
    (event,), (other, *_) = first.events, [event for event in CHANGES if event not in first.events]
    one, two = f"{first.colour} {first.shape}", f"{second.colour} {second.shape}"
    right = judge(parse(f"A {one} {event}. A {two} stays still, then {other}."), CLIP, video)
    assert right == ([True, True, False], [True, True, False], True)
    swapped = judge(parse(f"A {one} stays still while a {two} {event}."), CLIP, video)
    assert swapped == ([False, False], [False, False], True)


@pytest.mark.parametrize(
    "prompt",
    [
        "A cat jumps, then sleeps",
        "A pink circle grows",
        "A red circle sings",
        "A red circle or square grows",
        "A red circle grows while a red square moves left",
        "A red circle grows while a cat sleeps",
    ],
)
def test_what_the_world_does_not_know_is_not_judged(prompt):
    video = np.zeros((FRAMES, 64, 64, 3), np.uint8)
    assert judge(parse(prompt), CLIP, video) is None


def test_every_evaluation_prompt_is_known():
    video = np.zeros((FRAMES, 64, 64, 3), np.uint8)
    for events in (1, 2, 3, 4):
        for number in range(50):
            plan = plan_of(Case((events,), 0, number), "uniform")
            assert judge(plan, CLIP, video) is not None
            assert len(plan.subjects[0].events) == events
