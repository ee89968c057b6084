"""The fast path against the dense float64 reference, within a budget derived from the dtype."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsattn.attention import split
from tsattn.attention.reference import dense_attention
from tsattn.attention.region import Grid
from tsattn.attention.rule import Rule
from tsattn.attention.split import Timeline, controlled_rows, place, regions

R_MIN, R_MAX = 1.0, 1.5


@st.composite
def cases(draw):
    """Random shapes, subjects, events, segments, pads and masked columns."""
    grid = Grid(draw(st.integers(2, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    words, pads, hidden = draw(st.integers(6, 14)), draw(st.integers(0, 20)), draw(st.integers(0, 3))
    subjects = []
    for _ in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 3))
        column = st.integers(0, words - 1)
        events = [draw(st.sets(column, min_size=1, max_size=4)) for _ in range(count)]
        stretches = []
        for _ in range(count):
            first = draw(st.integers(0, grid.frames - 1))
            stretches.append((first, draw(st.integers(first + 1, grid.frames))))
        subjects.append((sorted(draw(st.sets(column, min_size=1, max_size=3))), [sorted(e) for e in events], stretches))
    return grid, words, pads, hidden, subjects, draw(st.integers(0, 10**6)), draw(st.sampled_from([0.5, 1.0, 3.0]))


def full_inputs(case, dtype):
    """Queries, and keys and values of all text columns: words, identical pads, and masked columns."""
    grid, words, pads, hidden, _, seed, spread = case
    generator = torch.Generator().manual_seed(seed)
    query = spread * torch.randn(grid.tokens, 2, 8, generator=generator)
    key, value = (torch.randn(words + 1 + hidden, 2, 8, generator=generator) for _ in range(2))
    columns = [*range(words), *[words] * pads, *range(words + 1, words + 1 + hidden)]
    seen = torch.tensor([True] * (words + pads) + [False] * hidden)
    return query.to(dtype), key[columns].to(dtype), value[columns].to(dtype), seen


def fast_inputs(case, key, value):
    """The same columns as the fast path takes them: one for all pads, none dropped, masked ones counted 0."""
    grid, words, pads, hidden, subjects, _, _ = case
    index = [*range(words), *([words] if pads else []), *range(words + pads, words + pads + hidden)]
    count = torch.tensor([1.0] * words + ([float(pads)] if pads else []) + [0.0] * hidden)
    timelines = []
    for chosen, events, stretches in subjects:
        weight = torch.zeros(len(index))
        weight[chosen] = 1
        current = torch.zeros(grid.frames, len(index), dtype=torch.bool)
        every = torch.zeros(len(index), dtype=torch.bool)
        for event, (first, last) in zip(events, stretches, strict=True):
            current[first:last, event] = True
            every[event] = True
        other, used = every & ~current & current.any(-1, keepdim=True), every.nonzero()[:, 0]
        timelines.append(Timeline(weight, used, current[:, used], other[:, used]))
    return key[index], value[index], count, timelines


def budget(query, key, value, scale, subjects, dtype):
    """Largest error that rounding explains: of the dot products, carried through Δ and softmax, and of the output."""
    working = torch.finfo(torch.promote_types(dtype, torch.float32)).eps
    size = scale * torch.einsum("qhd,khd->hqk", query.double().abs(), key.double().abs()).max()
    rounding = (query.shape[-1] + 3) * working * size
    carried = rounding * (2 + subjects * (2 * R_MAX + 2 * 2 * size * (R_MAX - R_MIN)))
    # exponentials and sums of the softmax round too, once for every column
    carried = carried + working * (key.shape[0] + 16) * (1 + subjects * size)
    return (2 * carried + torch.finfo(dtype).eps) * value.double().abs().max()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@given(case=cases(), strength=st.sampled_from([1.0, 0.4]))
@settings(deadline=None, max_examples=60)
def test_controlled_attention_is_the_dense_reference(dtype, case, strength):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, dtype)
    scale = 8**-0.5
    few_keys, few_values, count, timelines = fast_inputs(case, key, value)
    rule = Rule(strength=strength, r_min=R_MIN, r_max=R_MAX, erosion=1)
    masks = regions(query, few_keys, count, timelines, grid, scale=scale, rule=rule)
    options = {"scale": scale, "r_min": R_MIN, "r_max": R_MAX, "strength": strength}
    expected = dense_attention(query, key, value, seen, subjects, grid, erosion=1, masks=masks, **options)
    plain = dense_attention(query, key, value, seen, [], grid, erosion=1, **options)
    found = plain.to(dtype)
    for rows in controlled_rows(query, few_keys, few_values, count, timelines, masks, scale=scale, rule=rule):
        found[rows.tokens] = rows.values
    error = (found.double() - expected).abs().max()
    assert error <= budget(query, key, value, scale, len(subjects), dtype)


@given(case=cases())
@settings(deadline=None, max_examples=60)
def test_regions_are_the_dense_reference_s_where_something_is_due(case):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, torch.float64)
    few_keys, _, count, timelines = fast_inputs(case, key, value)
    found = regions(query, few_keys, count, timelines, grid, scale=1.0, rule=Rule(r_min=R_MIN, r_max=R_MAX))
    with_own = {"scale": 1.0, "erosion": 3, "r_min": R_MIN, "r_max": R_MAX}
    expected = dense_attention(query, key, value, seen, subjects, grid, **with_own)
    again = dense_attention(query, key, value, seen, subjects, grid, masks=found, **with_own)
    torch.testing.assert_close(again, expected, rtol=0, atol=1e-9)


def test_the_number_of_rows_at_a_time_changes_nothing(monkeypatch):
    grid, generator = Grid(4, 6, 6), torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(n, 2, 8, generator=generator) for n in (grid.tokens, 9, 9))
    current = torch.zeros(4, 9, dtype=torch.bool)
    current[:2, 3], current[2:, 5] = True, True
    other = (current.roll(2, 0)) & ~current
    timeline = Timeline(torch.eye(9)[1], torch.arange(9), current, other)
    masks = torch.ones(1, grid.tokens, dtype=torch.bool)
    results = []
    for chunk in (1 << 20, 7 * 18):
        monkeypatch.setitem(split.CHUNK_ELEMENTS, "cpu", chunk)
        parts = list(controlled_rows(query, key, value, torch.ones(9), [timeline], masks, scale=1.0, rule=Rule()))
        results.append((len(parts), torch.cat([part.values for part in parts])))
    assert results[0][0] == 1
    assert results[1][0] > 10
    torch.testing.assert_close(results[0][1], results[1][1])


def test_the_due_event_gains_and_the_others_lose():
    generator = torch.Generator().manual_seed(1)
    query, key = torch.randn(18, 2, 8, generator=generator), torch.randn(6, 2, 8, generator=generator)
    value = torch.eye(6, 8)[:, None].expand(6, 2, 8)  # the output is the attention map itself, then zeros
    current = torch.zeros(2, 6, dtype=torch.bool)
    current[0, 2], current[1, 4] = True, True
    timeline = Timeline(torch.eye(6)[0], torch.arange(6), current, current.flip(0))
    everywhere = torch.ones(1, 18, dtype=torch.bool)
    plain, acted = (
        torch.cat([rows.values for rows in controlled_rows(
            query, key, value, torch.ones(6), [timeline], everywhere, scale=0.35, rule=Rule(strength=strength)
        )]) for strength in (0.0, 1.0)
    )  # fmt: skip
    assert (acted[:9, :, 2] > plain[:9, :, 2]).all()
    assert (acted[:9, :, 4] < plain[:9, :, 4]).all()
    assert (acted[9:, :, 4] > plain[9:, :, 4]).all()


PAPER = Rule()


def whole_attention(query, key, value, count, timeline, grid, rule=PAPER):
    """The controlled rows of a sample, on zeros."""
    masks = regions(query, key, count, [timeline], grid, scale=0.3, rule=rule)
    out = torch.zeros_like(query)
    for rows in controlled_rows(query, key, value, count, [timeline], masks, scale=0.3, rule=rule):
        place(out, rows, rows.values)
    return out


@pytest.fixture
def sample():
    grid, generator = Grid(4, 6, 6), torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(n, 2, 8, generator=generator) for n in (grid.tokens, 9, 9))
    current = torch.zeros(4, 4, dtype=torch.bool)
    current[:2, :2], current[2:, 2:] = True, True
    return (
        query,
        key,
        value,
        torch.ones(9),
        Timeline(torch.eye(9)[1], torch.tensor([2, 3, 5, 7]), current, ~current),
        grid,
    )


def test_not_waiting_for_the_region_s_size_changes_nothing(monkeypatch, sample):
    waited = whole_attention(*sample)
    assert 0 < (waited != 0).any(-1).any(-1).sum() < len(waited), "some tokens inside, some outside"
    monkeypatch.setattr(split, "SYNCHRONOUS", set())
    torch.testing.assert_close(whole_attention(*sample), waited)


@pytest.mark.parametrize("rule", [Rule(), Rule(segment_wise=True), Rule(count_pads=False), Rule(threshold=0.5)])
def test_nothing_waits_for_the_device(sample, rule):
    """A tensor without data cannot be read, and has a shape only where that does not depend on data."""
    *tensors, timeline, grid = sample
    there = Timeline(*(x.to("meta") for x in timeline))
    out = whole_attention(*(x.to("meta") for x in tensors), there, grid, rule=rule)
    assert out.device.type == "meta"
