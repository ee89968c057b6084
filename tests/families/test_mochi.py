"""What is special to Mochi: attention for one sample at a time."""

from __future__ import annotations

import pytest
import torch

import tsattn
from tests.families.case import OTHER_PROMPT, PROMPT, other_plan, plan
from tests.families.mochi import CASES, pipeline
from tsattn.control import session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import load

CASE = CASES[0]
BOTH = [PROMPT, OTHER_PROMPT], (3, 4)


def test_a_run_after_an_interrupted_one_gives_every_sample_its_own_plan(monkeypatch):
    failing = []

    class Interrupted(AttentionCall):
        def act(self, *args, **kwargs):
            if failing:
                raise failing.pop()
            return super().act(*args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Interrupted)
    with tsattn.control(CASE.pipe, [plan(), other_plan()]):
        expected = CASE(BOTH[0], seeds=BOTH[1])
        failing.append(KeyboardInterrupt())  # between the two prompts of the first block
        with pytest.raises(KeyboardInterrupt):
            CASE(BOTH[0], seeds=BOTH[1])
        assert torch.equal(CASE(BOTH[0], seeds=BOTH[1]), expected)


def test_the_timing_is_that_of_the_decoded_video():
    with tsattn.control(CASE.pipe, plan()):
        made = CASE(output_type="pt")[0]
        clip = CASE.pipe._tsattn.state.clip
    assert len(made) == clip.frames == CASE.options["num_frames"]
    timing = load("mochi").timing(CASE.pipe.vae.config, CASE.pipe.transformer.config)
    assert clip.latent_frames == 4
    assert tuple(timing) == (6, 1)


def test_a_compiled_attention_is_the_models_own_again_afterwards():
    # removing the padding breaks the graph, so the processor is compiled apart from its module
    torch.manual_seed(0)
    pipe = pipeline()
    module, valid = pipe.transformer.transformer_blocks[0].attn1, torch.tensor([[True, True, False]])
    given = torch.randn(1, 8, 16), torch.randn(1, 3, 16), valid
    rotation = tuple(torch.randn(8, 2, 4) for _ in range(2))
    expected = module(*given, image_rotary_emb=rotation)[0]
    compiled = torch.compile(module, backend="eager")
    with torch.no_grad():
        tsattn.enable(pipe, plan())
        assert torch.equal(compiled(*given, image_rotary_emb=rotation)[0], expected)
        tsattn.disable(pipe)
        assert torch.equal(compiled(*given, image_rotary_emb=rotation)[0], expected)
