"""Windows: where they lie, what they count for, what each is told, and that they are blended."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.methods.toys import PLAN, SETTINGS, from_text, passes_of
from tsattn.methods import METHODS, make_video
from tsattn.methods.windows import REACH, reaching, weights
from tsattn.plan.timeline import Stretch


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_windows_fill_the_clip_and_count_for_one(lengths):
    ends = torch.tensor(lengths).cumsum(0).tolist()
    stretches = [Stretch(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    shares, windows = weights(stretches), reaching(stretches)
    assert torch.allclose(shares.sum(0), torch.ones(ends[-1]))
    for share, (first, last), own in zip(shares, windows, stretches, strict=True):
        assert first <= own.first < own.last <= last
        outside = [frame for frame in range(ends[-1]) if not first <= frame < last]
        assert not share[outside].any(), "nothing is asked for that is not predicted"
        assert (share[first:last] > 0).all()


def test_a_lone_window_counts_for_exactly_one():
    assert torch.equal(weights([Stretch(0, 7)]), torch.ones(1, 7))


def test_neighbours_cross_where_one_event_ends():
    left, right = weights([Stretch(0, 6), Stretch(6, 12)])
    assert torch.allclose(left, right.flip(0))
    assert left[: 6 - REACH].eq(1).all()
    assert left[5] > 0.5 > left[6]


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_each_window_has_its_own_text_and_blends_what_it_predicts(guidance):
    """The noise prediction is that of the windows' own calls, weighed."""
    model = from_text()
    transformer, own = model.pipe.transformer, []

    def note(module, args, kwargs):
        own.append(kwargs["encoder_hidden_states"])

    settings = SETTINGS.__class__(**{**vars(SETTINGS), "steps": 1, "guidance": guidance})
    texts = [
        model.pipe.encode_prompt(prompt, do_classifier_free_guidance=False, max_sequence_length=512)[0]
        for prompt in ("A cat runs across the grass", "A cat jumps over a red fence", "A cat sleeps")
    ]
    steps, step = [], model.pipe.scheduler.step
    model.pipe.scheduler.step = lambda predicted, *args, **kwargs: (
        steps.append(predicted), step(predicted, *args, **kwargs)
    )[1]  # fmt: skip
    with passes_of(model.pipe) as seen:
        make_video(model, PLAN, settings, METHODS["windows"])
    latents = torch.randn(1, 16, 8, 4, 4, generator=torch.Generator().manual_seed(SETTINGS.seed))
    stretches = [Stretch(0, 3), Stretch(3, 6), Stretch(6, 8)]
    time = model.pipe.scheduler.timesteps[:1]
    empty = model.pipe.encode_prompt("", do_classifier_free_guidance=False, max_sequence_length=512)[0]
    expected = torch.zeros_like(latents)
    with torch.no_grad():
        for (first, last), share, text in zip(reaching(stretches), weights(stretches), texts, strict=True):
            part = latents[:, :, first:last]
            told, alone = (transformer(part, time, words, return_dict=False)[0] for words in (text, empty))
            guided = alone + guidance * (told - alone)
            expected[:, :, first:last] += share[first:last, None, None] * guided
    assert torch.allclose(steps[0], expected, atol=1e-5)
    assert len(seen) == (6 if guidance > 1 else 3)
