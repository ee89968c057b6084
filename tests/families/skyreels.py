"""SkyReels-V2, from text and a picture."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from tests.conftest import COLUMNS, wan_pipeline
from tests.families.case import Case
from tests.families.clip import WIDTH, image_parts

SIZE = 96
SMALL = {"height": SIZE, "width": SIZE, "num_frames": 9, "guidance_scale": 5.0}
PICTURE = Image.new("RGB", (SIZE, SIZE), (120, 30, 60))


def pipeline(kind: str, parts: dict[str, Any], **changes: Any) -> Any:
    """The pipeline class of this name, with Wan's text encoder and autoencoder; `changes` go to the transformer."""
    import diffusers

    torch.manual_seed(0)
    facts = {
        "patch_size": (1, 2, 2), "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 16,
        "out_channels": 16, "text_dim": 32, "freq_dim": 256, "ffn_dim": 32, "num_layers": 2, "rope_max_seq_len": 32,
    }  # fmt: skip
    transformer = diffusers.SkyReelsV2Transformer3DModel(**{**facts, **changes}).eval()
    base = wan_pipeline()
    names = ("tokenizer", "text_encoder", "vae", "scheduler")
    return getattr(diffusers, kind)(transformer=transformer, **{name: getattr(base, name) for name in names}, **parts)


def from_picture() -> Any:
    """An image-to-video pipeline."""
    takes_picture = {"in_channels": 36, "image_dim": WIDTH, "added_kv_proj_dim": 24}
    return pipeline("SkyReelsV2ImageToVideoPipeline", image_parts(), **takes_picture)


CASES = [
    Case(
        "skyreels-v2-t2v",
        lambda: pipeline("SkyReelsV2Pipeline", {}),
        sites=2,
        options={**SMALL, "max_sequence_length": COLUMNS},
        videos=True,
    ),
    Case("skyreels-v2-i2v", from_picture, sites=2, options={**SMALL, "image": PICTURE}),
]
