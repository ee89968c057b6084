"""The cap on what other words lose, against sums of 60 digits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attention.test_joint import joint_attention, video_of
from tests.attention.test_split import cases, fast_inputs, full_inputs
from tsattn.attention import split
from tsattn.attention.cap import capped
from tsattn.attention.joint import video_part
from tsattn.attention.mass import word_mass
from tsattn.attention.reference_methods import dense_cap
from tsattn.attention.region import Grid
from tsattn.attention.rule import Rule
from tsattn.attention.split import Timeline, controlled_rows, regions

CAPS = st.sampled_from([0.0, 0.1, 0.5, 0.99])
SCALE = 8**-0.5


@st.composite
def rows(draw):
    """Logits of a few rows before and after, some columns raised, some lowered, some hidden."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(2, 9)))
    before = draw(st.sampled_from([0.1, 3.0, 20.0])) * torch.randn(shape, generator=generator, dtype=torch.float64)
    change = 10 * torch.randn(shape, generator=generator, dtype=torch.float64)
    kept = torch.randint(0, 3, shape[-1:], generator=generator) == 0
    before[..., 1:] = before[..., 1:].masked_fill(torch.rand(shape[-1] - 1, generator=generator) < 0.1, -math.inf)
    return before, before + change.masked_fill(kept, 0)


@given(rows=rows(), cap=CAPS, rest=st.sampled_from([None, -30.0, 0.0, 30.0]))
@settings(deadline=None, max_examples=100)
def test_it_is_the_reference_s(rows, cap, rest):
    before, after = rows
    others = None if rest is None else torch.full_like(before[..., :1], rest)
    found = capped(before, after, cap, others)
    for at in torch.cartesian_prod(*map(torch.arange, before.shape[:2])).view(-1, 2).tolist():
        logits = before[tuple(at)].tolist(), after[tuple(at)].tolist()
        expected = torch.tensor(dense_cap(*logits, cap, -math.inf if rest is None else rest), dtype=torch.float64)
        torch.testing.assert_close(found[tuple(at)], expected, rtol=0, atol=1e-6)


@given(rows=rows(), cap=CAPS)
@settings(deadline=None, max_examples=100)
def test_no_word_that_is_left_alone_loses_more_and_no_raised_ones_lose(rows, cap):
    before, after = rows
    had, has = before.softmax(-1), capped(before, after, cap).softmax(-1)
    raised, same = after > before, (after == before) & before.isfinite()
    assert (has[same] >= (1 - cap) * had[same] - 1e-12).all()
    gained = ((has - had) * raised).sum(-1)
    assert (gained >= -1e-9).all()


@given(case=cases(), cap=st.sampled_from([0.05, 0.3]), joint=st.booleans())
@settings(deadline=None, max_examples=40)
def test_in_attention_no_subject_pays_more(case, cap, joint):
    """With a subject's words that no event of any subject uses: they keep their share of every row."""
    grid, words, _, _, subjects, _, _ = case
    query, key, value, _ = full_inputs(case, torch.float64)
    few_keys, _, count, timelines = fast_inputs(case, key, value)
    video = video_of(case, torch.float64)
    rule = Rule(erosion=1, cap=cap)
    masks = regions(query, few_keys, count, timelines, grid, scale=SCALE, rule=rule)
    rest = video_part(query, *video, scale=SCALE).lse[0] if joint else None
    groups = torch.eye(len(few_keys), dtype=torch.bool)
    mass = word_mass(query, few_keys, count, groups, timelines, masks, scale=SCALE, rule=rule, rest=rest)
    used = {column for _, events, _ in subjects for event in events for column in event}
    free = [column for column in range(words) if column not in used]
    # the mean over heads of what each keeps of at least 1 - cap
    assert (mass.after[:, free] >= (1 - cap) * mass.before[:, free] - 1e-9).all()


def test_joint_attention_counts_the_video_too():
    """Where the video has nearly all of the mass, words cannot take much from each other, and the cap does nothing."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(n, 2, 8, generator=generator) for n in (18, 6, 6))
    video = 0.3 * query, torch.randn(18, 2, 8, generator=generator)
    current = torch.zeros(2, 2, dtype=torch.bool)
    current[0, 0], current[1, 1] = True, True
    timeline = Timeline(torch.eye(6)[0], torch.tensor([2, 4]), current, ~current)
    part = video_part(query, *video, scale=1.0)
    part = part._replace(lse=part.lse + 50)
    count, rule = torch.ones(6), Rule(erosion=1)
    masks = regions(query, key, count, [timeline], Grid(2, 3, 3), scale=1.0, rule=rule)
    found = [
        joint_attention(query, part, key, value, count, [timeline], masks, scale=1.0, masked=False,
                        rule=rule._replace(cap=cap))
        for cap in (None, 0.01)
    ]  # fmt: skip
    assert torch.equal(*found)


def test_without_a_cap_nothing_is_computed_for_it(monkeypatch):
    monkeypatch.setattr(split, "capped", lambda *args: pytest.fail("no cap was asked for"))
    query, key, value = (torch.randn(n, 2, 8) for n in (18, 6, 6))
    current = torch.ones(2, 6, dtype=torch.bool)
    timeline = Timeline(torch.eye(6)[0], torch.arange(6), current, ~current)
    everywhere = torch.ones(1, 18, dtype=torch.bool)
    list(controlled_rows(query, key, value, torch.ones(6), [timeline], everywhere, scale=1.0, rule=Rule()))
