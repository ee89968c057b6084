"""Pipelines of real classes and real layer sizes with random weights, around the embedded model's text encoder and VAE."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    WanPipeline,
    WanTransformer3DModel,
)

from tsattn.attention.region import Grid
from tsattn.plan import Plan
from tsattn.shapes import MODEL

SIZES = {"1.3B": (12, 8960), "14B": (40, 13824)}
"""Heads of width 128, and the feed-forward's width, of one block of Wan 2.1."""


def wan(heads: int, feed_forward: int, layers: int) -> Any:
    """A Wan pipeline whose text and video parts are the embedded model's."""
    base = WanPipeline.from_pretrained(MODEL)
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        num_attention_heads=heads, attention_head_dim=128, in_channels=4, out_channels=4, num_layers=layers,
        text_dim=base.text_encoder.config.d_model, ffn_dim=feed_forward,
    ).eval()  # fmt: skip
    parts = {name: getattr(base, name) for name in ("tokenizer", "text_encoder", "vae", "scheduler")}
    return _ready(WanPipeline(transformer=transformer, **parts))


def cogvideox(heads: int = 48) -> Any:
    """A CogVideoX pipeline of one block of 5B's size: heads of width 64 and 226 text columns."""
    base = WanPipeline.from_pretrained(MODEL)
    torch.manual_seed(0)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=heads, attention_head_dim=64, in_channels=4, out_channels=4, num_layers=1,
        text_embed_dim=base.text_encoder.config.d_model, use_rotary_positional_embeddings=True,
    ).eval()  # fmt: skip
    vae = AutoencoderKLCogVideoX(block_out_channels=(2,) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=2)
    parts = {"tokenizer": base.tokenizer, "text_encoder": base.text_encoder, "vae": vae.eval()}
    return _ready(CogVideoXPipeline(transformer=transformer, scheduler=CogVideoXDDIMScheduler(), **parts))


def _ready(pipe: Any) -> Any:
    """On a GPU in bfloat16 where there is one, as such models are run there."""
    pipe.set_progress_bar_config(disable=True)
    return pipe.to("cuda", torch.bfloat16) if torch.cuda.is_available() else pipe


def run(pipe: Any, plan: Plan, grid: Grid, *, steps: int = 1, guidance: float = 1.0) -> None:
    """Denoise smooth latents of `grid` tokens.

    Neighbours look alike, as in a video; on plain noise erosion would leave no region to speak of.
    """
    if isinstance(pipe, WanPipeline):
        spatial, temporal = pipe.vae_scale_factor_spatial, pipe.vae_scale_factor_temporal
        shape = (1, 4, grid.frames, 2 * grid.rows, 2 * grid.columns)
        coarse = torch.randn(1, 4, grid.frames, 4, 4, generator=torch.Generator().manual_seed(1))
        latents = torch.nn.functional.interpolate(coarse, size=shape[2:], mode="trilinear")
    else:
        spatial, temporal = pipe.vae_scale_factor_spatial, pipe.vae_scale_factor_temporal
        shape = (1, grid.frames, 4, 2 * grid.rows, 2 * grid.columns)
        coarse = torch.randn(1, 4, grid.frames, 4, 4, generator=torch.Generator().manual_seed(1))
        latents = torch.nn.functional.interpolate(coarse, size=(grid.frames, *shape[3:]), mode="trilinear").transpose(
            1, 2
        )
    pipe(
        prompt=plan.prompt, height=2 * grid.rows * spatial, width=2 * grid.columns * spatial,
        num_frames=1 + (grid.frames - 1) * temporal, num_inference_steps=steps, guidance_scale=guidance,
        latents=latents.to(pipe._execution_device, pipe.dtype), output_type="latent",
    )  # fmt: skip
