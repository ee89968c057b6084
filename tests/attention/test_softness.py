"""Soft segment edges against the average as an integral."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attention.test_split import cases, fast_inputs, full_inputs
from tsattn.attention.modulation import event_bias, extent
from tsattn.attention.reference_methods import dense_softness
from tsattn.attention.rule import Rule
from tsattn.attention.softness import softened
from tsattn.attention.split import Timeline


@given(case=cases(), width=st.floats(1, 6))
@settings(deadline=None, max_examples=60)
def test_marks_are_the_average_around_each_latent_frame(case, width):
    key, value = full_inputs(case, torch.float64)[1:3]
    for timeline in fast_inputs(case, key, value)[-1]:
        soft = softened(timeline, width)
        signs = timeline.current.double() - (timeline.other & ~timeline.current).double()
        expected = dense_softness(signs, width)
        torch.testing.assert_close((soft.current - soft.other).double(), expected, rtol=0, atol=1e-5)
        assert not (soft.current * soft.other).any(), "a column is due or it is not"


@given(case=cases(), width=st.floats(0.01, 1))
@settings(deadline=None, max_examples=40)
def test_up_to_a_latent_frame_nothing_changes(case, width):
    query, key, value, _ = full_inputs(case, torch.float32)
    few_keys, _, count, timelines = fast_inputs(case, key, value)
    logits = torch.einsum("qhd,khd->qhk", query, few_keys)
    row, frames = extent(logits, count), case[0].frames
    at = torch.arange(len(query)) // (len(query) // frames)
    for timeline in timelines:
        biases = [
            event_bias(logits[..., one.columns], row, one.current[at], one.other[at], Rule())
            for one in (timeline, softened(timeline, width))
        ]
        assert torch.equal(*biases)


def test_two_events_fade_into_each_other():
    current = torch.zeros(6, 2, dtype=torch.bool)
    current[:3, 0], current[3:, 1] = True, True
    soft = softened(Timeline(torch.ones(2), torch.arange(2), current, ~current), 3.0)
    signs = soft.current - soft.other
    torch.testing.assert_close(signs[:, 0], torch.tensor([1, 1, 1 / 3, -1 / 3, -1, -1]))
    torch.testing.assert_close(signs[:, 1], -signs[:, 0])
