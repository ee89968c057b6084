"""Wan 2.1 and 2.2 text-to-video: cross-attention in every block, text padded to a fixed length with zeros.

The zeros are not masked: they are real keys, all identical. Wan 2.2 A14B has two transformers, for high and low noise.
Source of the facts: diffusers `models/transformers/transformer_wan.py`, `pipelines/wan/pipeline_wan.py` (0.42.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsattn.control.family import Family, Site
from tsattn.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tsattn.attention.region import Grid


def _sites(transformer: Any) -> list[Site]:
    return [Site(f"blocks.{k}.attn2", k, block.attn2) for k, block in enumerate(transformer.blocks)]


def _grid(transformer: nn.Module, latents: Tensor) -> Grid:
    from tsattn.attention.region import Grid

    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)  # type: ignore[union-attr, arg-type]
    return Grid(*(length // patch for length, patch in sizes))


def _probe(transformer: Any, device: torch.device) -> tuple[Any, ...]:
    import torch

    config, generator = transformer.config, torch.Generator().manual_seed(0)
    width = config.num_attention_heads * config.attention_head_dim
    video, text = (torch.randn(1, length, width, generator=generator) for length in (8, 6))
    return video.to(device, transformer.dtype), text.to(device, transformer.dtype), None, None


def _clean(prompt: str) -> str:
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    cleaned: str = prompt_clean(prompt)
    return cleaned


def _refuse(pipe: Any) -> str | None:
    if pipe.config.expand_timesteps:
        return "Wan 2.2 TI2V (expand_timesteps) is not supported yet"
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
    attention_name="dispatch_attention_fn",
    conditional="cond",
    vae_class="AutoencoderKLWan",
    # older configurations leave out what was fixed then
    compression=lambda vae: int(vae.get("scale_factor_temporal", 4)),
    longest=lambda transformer: int(transformer.get("rope_max_seq_len", 1024) * transformer["patch_size"][0]),
    settings=Settings(height=480, width=832, frames=81, fps=16.0, steps=50, guidance=5.0),
    sites=_sites,
    grid=_grid,
    probe=_probe,
    clean=_clean,
    refuse=_refuse,
)
