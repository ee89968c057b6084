import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsattn.attention.reference import dense_region
from tsattn.attention.region import Grid, erode, motion_region, subject_map

GRIDS = st.builds(Grid, *(st.integers(1, 6) for _ in range(3)))


def draw(seed, grid, *, heads=3, width=8, columns=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(grid.tokens, heads, width, generator=generator, dtype=torch.float64)
    key = torch.randn(columns, heads, width, generator=generator, dtype=torch.float64)
    return query.to(dtype), key.to(dtype)


@given(grid=GRIDS, seed=st.integers(0, 10**6), words=st.sets(st.integers(0, 6), min_size=1))
@settings(deadline=None, max_examples=50)
def test_the_map_is_the_mean_over_heads_and_subject_columns(grid, seed, words):
    query, key = draw(seed, grid)
    weight = torch.zeros(7)
    weight[list(words)] = 1
    expected = 0.3 * torch.einsum("qhd,khd->hqk", query, key)[:, :, list(words)].mean((0, 2))
    torch.testing.assert_close(subject_map(query, key, weight, scale=0.3), expected)


def test_half_precision_is_computed_in_float32_over_all_chunks():
    grid = Grid(9, 20, 20)  # more tokens than one chunk
    query, key = draw(0, grid, dtype=torch.bfloat16)
    found = subject_map(query, key, torch.ones(7), scale=1.0)
    assert found.dtype == torch.float32
    exact = subject_map(query.double(), key.double(), torch.ones(7), scale=1.0)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-5)


@given(grid=GRIDS, seed=st.integers(0, 10**6), erosion=st.sampled_from([1, 3, 5]))
@settings(deadline=None, max_examples=50)
def test_the_region_is_the_dense_reference_s(grid, seed, erosion):
    query, key = draw(seed, grid)
    weight = torch.tensor([0, 1.0, 1, 0, 0, 0, 0])
    logits = torch.einsum("qhd,khd->hqk", query, key)
    expected = dense_region(logits, [1, 2], grid, erosion=erosion)
    found = motion_region(subject_map(query, key, weight, scale=1.0), grid, erosion=erosion)
    if grid.tokens > 1:  # with one token the map equals its mean, up to rounding
        assert torch.equal(found, expected)


def test_erosion_keeps_the_border_and_never_looks_into_other_frames():
    mask = torch.ones(3, 5, 5, dtype=torch.bool)
    assert erode(mask).all()
    mask[1] = False
    eroded = erode(mask)
    assert eroded[0].all()
    assert not eroded[1].any()
    assert eroded[2].all()
    mask[2, 2, 2] = False
    assert not erode(mask)[2, 1:4, 1:4].any()
    assert erode(mask)[2].sum() == 25 - 9
