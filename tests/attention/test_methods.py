"""Methods that add what depends on the time alone, against their dense float64 references."""

import pytest
import torch
from hypothesis import given, settings

from tests.attention.test_joint import joint_attention, video_of
from tests.attention.test_split import budget, cases, fast_inputs, full_inputs
from tsattn.attention import split
from tsattn.attention.hard_mask import hidden
from tsattn.attention.joint import video_part
from tsattn.attention.prompt_relay import EPSILON, penalty, relayed
from tsattn.attention.reference_methods import dense_hard_mask, dense_penalised, dense_prompt_relay
from tsattn.attention.split import Timeline, controlled_rows, place, regions
from tsattn.control import ControlConfig

SCALE = 8**-0.5
METHODS = {"prompt-relay": dense_prompt_relay, "hard-mask": dense_hard_mask}


def timelines_by(name, timelines, subjects, length):
    if name == "hard-mask":
        return hidden(timelines, length)
    events = [event for _, columns, stretches in subjects for event in zip(columns, stretches, strict=True)]
    return relayed(timelines, events, length)


def rule_of(name):
    return ControlConfig(policy=name).rule


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@given(case=cases())
@settings(deadline=None, max_examples=40)
def test_cross_attention_is_the_dense_reference(dtype, name, case):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, dtype)
    few_keys, few_values, count, timelines = fast_inputs(case, key, value)
    timelines = timelines_by(name, timelines, subjects, len(few_keys))
    rule, rest = rule_of(name), {"scale": SCALE}
    masks = regions(query, few_keys, count, timelines, grid, rule=rule, **rest)
    none = torch.zeros(grid.frames, len(key))
    found = dense_penalised(query, key, value, seen, none, **rest).to(dtype)
    for rows in controlled_rows(query, few_keys, few_values, count, timelines, masks, rule=rule, **rest):
        place(found, rows, rows.values)
    penalties = METHODS[name](subjects, grid.frames, len(key))
    expected = dense_penalised(query, key, value, seen, penalties, **rest)
    room = budget(query, key, value, SCALE, len(subjects), dtype)
    # penalties are rounded to single precision, and what is larger than 100 leaves nothing anyway
    room += 300 * torch.finfo(torch.float32).eps * value.double().abs().max()
    assert (found.double() - expected).abs().max() <= room


@pytest.mark.parametrize("name", METHODS)
@given(case=cases())
@settings(deadline=None, max_examples=30)
def test_joint_attention_is_the_dense_reference(name, case):
    grid, *_, subjects, _, _ = case
    query, key, value, seen = full_inputs(case, torch.float64)
    video = video_of(case, torch.float64)
    few_keys, few_values, count, timelines = fast_inputs(case, key, value)
    timelines = timelines_by(name, timelines, subjects, len(few_keys))
    part = video_part(query, *video, scale=SCALE)
    masks = regions(query, few_keys, count, timelines, grid, scale=SCALE, rule=rule_of(name))
    found = joint_attention(
        query, part, few_keys, few_values, count, timelines, masks, scale=SCALE, rule=rule_of(name), masked=True
    )
    penalties = METHODS[name](subjects, grid.frames, len(key))
    expected = dense_penalised(query, key, value, seen, penalties, scale=SCALE, video=video)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 20])
def test_an_event_keeps_epsilon_of_its_weight_at_the_edges_of_its_segment(length):
    """The edge is between two latent frames, so that the one inside keeps more and the one outside less."""
    lost = penalty(3 * length, length, 2 * length)
    assert lost[length + (length - 1) // 2] == 0, "nothing in the middle"
    assert torch.equal(lost, lost.flip(0))
    inside, outside = lost[2 * length - 1], lost[2 * length]
    assert inside < -torch.tensor(EPSILON).log() < outside
    assert (lost[2 * length :].diff() > 0).all(), "ever more with the distance"


def test_the_hard_mask_leaves_nothing_of_a_hidden_word():
    query, key = torch.randn(8, 2, 8), 5 * torch.randn(6, 2, 8)
    value = torch.eye(6, 8)[:, None].expand(6, 2, 8)  # the output is the attention map itself, then zeros
    current = torch.zeros(2, 6, dtype=torch.bool)
    current[0, 2], current[1, 4] = True, True
    timelines = hidden([Timeline(torch.eye(6)[0], torch.arange(6), current, current.flip(0))], 6)
    everywhere = torch.ones(1, 8, dtype=torch.bool)
    (rows,) = controlled_rows(
        query, key, value, torch.ones(6), timelines, everywhere, scale=1.0, rule=rule_of("hard-mask")
    )
    assert (rows.values[:4, :, 4] == 0).all()
    assert (rows.values[4:, :, 2] == 0).all()
    torch.testing.assert_close(rows.values.sum(-1), torch.ones(8, 2))


def test_a_word_that_is_due_for_another_subject_stays():
    """Each of two subjects would hide what is due for the other, and with it all words."""
    current = torch.tensor([[True, False]])
    one = Timeline(torch.tensor([1.0, 0]), torch.arange(2), current, ~current)
    two = Timeline(torch.tensor([0, 1.0]), torch.arange(2), ~current, current)
    assert not any(timeline.other.any() for timeline in hidden([one, two], 2))


@pytest.mark.parametrize("name", METHODS)
def test_nothing_waits_for_the_device(name, monkeypatch):
    """A tensor without data cannot be read, and has a shape only where that does not depend on data."""
    current = torch.zeros(4, 4, dtype=torch.bool)
    current[:2, :2], current[2:, 2:] = True, True
    subjects = [([1], [[0, 1], [2, 3]], [(0, 2), (2, 4)])]
    timelines = timelines_by(name, [Timeline(torch.eye(9)[1], torch.arange(4), current, ~current)], subjects, 9)
    there = [Timeline(*(x.to("meta") for x in timeline)) for timeline in timelines]
    query, key, value = (torch.empty(n, 2, 8, device="meta") for n in (16, 9, 9))
    count = torch.ones(9, device="meta")
    masks = regions(query, key, count, there, split.Grid(4, 2, 2), scale=1.0, rule=rule_of(name))
    for rows in controlled_rows(query, key, value, count, there, masks, scale=1.0, rule=rule_of(name)):
        assert rows.values.device.type == "meta"
