"""HunyuanVideo 1.5, text-to-video and image-to-video: joint attention of [video, text] in blocks with two streams.

The transformer orders its text columns anew: those of the image, of the texts in quotation marks (ByT5), of the prompt, and
then all that is masked. So the prompt's columns begin behind as many as the first two have. A guider names its passes.
Source of the facts: diffusers `models/transformers/transformer_hunyuan_video15.py`, `pipelines/hunyuan_video1_5/
pipeline_hunyuan_video1_5.py` and `pipeline_hunyuan_video1_5_image2video.py` (0.42.1).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.plan.spans import Template, Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    """Attention of the token refiner in `context_embedder` sees text only and is none of them."""
    return [
        Site(f"transformer_blocks.{k}.attn", k, block.attn) for k, block in enumerate(transformer.transformer_blocks)
    ]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, config = given["hidden_states"], transformer.config
    frames, height, width = latents.shape[2:]
    grid = Grid(frames // config.patch_size_t, height // config.patch_size, width // config.patch_size)
    return Pass(grid, len(latents), given["encoder_hidden_states"].shape[1])


def _probe(transformer: Any) -> Probe:
    import torch

    width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    return Probe(video=width, text=width, columns=6, more={"attention_mask": torch.tensor([[1, 1, 1, 1, 0, 0]])})


def _timing(vae: Mapping[str, Any], transformer: Mapping[str, Any]) -> Timing:
    compression, joined = int(vae.get("temporal_compression_ratio", 4)), int(transformer.get("patch_size_t", 1))
    return Timing(joined * compression, 1 + (joined - 1) * compression)


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    template = Template.from_chat(pipe.tokenizer, pipe.system_message, crop=pipe.prompt_template_encode_start_idx)
    tokens = tokenize(pipe.tokenizer, prompt, clean=str, max_length=pipe.tokenizer_max_length, template=template)
    first = 0 if pipe.tokenizer.padding_side == "right" else len(tokens.offsets) - tokens.length
    front = _image_columns(pipe) + _quoted_columns(pipe, prompt)
    own = tokens.offsets[first : first + tokens.length]
    return tokens._replace(offsets=((0, 0),) * front + own, length=front + tokens.length)


def _image_columns(pipe: Any) -> int:
    encoder = getattr(pipe, "image_encoder", None)
    return 0 if encoder is None else int(encoder.config.image_size // encoder.config.patch_size) ** 2


def _quoted_columns(pipe: Any, prompt: str) -> int:
    from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import extract_glyph_texts

    texts = extract_glyph_texts(prompt)
    if texts is None:
        return 0
    return len(pipe.tokenizer_2(texts, max_length=pipe.tokenizer_2_max_length, truncation=True).input_ids)


HUNYUAN_VIDEO_15 = Family(
    name="hunyuan-video-1.5",
    pipelines={"HunyuanVideo15Pipeline": "t2v", "HunyuanVideo15ImageToVideoPipeline": "i2v"},
    transformer_class="HunyuanVideo15Transformer3DModel",
    processor="diffusers.models.transformers.transformer_hunyuan_video15.HunyuanVideo15AttnProcessor2_0",
    layout="video_first",
    conditional="pred_cond",
    unconditional="pred_uncond",
    vae_class="AutoencoderKLHunyuanVideo15",
    timing=_timing,
    longest=lambda transformer: sys.maxsize,  # rotary embeddings are made for any length
    settings=Settings(height=480, width=848, frames=121, fps=24.0, steps=50, guidance=6.0),
    variant=lambda transformer: {"height": 720, "width": 1280} if transformer.get("target_size") == 960 else {},
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=str,
    tokens=_tokens,
)
