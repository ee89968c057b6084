"""The `released` preset against an independent dense form of what the authors' published code is known to do."""

import pytest
import torch

import tsattn
from tests.conftest import PROMPT, plan_of, run, wan_pipeline
from tests.control.residue import residue
from tests.families.case import plan as three_events
from tests.families.cases import ONE_OF_EACH
from tsattn.attention.region import Grid
from tsattn.attention.released import without_lonely
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.errors import ControlError

EVENTS = ("runs across the grass", "jumps over a red fence", "sleeps")


def dense_released(raw_query, raw_key, query, key, value, words, events, shares, grid, scale):
    """Everything over all columns in float64: (q, h, d) tensors, columns, and the events' bounds as shares of N."""
    raw_query, raw_key, query, key, value = (x.double() for x in (raw_query, raw_key, query, key, value))
    raw = scale * torch.einsum("qhd,khd->qhk", raw_query, raw_key)
    probability = raw.softmax(-1)
    mean = probability.mean(1)
    mean = (mean - mean.min()) / (mean.max() - mean.min())
    subject = mean[:, words].mean(-1)
    larger_half = subject.sort(descending=True).values[: len(subject) // 2]
    mask = (subject > larger_half.mean()).view(grid)
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    kept = torch.zeros_like(mask)
    for f, y, x in mask.nonzero().tolist():
        kept[f, y, x] = padded[f, y : y + 3, x : x + 3].sum() > 1
    kept = kept.flatten()
    low, high = probability.amin(-1, keepdim=True), probability.amax(-1, keepdim=True)
    factor = 1 + 0.5 * (1 - (probability - low) / (high - low))
    plus = factor * (raw.amax(-1, keepdim=True) - raw.mean(-1, keepdim=True))
    minus = factor * (raw.amin(-1, keepdim=True) - raw.mean(-1, keepdim=True))
    added = torch.zeros_like(raw)
    tokens = len(query)
    for k, (start, end) in enumerate(shares):
        rows = slice(round(start * tokens), round(end * tokens))
        others = [c for j, event in enumerate(events) if j != k for c in event if c not in (*events[k], *words)]
        added[rows, :, others] = minus[rows][:, :, others]
        raised = sorted({*events[k], *words})
        added[rows, :, raised] = plus[rows][:, :, raised]
    logits = scale * torch.einsum("qhd,khd->qhk", query, key) + added * kept[:, None, None]
    return torch.einsum("qhk,khd->qhd", logits.softmax(-1), value), kept


@pytest.mark.parametrize("shares", [[(0.0, 0.6), (0.6, 0.85), (0.85, 1.0)], [(0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)]])
@pytest.mark.parametrize("size", [(64, 64), (48, 96)], ids=str)
def test_a_run_is_the_dense_form(monkeypatch, size, shares):
    pipe = wan_pipeline()
    plan = plan_of(PROMPT, "cat", *EVENTS)
    plan = plan.with_segments([tsattn.plan.Segment(start=start, end=end) for start, end in shares])
    raw, seen = {}, []

    class Recording(AttentionCall):
        def act(self, query, key, value, mask, out, scale, first):
            made = super().act(query, key, value, mask, out, scale, first)
            seen.append((raw["q"][0], raw["k"][0], query[0], key[0], value[0], made[0].clone(), self.state))
            return made

    monkeypatch.setattr(session, "AttentionCall", Recording)
    attention = pipe.transformer.blocks[1].attn2
    attention.to_q.register_forward_hook(lambda module, args, output: raw.__setitem__("q", output.clone()))
    attention.to_k.register_forward_hook(lambda module, args, output: raw.__setitem__("k", output.clone()))
    with tsattn.control(pipe, plan, config=ControlConfig.released()):
        run(pipe, steps=5, num_frames=33, height=size[0], width=size[1])
    assert len(seen) == 1, "of three blocks only number 1 is odd, and 20 % of 5 steps is one"
    rows = 0
    for raw_query, raw_key, query, key, value, found, state in seen:
        shape = query.shape[1:]
        words, events = state.texts[0].columns[0]
        expected, kept = dense_released(
            raw_query.view(-1, *shape), raw_key.view(-1, *shape), query, key, value, list(words),
            [list(event) for event in events], shares, state.grid, query.shape[-1] ** -0.5,
        )  # fmt: skip
        rows += int(kept.sum())
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-5)
    assert rows, "a region without tokens would show nothing"


def test_lonely_tokens_are_dropped_and_edges_count_as_empty():
    mask = torch.zeros(Grid(1, 4, 4), dtype=torch.bool)
    mask[0, 0, 0] = mask[0, 2, 2] = mask[0, 3, 3] = True
    expected = mask.clone()
    expected[0, 0, 0] = False
    assert torch.equal(without_lonely(mask), expected)


def test_other_settings_of_the_preset():
    released = ControlConfig.released()
    assert released.controlled_steps("t2v", 40) == 8
    assert released.controlled_steps("i2v", 40) == 20
    assert released.layers == "odd"


def test_only_one_region_survives_with_several_subjects(monkeypatch):
    from tsattn.attention import split

    seen, genuine = [], split.released_region
    monkeypatch.setattr(split, "released_region", lambda *a, **k: seen.append(genuine(*a, **k)) or seen[-1])
    timelines = [
        split.Timeline(
            torch.eye(5)[k], torch.arange(5), torch.ones(8, 5, dtype=torch.bool), torch.zeros(8, 5, dtype=torch.bool)
        )
        for k in (0, 3)
    ]
    query, key = (torch.randn(n, 2, 4, generator=torch.Generator().manual_seed(n)) for n in (32, 5))
    masks = split.regions(
        query, key, torch.ones(5), timelines, Grid(2, 4, 4), scale=1.0, rule=ControlConfig.released().rule
    )
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(masks[0], seen[1])
    assert torch.equal(masks[1], seen[1])


def test_bad_layers_are_refused():
    with pytest.raises(ControlError, match="odd"):
        ControlConfig(layers="even")


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_it_acts_on_wans_attention_and_is_refused_on_any_other(case):
    before = residue(case.pipe)
    if not case.name.startswith(("wan", "skyreels")):
        with pytest.raises(ControlError, match="made for Wan's attention"):
            tsattn.enable(case.pipe, three_events(), config=ControlConfig.released())
        assert residue(case.pipe) == before
        return
    alone = case.alone
    with tsattn.control(case.pipe, three_events(), config=ControlConfig.released()):
        assert not torch.equal(case(), alone)
