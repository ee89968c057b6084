"""Mochi: joint attention in every block, the video in front of the text, for one sample of a batch at a time.

A sample's text loses its padding before attention, so its columns are the prompt's tokens and nothing else. Both guidance
branches are one batch, the negative prompt first. In the last block the text is read but not updated.

Source of the facts: diffusers `models/transformers/transformer_mochi.py`, `models/attention_processor.py`,
`pipelines/mochi/pipeline_mochi.py` (0.42.1).
"""

from __future__ import annotations

import math
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

    samples, _, frames, height, width = given["hidden_states"].shape
    patch = transformer.config.patch_size
    return Pass(Grid(frames, height // patch, width // patch), samples, given["encoder_hidden_states"].shape[1])


def _probe(transformer: Any) -> Probe:
    import torch

    config = transformer.config
    valid = torch.tensor([[True] * 4 + [False] * 2])
    return Probe(
        video=config.num_attention_heads * config.attention_head_dim,
        text=config.pooled_projection_dim,
        columns=valid.shape[1],
        more={"attention_mask": valid},
    )


def _clean(prompt: str) -> str:
    return prompt


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=arguments["max_sequence_length"])


MOCHI = Family(
    name="mochi",
    pipelines={"MochiPipeline": "t2v"},
    transformer_class="MochiTransformer3DModel",
    processor="diffusers.models.attention_processor.MochiAttnProcessor2_0",
    attention_name="F",
    layout="video_first",
    conditional="cond_uncond",
    one_by_one=True,
    vae_class="AutoencoderKLMochi",
    timing=lambda vae, transformer: Timing(math.prod(vae.get("temporal_expansions", (1, 2, 3)))),
    longest=lambda transformer: sys.maxsize,  # positions are computed for any length
    settings=Settings(height=480, width=848, frames=85, fps=30.0, steps=64, guidance=4.5),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
)
