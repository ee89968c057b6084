"""CogVideoX 1.0 and 1.5, from text, an image and a video."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from tests.families.case import Case
from tests.families.t5 import WIDTH, text_parts

COLUMNS = 40
SIZE = 64
SMALL = {"height": SIZE, "width": SIZE, "guidance_scale": 6.0, "max_sequence_length": COLUMNS}
ROTARY = {"use_rotary_positional_embeddings": True}
LEARNED = {**ROTARY, "use_learned_positional_embeddings": True}
LATER = {**ROTARY, "patch_size_t": 2, "patch_bias": False}
"""What version 1.5 has in its configuration."""


def pipeline(kind: str, scheduler: str = "CogVideoXDDIMScheduler", **changes: Any) -> Any:
    """The pipeline class of this name; `changes` go to the transformer."""
    import diffusers

    torch.manual_seed(0)
    facts = {
        "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4, "out_channels": 4, "time_embed_dim": 16,
        "text_embed_dim": WIDTH, "num_layers": 2, "sample_width": SIZE // 8, "sample_height": SIZE // 8, "sample_frames": 9,
        "max_text_seq_length": COLUMNS,
    }  # fmt: skip
    transformer = diffusers.CogVideoXTransformer3DModel(**{**facts, **changes}).eval()
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLCogVideoX(
        block_out_channels=(2,) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=2
    ).eval()
    return getattr(diffusers, kind)(
        transformer=transformer, vae=vae, scheduler=getattr(diffusers, scheduler)(), **text_parts()
    )


def frames(number: int) -> list[Image.Image]:
    """A clip of plain frames, each of another colour."""
    return [Image.new("RGB", (SIZE, SIZE), (10 * k, 30, 60)) for k in range(number)]


def from_text(**changes: Any) -> Any:
    """A text-to-video pipeline."""
    return pipeline("CogVideoXPipeline", **changes)


def from_image(**changes: Any) -> Any:
    """An image-to-video pipeline: the image's latents are further channels."""
    return pipeline("CogVideoXImageToVideoPipeline", in_channels=8, **changes)


def from_video(**changes: Any) -> Any:
    """A video-to-video pipeline."""
    return pipeline("CogVideoXVideoToVideoPipeline", **changes)


IMAGE = {**SMALL, "image": frames(1)[0]}
SKIPPING = {**SMALL, "strength": 0.6, "num_inference_steps": 5}  # three of them are run
DPM = {"scheduler": "CogVideoXDPMScheduler"}
CASES = [
    Case("cogvideox-2b-t2v", from_text, sites=2, options={**SMALL, "num_frames": 9}),
    Case("cogvideox-5b-t2v", lambda: from_text(**ROTARY, **DPM), sites=2, options={**SMALL, "num_frames": 9}),
    Case(
        "cogvideox-5b-i2v",
        lambda: from_image(**LEARNED),
        sites=2,
        options={**IMAGE, "num_frames": 9},
        per_prompt=("image",),
    ),
    Case(
        "cogvideox-5b-v2v",
        lambda: from_video(**ROTARY),
        sites=2,
        options={**SKIPPING, "video": frames(9)},
        per_prompt=("video",),
    ),
    Case("cogvideox-1.5-t2v", lambda: from_text(**LATER, **DPM), sites=2, options={**SMALL, "num_frames": 25}),
    Case(
        "cogvideox-1.5-i2v",
        lambda: from_image(ofs_embed_dim=16, **LATER),
        sites=2,
        options={**IMAGE, "num_frames": 25},
        per_prompt=("image",),
    ),
    Case(
        "cogvideox-1.5-v2v",
        lambda: from_video(**LATER),
        sites=2,
        options={**SKIPPING, "video": frames(29)},
        batches=False,  # the pipeline counts clips as frames
    ),
]
