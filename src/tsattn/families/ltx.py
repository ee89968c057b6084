"""LTX-Video: cross-attention in every block, padding of the text masked, guidance as one batch.

The transformer is given its tokens packed in a row, and beside them the size of their grid or the place of each.
Source of the facts: diffusers `models/transformers/transformer_ltx.py`, `pipelines/ltx` (0.42.1).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing, remembered
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


def _timing(vae: Mapping[str, Any], transformer: Mapping[str, Any]) -> Timing:
    scaled = sum(vae.get("spatio_temporal_scaling", (True, True, True, False)))
    compression = vae.get("temporal_compression_ratio") or vae.get("patch_size_t", 1) * 2**scaled
    return Timing(int(compression))


def _sites(transformer: Any) -> list[Site]:
    blocks = enumerate(transformer.transformer_blocks)
    return [Site(f"transformer_blocks.{k}.attn2", k, block.attn2) for k, block in blocks]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    samples, text = given["encoder_hidden_states"].shape[:2]
    if "video_coords" not in given:
        return Pass(Grid(*(int(given[name]) for name in ("num_frames", "height", "width"))), samples, text)
    leading, sizes = _placed(given["video_coords"])
    return Pass(Grid(*sizes), samples, text, leading)


@remembered
def _placed(coordinates: Tensor) -> tuple[int, list[int]]:
    """How many tokens stand in front of the video, and the sizes of its grid, by the places of all tokens (b, 3, q)."""
    moments_rows_columns = coordinates[0]
    # pictures for later frames stand in front of the video, which begins at the only place that is all zeros
    leading = int(moments_rows_columns.eq(0).all(0).nonzero())
    return leading, [len(places.unique()) for places in moments_rows_columns[:, leading:]]


def _probe(transformer: Any) -> Probe:
    import torch

    config = transformer.config
    mask = torch.tensor([[[0.0, 0.0, 0.0, 0.0, -10000.0, -10000.0]]], dtype=transformer.dtype)
    return Probe(
        video=config.num_attention_heads * config.attention_head_dim,
        text=config.cross_attention_dim,
        columns=mask.shape[-1],
        more={"attention_mask": mask},
    )


def _clean(prompt: str) -> str:
    return prompt


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=arguments["max_sequence_length"])


def _refuse(pipe: Any) -> str | None:
    config = pipe.transformer.config
    if (config.patch_size, config.patch_size_t) == (1, 1):
        return None
    return f"its transformer packs {config.patch_size_t} x {config.patch_size} x {config.patch_size} latents into a token, not one"


LTX = Family(
    name="ltx",
    # what versions from 0.9.5 on come with makes videos from text, unless it is given conditions
    pipelines={"LTXPipeline": "t2v", "LTXImageToVideoPipeline": "i2v", "LTXConditionPipeline": "t2v"},
    transformer_class="LTXVideoTransformer3DModel",
    processor="diffusers.models.transformers.transformer_ltx.LTXVideoAttnProcessor",
    layout="cross",
    conditional="cond_uncond",
    vae_class="AutoencoderKLLTXVideo",
    timing=_timing,
    longest=lambda transformer: sys.maxsize,  # positions are computed for any length
    settings=Settings(height=512, width=704, frames=161, fps=25.0, steps=50, guidance=3.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
    refuse=_refuse,
)
