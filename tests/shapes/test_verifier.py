from dataclasses import replace

import numpy as np
import pytest

from tsattn.shapes.verifier import Verdict, read, verify
from tsattn.shapes.world import COLOURS, EVENTS, OPPOSITE, SHAPES, SIZE, STILL, Role, render, sample_scene

HELD_OUT = 98
"""First number of this file's seeds; no training or evaluation draws them."""
ALONE = [(1,), (2,), (3,), (4,)]
PAIRS = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 0), (0, 2), (3, 0), (3, 1)]


def scenes(events, count):
    return [sample_scene(np.random.default_rng([HELD_OUT, *events, k]), *events) for k in range(count)]


def roles(scene):
    return [actor.role for actor in scene.actors]


def judged(video, roles, scene):
    return verify(video, roles, [actor.segments for actor in scene.actors])


@pytest.mark.parametrize("events", ALONE + PAIRS)
def test_on_ground_truth_the_verifier_is_right(events):
    cases = scenes(events, 150 if len(events) == 1 else 50)
    verdicts = [Verdict.of_all(judged(render(s), roles(s), s)) for s in cases]
    assert np.mean([all(v.in_segment) for v in verdicts]) >= 0.995
    assert np.mean([all(v.in_order) for v in verdicts]) >= 0.995
    assert np.mean([v.subject_kept for v in verdicts]) >= 0.995


def test_wrong_claims_are_refused():
    for s in scenes((2,), 40):
        video, (role,) = render(s), roles(s)
        (swapped,) = judged(video, [role._replace(events=role.events[::-1])], s)
        assert not any(swapped.in_segment)
        assert sum(swapped.in_order) <= 1, "reversed, at most one of two events can be found in order"
        opposite = tuple(OPPOSITE[event] for event in role.events)
        assert not any(judged(video, [role._replace(events=opposite)], s)[0].in_segment)
        colour = next(c for c in COLOURS if c != role.colour)
        shape = next(c for c in SHAPES if c != role.shape)
        assert not judged(video, [role._replace(colour=colour)], s)[0].subject_kept
        assert not judged(video, [role._replace(shape=shape)], s)[0].subject_kept


def test_one_doing_what_the_other_should_is_refused():
    found = 0
    for s in scenes((1, 1), 25) + scenes((1, 0), 15):
        video, (one, other) = render(s), roles(s)
        if one.events == other.events:
            continue
        found += 1
        swapped = judged(video, [one._replace(events=other.events), other._replace(events=one.events)], s)
        assert not any(v.in_segment[0] for v in swapped)
        assert all(v.subject_kept for v in swapped), "both are there, only what they do is wrong"
    assert found > 25


def test_of_two_subjects_the_wrong_one_is_named():
    for s in scenes((1, 1), 15):
        video, (one, other) = render(s), roles(s)
        shape = next(c for c in SHAPES if c != other.shape)
        right, wrong = judged(video, [one, other._replace(shape=shape)], s)
        assert right == ([True], [True], True)
        assert wrong == ([True], [True], False)
        for colour in COLOURS.keys() - {one.colour, other.colour}:
            assert not judged(video, [one, other._replace(colour=colour)], s)[1].subject_kept


def test_a_missing_second_subject_is_refused_and_the_first_still_judged():
    for s, second in zip(scenes((2,), 25), scenes((2, 1), 25), strict=True):
        (role,), other = roles(s), roles(second)[1]
        if role.colour != other.colour:
            segments = [s.actors[0].segments, second.actors[1].segments]
            there, missing = verify(render(s), [role, other], segments)
            assert there == ([True, True], [True, True], True)
            assert missing == ([False], [False], False)


def test_what_moves_does_not_stay_still():
    for s in scenes((1,), 20) + scenes((2,), 20):
        (role,) = roles(s)
        (verdict,) = verify(render(s), [role._replace(events=(STILL,))], [[(0, 25)]])
        assert not verdict.in_segment[0]


def test_there_and_back_again_is_not_still():
    (scene,) = scenes((1,), 1)
    video = render(scene)
    back = np.concatenate([video[:13], video[:12][::-1]])
    (verdict,) = verify(back, [scene.actors[0].role._replace(events=(STILL,))], [[(0, 25)]])
    assert verdict.in_segment == [False]


def test_a_still_or_empty_video_shows_nothing():
    (scene,) = scenes((1,), 1)
    video, (role,) = render(scene), roles(scene)
    still = np.broadcast_to(video[:1], video.shape)
    assert not any(judged(still, [role], scene)[0].in_segment)
    assert judged(still, [role._replace(events=(STILL,))], scene)[0].in_segment == [True]
    assert judged(np.full_like(video, 128), [role], scene) == [([False], [False], False)]


def test_noise_is_no_subject():
    noise = np.random.default_rng(0).integers(0, 256, (25, SIZE, SIZE, 3), dtype=np.uint8)
    (verdict,) = verify(noise, [Role("red", "circle", ("grows",))], [[(0, 25)]])
    assert not verdict.subject_kept


@pytest.mark.parametrize("events", [(1,), (1, 1), (2, 0)])
def test_a_soft_noisy_picture_is_still_read(events):
    rng = np.random.default_rng(1)
    for s in scenes(events, 20):
        video = render(s).astype(float)
        soft = sum(np.roll(video, (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
        worn = (soft + rng.normal(0, 6, soft.shape)).clip(0, 255).astype(np.uint8)
        assert all(Verdict.of_all(judged(worn, roles(s), s)).in_segment)


def test_two_subjects_are_read_as_each_would_be_alone():
    for s in scenes((1, 1), 20):
        together = read(render(s), [role.colour for role in roles(s)])
        for actor, seen in zip(s.actors, together, strict=True):
            (alone,) = read(render(replace(s, actors=(actor,))), [actor.role.colour])
            assert np.allclose(seen.state, alone.state, atol=1e-6)
            assert (seen.colours, seen.shapes) == (alone.colours, alone.shapes)


def test_every_event_but_staying_still_has_an_opposite():
    assert OPPOSITE.keys() == EVENTS.keys() - {STILL}
    assert all(OPPOSITE[OPPOSITE[event]] == event for event in OPPOSITE)
