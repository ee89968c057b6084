"""CogVideoX 1.0 and 1.5, from text, an image or a video: joint attention in every block, text in front of the video.

The text is always as many columns as the pipeline asks for; those behind the prompt's tokens are ordinary keys, not masked
and all different. Both guidance branches are one batch, the negative prompt first.

Version 1.5 joins two latent frames into a row of tokens, eight frames. Its pipelines from text and image put one latent
frame in front where their number is odd and drop it after denoising, so the first row holds one frame of the video, as in
version 1.0 the first latent frame does. `timing` states that for the frame counts the models were made for (49; 81 and 161),
which give an odd number of latent frames. For an even number the autoencoder makes every latent frame four frames long,
so the first one, or the first row, is stated up to seven frames too short, and events begin by less than a row too late.

Source of the facts: diffusers `models/transformers/cogvideox_transformer_3d.py`, `models/attention_processor.py`,
`models/autoencoders/autoencoder_kl_cogvideox.py`, `pipelines/cogvideo/` (0.42.1).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    blocks = enumerate(transformer.transformer_blocks)
    return [Site(f"transformer_blocks.{k}.attn1", k, block.attn1) for k, block in blocks]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    samples, frames, _, height, width = given["hidden_states"].shape
    patch, joined = transformer.config.patch_size, _joined(transformer.config)
    return Pass(
        Grid(frames // joined, height // patch, width // patch), samples, given["encoder_hidden_states"].shape[1]
    )


def _joined(transformer: Mapping[str, Any]) -> int:
    """Latent frames in a row of tokens."""
    return int(transformer.get("patch_size_t") or 1)


def _timing(vae: Mapping[str, Any], transformer: Mapping[str, Any]) -> Timing:
    return Timing(int(vae.get("temporal_compression_ratio", 4)) * _joined(transformer))


def _variant(transformer: Mapping[str, Any]) -> dict[str, Any]:
    return {} if _joined(transformer) == 1 else {"height": 768, "width": 1360, "frames": 81, "fps": 16.0}


def _probe(transformer: Any) -> Probe:
    width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    return Probe(video=width, text=width)


def _clean(prompt: str) -> str:
    return prompt


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=arguments["max_sequence_length"])


def _refuse(pipe: Any) -> str | None:
    from diffusers.models.attention_processor import FusedCogVideoXAttnProcessor2_0 as Fused

    if any(type(site.module.processor) is Fused for site in _sites(pipe.transformer)):
        return "its query, key and value projections are fused; call pipe.transformer.unfuse_qkv_projections() first"
    return None


COGVIDEOX = Family(
    name="cogvideox",
    pipelines={
        "CogVideoXPipeline": "t2v",
        "CogVideoXImageToVideoPipeline": "i2v",
        "CogVideoXVideoToVideoPipeline": "i2v",
    },
    transformer_class="CogVideoXTransformer3DModel",
    processor="diffusers.models.attention_processor.CogVideoXAttnProcessor2_0",
    attention_name="F",
    layout="text_first",
    conditional="cond_uncond",
    vae_class="AutoencoderKLCogVideoX",
    timing=_timing,
    longest=lambda transformer: sys.maxsize,  # positions are computed for any length
    settings=Settings(height=480, width=720, frames=49, fps=8.0, steps=50, guidance=6.0),
    variant=_variant,
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
    refuse=_refuse,
)
