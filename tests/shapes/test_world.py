import hashlib
from itertools import pairwise

import numpy as np
import pytest

from tsattn.plan import parse
from tsattn.shapes.world import (
    FRAMES,
    GAP,
    LINKS,
    MARGIN,
    MIN_EVENT,
    OPPOSITE,
    PAIR_RADIUS,
    RADIUS,
    SIZE,
    STILL,
    WORDINGS,
    Role,
    Track,
    coverage,
    render,
    sample_prompt,
    sample_scene,
    track,
)

ALONE = [(1,), (2,), (3,), (4,)]
PAIRS = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 0), (0, 2)]


def scenes(events, count, first=97):
    return [sample_scene(np.random.default_rng([first, *events, seed]), *events) for seed in range(count)]


@pytest.mark.parametrize("events", ALONE + PAIRS)
def test_subjects_stay_in_the_picture_and_within_their_sizes(events):
    smallest, largest = RADIUS if len(events) == 1 else PAIR_RADIUS
    for scene in scenes(events, 50 if len(events) == 1 else 15):
        for actor, count in zip(scene.actors, events, strict=True):
            moving = track(actor)
            assert len(actor.role.events) == max(1, count)
            assert (STILL in actor.role.events) == (count == 0)
            assert (moving.radius >= smallest - 1e-9).all()
            assert (moving.radius <= largest + 1e-9).all()
            for place in (moving.x, moving.y):
                assert (place - MARGIN * moving.radius >= -1e-9).all()
                assert (place + MARGIN * moving.radius <= SIZE + 1e-9).all()
            assert actor.bounds[0] == 0
            assert actor.bounds[-1] == FRAMES - 1
            assert (np.diff(actor.bounds) >= MIN_EVENT).all()
            for before, after in pairwise(actor.role.events):
                assert after not in (before, OPPOSITE[before])


@pytest.mark.parametrize("events", PAIRS)
def test_two_subjects_differ_in_colour_and_never_meet(events):
    for scene in scenes(events, 15):
        one, other = scene.actors
        assert one.role.colour != other.role.colour
        covers = [coverage(actor.role.shape, track(actor)) for actor in scene.actors]
        assert not (covers[0] * covers[1]).any()
        a, b = track(one), track(other)
        assert (np.hypot(a.x - b.x, a.y - b.y) - MARGIN * (a.radius + b.radius) >= GAP).all()


def test_a_subject_without_events_stays_where_it_is():
    for scene in scenes((1, 0), 5):
        still = track(scene.actors[1])
        assert all(np.ptp(each) == 0 for each in still)


def test_two_subjects_have_timelines_of_their_own():
    assert any(one.bounds != other.bounds for one, other in (scene.actors for scene in scenes((2, 2), 5)))


@pytest.mark.parametrize("events", [(3,), (2, 1)])
def test_a_scene_is_a_function_of_its_seed(events):
    first, second = (sample_scene(np.random.default_rng(5), *events) for _ in range(2))
    assert first == second
    assert np.array_equal(render(first), render(second))


def test_each_seed_has_the_one_subject_scene_that_it_has_always_had():
    """Held-out prompts, and the latents that a training keeps, depend on it."""
    digest = hashlib.sha256()
    for events in (1, 2, 3, 4):
        for seed in range(20):
            scene = sample_scene(np.random.default_rng([99, 0, events, seed]), events)
            digest.update(scene.prompt.encode())
            digest.update(render(scene).tobytes())
    assert digest.hexdigest() == "aad8f9e93229515c0f807dae89377eb26e615d9b2864e667f86c56c51536b94e"


@pytest.mark.parametrize("events", [(2,), (2, 1)])
def test_a_stretch_of_a_clip_is_that_stretch(events):
    scene = sample_scene(np.random.default_rng(6), *events)
    assert np.array_equal(render(scene, slice(4, 9)), render(scene)[4:9])


@pytest.mark.parametrize("shape", ["circle", "square", "triangle"])
def test_area_and_centre_are_exact(shape):
    from tsattn.shapes.world import UNIT_AREA

    place = Track(np.array([30.3]), np.array([28.7]), np.array([10.0]))
    cover = coverage(shape, place)[0]
    centres = np.arange(SIZE) + 0.5
    assert cover.sum() == pytest.approx(100 * UNIT_AREA[shape], rel=0.02)
    assert cover.sum(0) @ centres / cover.sum() == pytest.approx(30.3, abs=0.15)
    assert cover.sum(1) @ centres / cover.sum() == pytest.approx(28.7, abs=0.15)


@pytest.mark.parametrize("events", [*PAIRS, (3, 3)])
def test_every_prompt_of_two_subjects_is_parsed_to_its_actors_and_events(events):
    for scene in scenes(events, 40) if events != (3, 3) else scenes(events, 15):
        told = parse(scene.prompt).subjects
        assert [subject.text for subject in told] == [f"{a.role.colour} {a.role.shape}" for a in scene.actors]
        for subject, actor in zip(told, scene.actors, strict=True):
            assert len(subject.events) == len(actor.role.events)
            known = [WORDINGS[event] for event in actor.role.events]
            assert all(event.text in wordings for event, wordings in zip(subject.events, known, strict=True))


def test_every_link_is_used():
    rng, roles = np.random.default_rng(0), [Role("red", "circle", ("grows",)), Role("blue", "square", ("moves up",))]
    told = {sample_prompt(rng, roles, "plain").lower().replace("the ", "a ").rstrip(".") for _ in range(200)}
    told = {text.removesuffix(" on a plain background").replace("gets bigger", "grows") for text in told}
    assert told == {link.format("a red circle grows", "a blue square moves up") for link in LINKS}
