"""What is taken over which rows and columns: a segment's together, and pads or not."""

import pytest
import torch

from tsattn.attention import split
from tsattn.attention.modulation import Extent
from tsattn.attention.region import Grid, motion_region
from tsattn.attention.rule import Rule
from tsattn.attention.segment_wise import segments_of, shared_extent
from tsattn.attention.split import Timeline, controlled_rows

SCALE = 0.35
FRAMES, PER_FRAME, WORDS = 4, 5, 7


def inputs(pads):
    """A subject with an event in the first three latent frames and one in the last; the last column is the pads'."""
    generator = torch.Generator().manual_seed(3)
    query, key = (torch.randn(n, 2, 8, generator=generator, dtype=torch.float64) for n in (FRAMES * PER_FRAME, WORDS))
    current = torch.zeros(FRAMES, 2, dtype=torch.bool)
    current[:3, 0], current[3, 1] = True, True
    timeline = Timeline(torch.eye(WORDS)[0], torch.tensor([2, 4]), current, ~current)
    count = torch.ones(WORDS)
    count[-1] = pads
    region = torch.rand(1, len(query), generator=generator) < 0.6
    return query, key, count, timeline, region


def moved(query, key, count, timeline, region, **rule):
    """How far the logits of the event columns are moved (r, h, 2), read off shares of attention; and which rows those are."""
    value = torch.eye(WORDS, dtype=torch.float64)[:, None].expand(-1, 2, -1)
    shares = []
    for strength in (0.0, 1.0):
        asked = Rule(strength=strength, **rule)
        rows = list(controlled_rows(query, key, value, count, [timeline], region, scale=SCALE, rule=asked))
        shares.append(torch.cat([part.values for part in rows]).log())
    change = shares[1] - shares[0]
    return (change - change[..., :1])[..., [2, 4]], torch.cat([part.tokens for part in rows])


@pytest.mark.parametrize("chunk", [1 << 20, 3 * WORDS * 2])
def test_logits_move_as_far_as_their_segment_asks_for(chunk, monkeypatch):
    monkeypatch.setitem(split.CHUNK_ELEMENTS, "cpu", chunk)
    query, key, count, timeline, region = inputs(pads=1)
    found, tokens = moved(query, key, count, timeline, region, segment_wise=True, reinforce=False)
    logits = SCALE * torch.einsum("rhd,khd->rhk", query, key)
    first = torch.arange(len(query)) < 3 * PER_FRAME
    for row, token in zip(found, tokens, strict=True):
        own = logits[region[0] & (first == first[token])]
        for head in range(2):
            most, least, middle = (of(own[:, head]) for of in (torch.max, torch.min, torch.mean))
            up, down = most - middle, least - middle
            expected = torch.stack([up, down] if first[token] else [down, up])
            torch.testing.assert_close(row[head], expected, rtol=0, atol=1e-6)


def test_a_region_without_a_token_moves_nothing():
    query, key, count, timeline, region = inputs(pads=1)
    _, tokens = moved(query, key, count, timeline, region & False, segment_wise=True)
    assert not len(tokens)


def test_rows_that_do_not_count_and_segments_without_rows():
    row = Extent(*(torch.tensor([[[x]], [[y]], [[z]]]) for x, y, z in ((1.0, 5, 9), (-1.0, -5, -9), (0.0, 2, 4))))
    part = torch.tensor([0, 0, 0]), row, torch.tensor([True, True, False])
    assert [x.flatten().tolist() for x in shared_extent([part], 2, 1)] == [[5, 0], [-5, 0], [1, 0]]


def test_segments_are_stretches_in_which_the_same_is_due():
    due = torch.tensor([[1, 0], [1, 0], [0.3, 0.2], [0, 0], [0, 1]])
    assert segments_of(due).tolist() == [0, 0, 1, 2, 3]


def test_without_pads_their_logit_and_number_change_nothing():
    query, key, *_ = inputs(pads=2)
    results = {}
    for pads, far in ((2, 1.0), (30, 1.0), (30, 9.0)):
        _, _, count, timeline, region = inputs(pads)
        other = torch.cat([key[:-1], far * key[-1:]])
        for count_pads in (True, False):
            options = {"count_pads": count_pads, "reinforce": False}
            results[pads, far, count_pads] = moved(query, other, count, timeline, region, **options)[0]
    without = [found for (_, _, counted), found in results.items() if not counted]
    assert all(torch.allclose(one, without[0], atol=1e-6) for one in without)
    counted = [found for (_, _, counted), found in results.items() if counted]
    assert not any(torch.allclose(one, without[0], atol=1e-3) for one in counted)


def test_a_higher_threshold_leaves_fewer_tokens():
    attention = torch.randn(FRAMES * 36, generator=torch.Generator().manual_seed(0))
    sizes = [
        int(motion_region(attention, Grid(FRAMES, 6, 6), erosion=1, threshold=t).sum()) for t in (-1.0, 0.0, 0.5, 2.0)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4
    assert abs(sizes[0] / len(attention) - 0.84) < 0.06, "as of normally distributed numbers"
