import numpy as np
import pytest

from tsattn.shapes.verifier import verify
from tsattn.shapes.world import COLOURS, EVENTS, OPPOSITE, SHAPES, SIZE, render, sample_scene

HELD_OUT = 98
"""First number of this file's seeds; no training or evaluation draws them."""


def scenes(events, count):
    return [sample_scene(np.random.default_rng([HELD_OUT, events, k]), events) for k in range(count)]


@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_on_ground_truth_the_verifier_is_right(events):
    cases = scenes(events, 150)
    verdicts = [verify(render(s), s.colour, s.shape, s.events, s.segments) for s in cases]
    assert np.mean([all(v.in_segment) for v in verdicts]) >= 0.995
    assert np.mean([all(v.in_order) for v in verdicts]) >= 0.995
    assert np.mean([v.subject_kept for v in verdicts]) >= 0.995


def test_wrong_claims_are_refused():
    for s in scenes(2, 40):
        video = render(s)
        swapped = verify(video, s.colour, s.shape, s.events[::-1], s.segments)
        assert not any(swapped.in_segment)
        assert sum(swapped.in_order) <= 1, "reversed, at most one of two events can be found in order"
        opposite = [OPPOSITE[event] for event in s.events]
        assert not any(verify(video, s.colour, s.shape, opposite, s.segments).in_segment)
        colour = next(c for c in COLOURS if c != s.colour)
        shape = next(c for c in SHAPES if c != s.shape)
        assert not verify(video, colour, s.shape, s.events, s.segments).subject_kept
        assert not verify(video, s.colour, shape, s.events, s.segments).subject_kept


def test_a_still_or_empty_video_shows_nothing():
    (scene,) = scenes(1, 1)
    video = render(scene)
    still = np.broadcast_to(video[:1], video.shape)
    assert not any(verify(still, scene.colour, scene.shape, scene.events, scene.segments).in_segment)
    verdict = verify(np.full_like(video, 128), scene.colour, scene.shape, scene.events, scene.segments)
    assert verdict == ([False], [False], False)


def test_noise_is_no_subject():
    noise = np.random.default_rng(0).integers(0, 256, (25, SIZE, SIZE, 3), dtype=np.uint8)
    assert not verify(noise, "red", "circle", ["grows"], [(0, 25)]).subject_kept


def test_a_soft_noisy_picture_is_still_read():
    rng = np.random.default_rng(1)
    for s in scenes(1, 20):
        video = render(s).astype(float)
        soft = sum(np.roll(video, (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
        worn = (soft + rng.normal(0, 6, soft.shape)).clip(0, 255).astype(np.uint8)
        verdict = verify(worn, s.colour, s.shape, s.events, s.segments)
        assert all(verdict.in_segment)


def test_every_event_has_an_opposite():
    assert all(OPPOSITE[OPPOSITE[event]] == event for event in EVENTS)
