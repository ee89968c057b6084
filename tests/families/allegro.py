"""Allegro."""

from __future__ import annotations

from typing import Any

import torch

from tests.families.case import Case
from tests.families.t5 import WIDTH, text_parts

SMALL = {"height": 64, "width": 64, "num_frames": 12, "guidance_scale": 7.5, "max_sequence_length": 40}


def pipeline(**changes: Any) -> Any:
    """A text-to-video pipeline; `changes` go to the transformer."""
    from diffusers import AllegroPipeline, AllegroTransformer3DModel, AutoencoderKLAllegro, DDIMScheduler

    torch.manual_seed(0)
    facts = {
        "num_attention_heads": 2, "attention_head_dim": 24, "num_layers": 3, "cross_attention_dim": 48,
        "caption_channels": WIDTH, "sample_width": 8, "sample_height": 8, "sample_frames": 3,
    }  # fmt: skip
    transformer = AllegroTransformer3DModel(**{**facts, **changes}).eval()
    torch.manual_seed(0)
    vae = AutoencoderKLAllegro(
        block_out_channels=(8,) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=2, sample_size=64
    ).eval()
    return AllegroPipeline(transformer=transformer, vae=vae, scheduler=DDIMScheduler(), **text_parts())


CASES = [Case("allegro-t2v", pipeline, sites=3, options=SMALL)]
