"""Subject maps averaged over layers and steps."""

import torch

from tsattn.attention.region import Grid, motion_region, subject_map
from tsattn.attention.rule import Rule
from tsattn.attention.smoothing import smoothed
from tsattn.attention.split import Timeline, regions

GRID = Grid(3, 6, 6)


def draw(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, 2, 8, generator=generator, dtype=torch.float64) for n in (GRID.tokens, 5)]


def test_the_first_map_and_no_memory_give_the_region_of_the_map_alone():
    query, key = draw(0)
    attention = subject_map(query, key, torch.eye(5)[1], scale=1.0)
    expected = motion_region(attention, GRID)
    assert torch.equal(motion_region(smoothed(None, attention, 0.9), GRID), expected)
    assert torch.equal(motion_region(smoothed(torch.randn(GRID.tokens).double(), attention, 0.0), GRID), expected)


def test_the_size_of_a_layer_s_logits_does_not_count():
    one, other = (torch.randn(50, generator=torch.Generator().manual_seed(k)).double() for k in (0, 1))
    plain = smoothed(smoothed(None, one, 0.5), other, 0.5)
    torch.testing.assert_close(smoothed(smoothed(None, 100 * one + 7, 0.5), other, 0.5), plain)
    torch.testing.assert_close(plain, 0.5 * smoothed(None, one, 0.5) + 0.5 * smoothed(None, other, 0.5))


def test_a_map_without_contrast_says_nothing():
    past = torch.randn(20)
    assert torch.equal(smoothed(past, torch.full((20,), 3.0), 0.5), 0.5 * past)


def test_noise_averages_out():
    generator, truth = torch.Generator().manual_seed(0), torch.zeros(400)
    truth[100:140] = 1
    noisy = [truth + torch.randn(400, generator=generator) for _ in range(40)]
    past = None
    for attention in noisy:
        past = smoothed(past, attention, 0.9)

    def overlap(attention):
        found, true = attention > 0.5, truth > 0
        return (found & true).sum() / (found | true).sum()

    assert overlap(smoothed(None, noisy[0], 0.9)) < 0.3
    assert overlap(past) > 0.7


def test_each_subject_has_a_map_of_its_own():
    query, key = draw(0)
    everywhere = torch.ones(GRID.frames, 5, dtype=torch.bool)
    timelines = [Timeline(torch.eye(5)[k], torch.arange(5), everywhere, ~everywhere) for k in (1, 3)]
    asked = []

    def recall(number, attention):
        asked.append((number, attention))
        return -attention

    options = {"scale": 1.0, "rule": Rule(erosion=1)}
    found = regions(query, key, torch.ones(5), timelines, GRID, recall=recall, **options)
    assert [number for number, _ in asked] == [0, 1]
    plain = regions(query, key, torch.ones(5), timelines, GRID, **options)
    assert torch.equal(found, ~plain), "what recall gives is what counts"
