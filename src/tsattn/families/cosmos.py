"""Cosmos 1 (text to world, image or video to world) and Cosmos 2 (image or video to world): cross-attention in every block.

The text is padded with zeros to a fixed length, which are not masked: they are real keys, all identical. The pass with the
prompt and the one with the negative prompt have no names. Cosmos 1 calls its scheduler twice in a step, to guide the clean
video that it predicts. Cosmos 2 gives its transformer other timesteps than its scheduler's, which nothing here looks at.
Source of the facts: diffusers `models/transformers/transformer_cosmos.py`, `pipelines/cosmos/pipeline_cosmos_text2world.py`,
`pipeline_cosmos_video2world.py` and `pipeline_cosmos2_video2world.py` (0.42.1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    return [
        Site(f"transformer_blocks.{k}.attn2", k, block.attn2) for k, block in enumerate(transformer.transformer_blocks)
    ]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]
    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _probe(transformer: Any) -> Probe:
    config = transformer.config
    return Probe(video=config.num_attention_heads * config.attention_head_dim, text=config.text_embed_dim)


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    return tokenize(pipe.tokenizer, prompt, clean=COSMOS.clean, max_length=arguments["max_sequence_length"])


def _refuse(pipe: Any) -> str | None:
    if pipe.transformer.config.img_context_dim_in:
        return (
            "its transformer attends to image embeddings (img_context_dim_in), which no pipeline of Cosmos 1 and 2 does"
        )
    return None


COSMOS = Family(
    name="cosmos",
    pipelines={"CosmosTextToWorldPipeline": "t2v", "CosmosVideoToWorldPipeline": "i2v"},
    transformer_class="CosmosTransformer3DModel",
    processor="diffusers.models.transformers.transformer_cosmos.CosmosAttnProcessor2_0",
    layout="cross",
    conditional=None,
    step_calls=2,
    identical_pads=True,
    vae_class="AutoencoderKLCosmos",
    timing=lambda vae, transformer: Timing(int(vae.get("temporal_compression_ratio", 8))),
    longest=lambda transformer: int(transformer["max_size"][0] // transformer["patch_size"][0]),
    settings=Settings(height=704, width=1280, frames=121, fps=30.0, steps=36, guidance=7.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=str,
    tokens=_tokens,
    refuse=_refuse,
)

COSMOS_2 = dataclasses.replace(
    COSMOS,
    name="cosmos-2",
    pipelines={"Cosmos2VideoToWorldPipeline": "i2v"},
    step_calls=1,
    vae_class="AutoencoderKLWan",
    timing=lambda vae, transformer: Timing(2 ** sum(vae.get("temperal_downsample", (False, True, True)))),
    settings=Settings(height=704, width=1280, frames=93, fps=16.0, steps=35, guidance=7.0),
)
