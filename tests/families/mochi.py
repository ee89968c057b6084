"""Mochi."""

from __future__ import annotations

from typing import Any

import torch

from tests.families.case import Case
from tests.families.t5 import WIDTH, text_parts

SMALL = {"height": 64, "width": 64, "num_frames": 19, "guidance_scale": 4.5, "max_sequence_length": 40}


def pipeline(**more: Any) -> Any:
    """A text-to-video pipeline; `more` goes to its class."""
    from diffusers import AutoencoderKLMochi, FlowMatchEulerDiscreteScheduler, MochiPipeline, MochiTransformer3DModel

    torch.manual_seed(0)
    transformer = MochiTransformer3DModel(
        num_attention_heads=2, attention_head_dim=8, num_layers=3, pooled_projection_dim=16, in_channels=12,
        text_embed_dim=WIDTH, time_embed_dim=4, max_sequence_length=40,
    ).eval()  # fmt: skip
    torch.nn.init.normal_(transformer.pos_frequencies)  # zero until trained
    torch.manual_seed(0)
    vae = AutoencoderKLMochi(
        encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4, layers_per_block=(1,) * 5
    ).eval()
    return MochiPipeline(
        transformer=transformer, vae=vae, scheduler=FlowMatchEulerDiscreteScheduler(), **text_parts(), **more
    )


CASES = [
    Case("mochi-t2v", pipeline, sites=3, options=SMALL, videos=True),
    Case(
        "mochi-t2v-no-negative-text",  # as the published model is configured
        lambda: pipeline(force_zeros_for_empty_prompt=True),
        sites=3,
        options=SMALL,
    ),
]
