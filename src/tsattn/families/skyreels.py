"""SkyReels-V2: Wan's design in classes of its own, for longer clips at 24 frames per second.

Its diffusion-forcing pipelines are not here: each latent frame has its own noise level and its own copy of the scheduler,
and the transformer sees a window of frames that moves, so its input tells neither the step nor the moment of a frame.
Source of the facts: diffusers `models/transformers/transformer_skyreels_v2.py`, `pipelines/skyreels_v2` (0.42.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.errors import ControlError
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings

TEXT_BEHIND_PICTURE = 512
"""Text columns that the processor expects behind those of a picture, whatever the pipeline was asked for."""


def _sites(transformer: Any) -> list[Site]:
    return [Site(f"blocks.{k}.attn2", k, block.attn2) for k, block in enumerate(transformer.blocks)]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]
    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _takes_picture(transformer: Any) -> bool:
    return transformer.config.added_kv_proj_dim is not None


def _probe(transformer: Any) -> Probe:
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    if not _takes_picture(transformer):
        return Probe(video=width, text=width)
    return Probe(video=width, text=width, columns=TEXT_BEHIND_PICTURE + 3, keys=TEXT_BEHIND_PICTURE)


def _clean(prompt: str) -> str:
    from diffusers.pipelines.skyreels_v2.pipeline_skyreels_v2 import prompt_clean

    cleaned: str = prompt_clean(prompt)
    return cleaned


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    length = arguments["max_sequence_length"]
    if length != TEXT_BEHIND_PICTURE and _takes_picture(pipe.transformer):
        raise ControlError(
            f"max_sequence_length is {length}, but this model takes the last {TEXT_BEHIND_PICTURE} columns for text and "
            f"would mix text with its picture; leave it at {TEXT_BEHIND_PICTURE}"
        )
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=length)


SKYREELS_V2 = Family(
    name="skyreels-v2",
    pipelines={"SkyReelsV2Pipeline": "t2v"},
    transformer_class="SkyReelsV2Transformer3DModel",
    processor="diffusers.models.transformers.transformer_skyreels_v2.SkyReelsV2AttnProcessor",
    layout="cross",
    conditional="cond",
    unconditional="uncond",
    identical_pads=True,
    vae_class="AutoencoderKLWan",
    # older configurations leave out what was fixed then
    timing=lambda vae, transformer: Timing(int(vae.get("scale_factor_temporal", 4))),
    longest=lambda transformer: int(transformer.get("rope_max_seq_len", 1024) * transformer["patch_size"][0]),
    settings=Settings(height=544, width=960, frames=97, fps=24.0, steps=50, guidance=6.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
)

SKYREELS_V2_I2V = replace(
    SKYREELS_V2,
    name="skyreels-v2-i2v",
    pipelines={"SkyReelsV2ImageToVideoPipeline": "i2v"},
    settings=replace(SKYREELS_V2.settings, guidance=5.0),
)
