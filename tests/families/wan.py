"""Wan 2.1 and 2.2, from text, a picture, two pictures and a video, and VACE."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from tests.conftest import COLUMNS, wan_pipeline
from tests.families.case import Case
from tests.families.clip import WIDTH, image_parts

SIZE = 64
SMALL = {"height": SIZE, "width": SIZE, "guidance_scale": 5.0}
CLIP = {**SMALL, "num_frames": 9}
FEW_COLUMNS = {"max_sequence_length": COLUMNS}
"""For models without a picture among the keys; the first of them runs with the default 512 all the same."""
PICTURE = Image.new("RGB", (SIZE, SIZE), (120, 30, 60))
FROM_PICTURE = {**CLIP, "image": PICTURE}
FRAMES = [Image.new("RGB", (SIZE, SIZE), (25 * k, 30, 60)) for k in range(9)]
TAKES_PICTURE = {"image_dim": WIDTH, "added_kv_proj_dim": 24}


def other(kind: str, base: Any, **parts: Any) -> Any:
    """The pipeline class of this name around the components of another; `parts` replaces or adds some."""
    import diffusers

    names = ("tokenizer", "text_encoder", "vae", "scheduler", "transformer")
    return getattr(diffusers, kind)(**{**{name: getattr(base, name) for name in names}, **parts})


def from_picture(**changes: Any) -> Any:
    """A Wan 2.1 image-to-video pipeline; `changes` go to the transformer."""
    base = wan_pipeline(in_channels=36, **TAKES_PICTURE, **changes)
    return other("WanImageToVideoPipeline", base, **image_parts())


def from_picture_a14b() -> Any:
    """A Wan 2.2 A14B image-to-video pipeline: two transformers and no picture among the keys."""
    base = wan_pipeline(two=True, in_channels=36)
    return other("WanImageToVideoPipeline", base, transformer_2=base.transformer_2, boundary_ratio=0.9)


def ti2v_5b(kind: str) -> Any:
    """A Wan 2.2 TI2V-5B pipeline: every token has a timestep."""
    return other(kind, wan_pipeline(), expand_timesteps=True)


def vace() -> Any:
    """A Wan 2.1 VACE pipeline with two further blocks."""
    from diffusers import WanVACETransformer3DModel

    base = wan_pipeline()
    torch.manual_seed(0)
    config = {name: value for name, value in base.transformer.config.items() if not name.startswith("_")}
    transformer = WanVACETransformer3DModel(**config, vace_layers=[0, 2], vace_in_channels=96).eval()
    return other("WanVACEPipeline", base, transformer=transformer)


CASES = [
    Case("wan-2.1-t2v", wan_pipeline, sites=3, options=CLIP, videos=True),
    Case("wan-2.1-i2v", from_picture, sites=3, options=FROM_PICTURE),
    Case(
        "wan-2.1-flf2v",
        lambda: from_picture(pos_embed_seq_len=10),
        sites=3,
        options={**FROM_PICTURE, "last_image": PICTURE},
    ),
    Case("wan-2.2-a14b-t2v", lambda: wan_pipeline(two=True), sites=3, options={**CLIP, **FEW_COLUMNS}),
    Case(
        "wan-2.2-a14b-i2v",
        from_picture_a14b,
        sites=3,
        options={**FROM_PICTURE, **FEW_COLUMNS, "width": 96},
        videos=True,
    ),
    Case("wan-2.2-ti2v-5b-t2v", lambda: ti2v_5b("WanPipeline"), sites=3, options={**CLIP, **FEW_COLUMNS}),
    Case(
        "wan-2.2-ti2v-5b-i2v",
        lambda: ti2v_5b("WanImageToVideoPipeline"),
        sites=3,
        options={**FROM_PICTURE, **FEW_COLUMNS},
    ),
    Case(
        "wan-2.1-v2v",
        lambda: other("WanVideoToVideoPipeline", wan_pipeline()),
        sites=3,
        options={**SMALL, **FEW_COLUMNS, "video": FRAMES, "num_inference_steps": 6, "strength": 0.5},
    ),
    Case("wan-vace", vace, sites=5, options={**CLIP, **FEW_COLUMNS}, batches=False),
    Case(
        "wan-vace-references",
        vace,
        sites=5,
        options={**CLIP, **FEW_COLUMNS, "reference_images": [PICTURE] * 2},
        batches=False,
    ),
]
