"""LTX-Video, from text, a picture and several pictures at their frames."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from tests.families.case import Case
from tests.families.t5 import WIDTH, text_parts

SIZE = 64
SMALL = {"height": SIZE, "width": SIZE, "num_frames": 33, "guidance_scale": 3.0, "max_sequence_length": 40}
PICTURE = Image.new("RGB", (SIZE, SIZE), (120, 30, 60))


def pipeline(kind: str) -> Any:
    """The pipeline class of this name."""
    import diffusers

    torch.manual_seed(0)
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8, cross_attention_dim=32, num_layers=2,
        caption_channels=WIDTH,
    ).eval()  # fmt: skip
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5, patch_size=1,
    ).eval()  # fmt: skip
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    return getattr(diffusers, kind)(transformer=transformer, vae=vae, scheduler=scheduler, **text_parts())


CASES = [
    Case("ltx-t2v", lambda: pipeline("LTXPipeline"), sites=2, options=SMALL, videos=True),
    Case(
        "ltx-i2v",
        lambda: pipeline("LTXImageToVideoPipeline"),
        sites=2,
        options={**SMALL, "image": PICTURE},
        per_prompt=("image",),
    ),
    Case("ltx-condition-t2v", lambda: pipeline("LTXConditionPipeline"), sites=2, options=SMALL),
    Case(
        "ltx-condition",
        lambda: pipeline("LTXConditionPipeline"),
        sites=2,
        options={**SMALL, "conditions": [LTXVideoCondition(image=PICTURE, frame_index=k) for k in (0, 16, 24)]},
        batches=False,
    ),
]
