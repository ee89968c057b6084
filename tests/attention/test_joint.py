"""Joint attention against the dense float64 reference: one softmax over the video's keys and the text's."""

import pytest
import torch
from hypothesis import given, settings

from tests.attention.test_split import R_MAX, R_MIN, budget, cases, fast_inputs, full_inputs
from tsattn.attention import joint, lse, split
from tsattn.attention.joint import joint_rows, video_part
from tsattn.attention.lse import Partial, backend_for, dense, merge
from tsattn.attention.reference import dense_attention
from tsattn.attention.rule import Rule
from tsattn.attention.split import Timeline, place, regions


def joint_attention(query, seen, *args, **options):
    """All rows put together, once beside what was seen and once over it."""
    out, over = torch.full_like(query, torch.nan), Partial(seen.values.clone(), seen.lse)
    for rows in joint_rows(query, seen, *args, **options):
        place(out, rows, rows.values)
    for rows in joint_rows(query, over, *args, **options):
        place(over.values[0].transpose(0, 1), rows, rows.values)
    assert torch.equal(over.values[0].transpose(0, 1), out)
    return out


def video_of(case, dtype):
    grid, *_, seed, spread = case
    generator = torch.Generator().manual_seed(seed + 1)
    return tuple((spread * torch.randn(grid.tokens, 2, 8, generator=generator)).to(dtype) for _ in range(2))


@pytest.mark.parametrize("kernel", ["fast", "dense"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@given(case=cases())
@settings(deadline=None, max_examples=40)
def test_joint_attention_is_the_dense_reference(dtype, kernel, case):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, dtype)
    video = video_of(case, dtype)
    key, value, seen = key[seen], value[seen], seen[seen]  # joint models keep or mask columns; masks are tested below
    few_keys, few_values, count, timelines = fast_inputs((*case[:3], 0, *case[4:]), key, value)
    rule = Rule(r_min=R_MIN, r_max=R_MAX, erosion=1)
    masks = regions(query, few_keys, count, timelines, grid, scale=0.4, rule=rule)
    expected = dense_attention(
        query,
        key,
        value,
        seen,
        subjects,
        grid,
        scale=0.4,
        erosion=1,
        r_min=R_MIN,
        r_max=R_MAX,
        masks=masks,
        video=video,
    )
    with pytest.MonkeyPatch.context() as patch:
        if kernel == "dense":
            patch.setattr(joint, "backend_for", lambda *args, **options: dense)
        part = video_part(query, *video, scale=0.4)
        found = joint_attention(
            query, part, few_keys, few_values, count, timelines, masks, scale=0.4, rule=rule, masked=True
        )
    both = torch.cat([key, video[0]]), torch.cat([value, video[1]])
    # values of the two parts are rounded to the dtype before they are merged
    rounded = 2 * torch.finfo(dtype).eps * both[1].double().abs().max()
    assert (found.double() - expected).abs().max() <= budget(query, *both, 0.4, len(subjects), dtype) + rounded


@pytest.mark.parametrize("everything", [True, False])
def test_regions_of_all_rows_or_none_and_devices_that_work_on_are_no_special_cases(everything, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    query, *video = (torch.randn(24, 2, 8, generator=generator) for _ in range(3))
    key, value = (torch.randn(5, 2, 8, generator=generator) for _ in range(2))
    timeline = Timeline(torch.eye(5)[0], torch.tensor([1, 2]), *torch.eye(2, dtype=torch.bool)[:, None].expand(2, 3, 2))
    asked = torch.ones(5), [timeline], torch.full((1, 24), everything)
    options = {"scale": 0.4, "rule": Rule(), "masked": False}
    part = video_part(query, *video, scale=0.4)
    found = joint_attention(query, part, key, value, *asked, **options)
    assert found.isfinite().all()
    monkeypatch.setitem(joint.ROWS, "cpu", 7)
    torch.testing.assert_close(joint_attention(query, part, key, value, *asked, **options), found)
    monkeypatch.setattr(split, "SYNCHRONOUS", set())
    torch.testing.assert_close(joint_attention(query, part, key, value, *asked, **options), found)


@given(case=cases())
@settings(deadline=None, max_examples=40)
def test_masked_columns_take_no_part(case):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, torch.float64)
    video = video_of(case, torch.float64)
    few_keys, few_values, count, timelines = fast_inputs(case, key, value)
    rule = Rule(erosion=1)
    masks = regions(query, few_keys, count, timelines, grid, scale=0.4, rule=rule)
    expected = dense_attention(
        query, key, value, seen, subjects, grid, scale=0.4, erosion=1, r_min=1.0, r_max=1.5, masks=masks, video=video
    )
    part = video_part(query, *video, scale=0.4)
    found = joint_attention(
        query, part, few_keys, few_values, count, timelines, masks, scale=0.4, rule=rule, masked=True
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_two_parts_of_a_softmax_merge_to_the_whole():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, 8, generator=generator).double() for n in (5, 20, 20))
    parts = [dense(query, key[:, :, part], value[:, :, part], None, 0.7) for part in (slice(0, 6), slice(6, None))]
    expected = torch.softmax(0.7 * query @ key.mT, -1) @ value
    torch.testing.assert_close(merge(*parts), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_part_with_all_the_mass_hides_the_other(dtype):
    values = torch.randn(1, 1, 4, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    high, low = (Partial(values * sign, torch.full((1, 1, 4), level)) for sign, level in ((1, 60.0), (-1, -60.0)))
    assert torch.equal(merge(high, low), values)
    assert torch.equal(merge(low, high), values)


def test_the_cpu_has_a_kernel_and_unknown_devices_fall_back(monkeypatch):
    assert backend_for(torch.device("cpu"), torch.float32, 16, biased=True) is lse.BACKENDS["cpu"][0]
    monkeypatch.setattr(lse, "BACKENDS", {})
    backend_for.cache_clear()
    assert backend_for(torch.device("cpu"), torch.float32, 16, biased=True) is dense
    backend_for.cache_clear()


def test_a_kernel_that_lies_is_not_used(monkeypatch):
    def lying(query, key, value, bias, scale):
        values, lse_ = dense(query, key, value, bias, scale)
        return Partial(values, lse_.transpose(-1, -2))

    monkeypatch.setattr(lse, "BACKENDS", {"cpu": (lying,)})
    backend_for.cache_clear()
    assert backend_for(torch.device("cpu"), torch.float32, 16, biased=False) is dense
    backend_for.cache_clear()
