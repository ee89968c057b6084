"""What is special to LTX-Video: compression in three kinds of configuration, masked padding, packed tokens."""

from __future__ import annotations

import pytest
import torch

import tsattn
from tests.families.case import plan
from tests.families.ltx import CASES, pipeline
from tsattn.control import session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import load
from tsattn.errors import UnsupportedPipelineError

LTX = load("ltx")
CASE = CASES[0]


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"patch_size_t": 1, "spatio_temporal_scaling": [True, True, True, False]},
        {"spatio_temporal_scaling": [True] * 4, "temporal_compression_ratio": 8},
        {"temporal_compression_ratio": None},
    ],
)
def test_a_latent_frame_covers_eight_frames_in_all_versions(configuration):
    assert LTX.timing(configuration, {}) == (8, 1)


@pytest.mark.parametrize("number", [33, 41])
def test_the_timing_is_that_of_the_decoded_video(number):
    with tsattn.control(CASE.pipe, plan()):
        made = CASE(num_frames=number, output_type="pt")[0]
        clip = CASE.pipe._tsattn.state.clip
    assert len(made) == clip.frames == number


def test_pictures_for_later_frames_are_not_of_the_grid():
    for case, pictures in zip(CASES, (0, 0, 0, 2), strict=True):
        with tsattn.control(case.pipe, plan()):
            case()
            state = case.pipe._tsattn.state
        assert state.grid == (5, 8, 8)
        assert state.leading == pictures * 64


def test_controlled_steps_are_a_share_of_those_that_run():
    case = CASES[2]
    latents = case(output_type="latent")
    with tsattn.control(case.pipe, plan()):
        case(latents=latents, denoise_strength=0.5, num_inference_steps=20)
        assert case.pipe._tsattn.state.steps == 10


def test_padding_has_no_part_in_the_statistics(monkeypatch):
    """Whatever stands in the masked columns, the prompt's rows are the same."""
    results = []

    class Disturbing(AttentionCall):
        def act(self, query, key, value, mask, out, scale, first):
            hidden = (mask[-1, 0, 0] < 0)[None, :, None, None]
            assert hidden.any()
            with torch.no_grad():
                plain = super().act(query, key, value, mask, out.clone(), scale, first)
                noisy = super().act(query, key + 50 * hidden, value + 50 * hidden, mask, out.clone(), scale, first)
            results.append((plain, noisy, out))
            self.state.acted -= 1
            return plain

    monkeypatch.setattr(session, "AttentionCall", Disturbing)
    with tsattn.control(CASE.pipe, plan()):
        CASE()
    assert results
    assert any(not torch.equal(plain, out) for plain, _, out in results)
    for plain, noisy, _ in results:
        assert torch.equal(plain, noisy)


def test_tokens_of_several_latents_are_refused():
    pipe = pipeline("LTXPipeline")
    pipe.transformer.register_to_config(patch_size=2)
    with pytest.raises(UnsupportedPipelineError, match="packs 1 x 2 x 2 latents into a token"):
        tsattn.enable(pipe, plan())
