"""Wan 2.1 and 2.2 text-to-video: cross-attention in every block, text padded to a fixed length with zeros.

The zeros are not masked: they are real keys, all identical. Wan 2.2 A14B has two transformers, for high and low noise.
Source of the facts: diffusers `models/transformers/transformer_wan.py`, `pipelines/wan/pipeline_wan.py` (0.42.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    return [Site(f"blocks.{k}.attn2", k, block.attn2) for k, block in enumerate(transformer.blocks)]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]
    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _probe(transformer: Any) -> Probe:
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    return Probe(video=width, text=width)


def _clean(prompt: str) -> str:
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    cleaned: str = prompt_clean(prompt)
    return cleaned


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=arguments["max_sequence_length"])


def _refuse(pipe: Any) -> str | None:
    for name in WAN.transformers:
        transformer = getattr(pipe, name, None)
        if transformer is not None and transformer.config.image_dim is not None:
            return f"its {name} takes image embeddings (image_dim={transformer.config.image_dim}), which is not supported yet"
    return None


WAN = Family(
    name="wan",
    pipelines={"WanPipeline": "t2v"},
    transformer_class="WanTransformer3DModel",
    transformers=("transformer", "transformer_2"),
    processor="diffusers.models.transformers.transformer_wan.WanAttnProcessor",
    layout="cross",
    conditional="cond",
    identical_pads=True,
    vae_class="AutoencoderKLWan",
    # older configurations leave out what was fixed then
    compression=lambda vae: int(vae.get("scale_factor_temporal", 4)),
    longest=lambda transformer: int(transformer.get("rope_max_seq_len", 1024) * transformer["patch_size"][0]),
    settings=Settings(height=480, width=832, frames=81, fps=16.0, steps=50, guidance=5.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
    refuse=_refuse,
)
