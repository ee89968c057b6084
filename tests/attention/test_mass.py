"""The recorder's numbers against the dense float64 reference, in cross-attention and joint attention."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attention.test_joint import video_of
from tests.attention.test_split import R_MAX, R_MIN, budget, cases, fast_inputs, full_inputs
from tsattn.attention.joint import video_part
from tsattn.attention.mass import word_mass
from tsattn.attention.reference import dense_shares
from tsattn.attention.rule import Rule
from tsattn.attention.split import regions

SCALE = 8**-0.5


@pytest.mark.parametrize("joint", [False, True], ids=["cross", "joint"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@given(case=cases(), strength=st.sampled_from([1.0, 0.4, 0.0]))
@settings(deadline=None, max_examples=40)
def test_mass_is_the_dense_reference(dtype, joint, case, strength):
    grid, words, pads, _, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, dtype)
    few_keys, _, count, timelines = fast_inputs(case, key, value)
    rule = Rule(strength=strength, r_min=R_MIN, r_max=R_MAX, erosion=1)
    masks = regions(query, few_keys, count, timelines, grid, scale=SCALE, rule=rule)
    video = video_of(case, dtype) if joint else None
    options = {"r_min": R_MIN, "r_max": R_MAX, "strength": strength, "erosion": 1, "masks": masks, "scale": SCALE}
    shares = dense_shares(query, key, seen, subjects, grid, video=video[0] if joint else None, **options)
    rows = [sorted(chosen) for chosen, events, _ in subjects for chosen in (chosen, *events)]
    rows.append(list(range(words, words + pads)))
    expected = [torch.stack([one[:, :, row].sum(-1).mean(0) for row in rows], -1) for one in shares]

    # a column that stands for all pads is where the first of them is
    groups = torch.tensor([[k in row for row in rows] for k in range(len(few_keys))])
    rest = video_part(query, *video, scale=SCALE).lse[0] if joint else None
    found = word_mass(query, few_keys, count, groups, timelines, masks, scale=SCALE, rule=rule, rest=rest)
    keys = torch.cat([key, video[0]]) if joint else key
    room = budget(query, keys, torch.ones_like(keys), SCALE, len(subjects), torch.promote_types(dtype, torch.float32))
    if joint:  # kernels return the log-sum-exp rounded to single precision, and some sum in the dtype
        size = SCALE * torch.einsum("qhd,khd->hqk", query.double(), keys.double()).abs().max()
        room = room + 2 * (1 + size) * torch.finfo(dtype).eps
    for one, other in zip(found, expected, strict=True):
        assert (one.double() - other).abs().max() <= room


@given(case=cases())
@settings(deadline=None, max_examples=20)
def test_mass_outside_the_region_is_not_touched(case):
    grid, *_ = case
    query, key, value, _ = full_inputs(case, torch.float32)
    few_keys, _, count, timelines = fast_inputs(case, key, value)
    rule = Rule(erosion=1)
    masks = regions(query, few_keys, count, timelines, grid, scale=SCALE, rule=rule)
    groups = torch.eye(len(few_keys), dtype=torch.bool)
    before, after = word_mass(query, few_keys, count, groups, timelines, masks, scale=SCALE, rule=rule)
    assert torch.equal(before[~masks.any(0)], after[~masks.any(0)])
    torch.testing.assert_close(after.sum(-1), torch.ones(grid.tokens), msg="every column is in one group")
