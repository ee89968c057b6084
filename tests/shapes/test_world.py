import numpy as np
import pytest

from tsattn.shapes.world import FRAMES, MARGIN, MIN_EVENT, OPPOSITE, RADIUS, SIZE, coverage, render, sample_scene, track


@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_scenes_stay_in_the_picture_and_within_their_sizes(events):
    for seed in range(50):
        scene = sample_scene(np.random.default_rng([97, events, seed]), events)
        moving = track(scene)
        assert len(scene.events) == events
        assert (moving.radius >= RADIUS[0] - 1e-9).all()
        assert (moving.radius <= RADIUS[1] + 1e-9).all()
        for place in (moving.x, moving.y):
            assert (place - MARGIN * moving.radius >= -1e-9).all()
            assert (place + MARGIN * moving.radius <= SIZE + 1e-9).all()
        assert scene.bounds[0] == 0
        assert scene.bounds[-1] == FRAMES - 1
        assert (np.diff(scene.bounds) >= MIN_EVENT).all()
        for before, after in zip(scene.events, scene.events[1:], strict=False):
            assert after not in (before, OPPOSITE[before])


def test_a_scene_is_a_function_of_its_seed():
    first, second = (sample_scene(np.random.default_rng(5), 3) for _ in range(2))
    assert first == second
    assert np.array_equal(render(first), render(second))


def test_a_stretch_of_a_clip_is_that_stretch():
    scene = sample_scene(np.random.default_rng(6), 2)
    assert np.array_equal(render(scene, slice(4, 9)), render(scene)[4:9])


@pytest.mark.parametrize("shape", ["circle", "square", "triangle"])
def test_area_and_centre_are_exact(shape):
    from tsattn.shapes.world import UNIT_AREA, Track

    place = Track(np.array([30.3]), np.array([28.7]), np.array([10.0]))
    cover = coverage(shape, place)[0]
    centres = np.arange(SIZE) + 0.5
    assert cover.sum() == pytest.approx(100 * UNIT_AREA[shape], rel=0.02)
    assert cover.sum(0) @ centres / cover.sum() == pytest.approx(30.3, abs=0.15)
    assert cover.sum(1) @ centres / cover.sum() == pytest.approx(28.7, abs=0.15)
