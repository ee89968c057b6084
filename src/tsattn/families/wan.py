"""Wan 2.1 and 2.2: cross-attention in every block, text padded to a fixed length with zeros.

The zeros are not masked: they are real keys, all identical. Wan 2.2 A14B has two transformers, for high and low noise; the
image-to-video models of Wan 2.1 attend to the picture in a call of its own; VACE has further blocks for what is to be kept.
Source of the facts: diffusers `models/transformers/transformer_wan.py`, `transformer_wan_vace.py`, `pipelines/wan` (0.42.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing, remembered
from tsattn.errors import ControlError
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

TEXT_BEHIND_PICTURE = 512
"""Text columns that the processor expects behind those of a picture, whatever the pipeline was asked for."""


def _sites(transformer: Any) -> list[Site]:
    return [Site(f"blocks.{k}.attn2", k, block.attn2) for k, block in enumerate(transformer.blocks)]


def _vace_sites(transformer: Any) -> list[Site]:
    fed = zip(transformer.config.vace_layers, transformer.vace_blocks, strict=True)
    further = [Site(f"vace_blocks.{k}.attn2", layer, block.attn2) for k, (layer, block) in enumerate(fed)]
    return further + _sites(transformer)


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]
    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _read_vace(transformer: Any, given: Mapping[str, Any]) -> Pass:
    whole = _read(transformer, given)
    pictures = _pictures(given["control_hidden_states"], given["hidden_states"].shape[1])
    grid = whole.grid._replace(frames=whole.grid.frames - pictures)
    return whole._replace(grid=grid, leading=whole.grid.tokens - grid.tokens)


@remembered
def _pictures(control: Tensor, channels: int) -> int:
    """Reference pictures are latent frames in front: the half of their control that is to be repainted is all zeros."""
    repainted = control[:, channels : 2 * channels].ne(0).amax((0, 1, 3, 4))
    return int(repainted.cumsum(0).eq(0).sum())


def _takes_picture(transformer: Any) -> bool:
    return transformer.config.added_kv_proj_dim is not None


def _probe(transformer: Any) -> Probe:
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    if not _takes_picture(transformer):
        return Probe(video=width, text=width)
    return Probe(video=width, text=width, columns=TEXT_BEHIND_PICTURE + 3, keys=TEXT_BEHIND_PICTURE)


def _clean(prompt: str) -> str:
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    cleaned: str = prompt_clean(prompt)
    return cleaned


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    length = arguments["max_sequence_length"]
    if length != TEXT_BEHIND_PICTURE and pipe.transformer is not None and _takes_picture(pipe.transformer):
        raise ControlError(
            f"max_sequence_length is {length}, but this model takes the last {TEXT_BEHIND_PICTURE} columns for text and "
            f"would mix text with its picture; leave it at {TEXT_BEHIND_PICTURE}"
        )
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=length)


def _variant(transformer: Mapping[str, Any]) -> dict[str, Any]:
    is_ti2v_5b = transformer.get("in_channels") == 48
    return {"height": 704, "width": 1280, "frames": 121, "fps": 24.0} if is_ti2v_5b else {}


WAN = Family(
    name="wan",
    pipelines={"WanPipeline": "t2v", "WanImageToVideoPipeline": "i2v"},
    transformer_class="WanTransformer3DModel",
    transformers=("transformer", "transformer_2"),
    processor="diffusers.models.transformers.transformer_wan.WanAttnProcessor",
    layout="cross",
    conditional="cond",
    unconditional="uncond",
    identical_pads=True,
    context_parallel=True,
    vae_class="AutoencoderKLWan",
    # older configurations leave out what was fixed then
    timing=lambda vae, transformer: Timing(int(vae.get("scale_factor_temporal", 4))),
    longest=lambda transformer: int(transformer.get("rope_max_seq_len", 1024) * transformer["patch_size"][0]),
    settings=Settings(height=480, width=832, frames=81, fps=16.0, steps=50, guidance=5.0),
    variant=_variant,
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
)

WAN_V2V = replace(
    WAN,
    name="wan-v2v",
    pipelines={"WanVideoToVideoPipeline": "i2v"},  # what the video shows is given, as with a picture
    transformers=("transformer",),
    conditional=None,  # the pipeline names no passes
)

WAN_VACE = replace(
    WAN,
    name="wan-vace",
    pipelines={"WanVACEPipeline": "t2v"},
    transformer_class="WanVACETransformer3DModel",
    context_parallel=False,
    sites=_vace_sites,
    read=_read_vace,
)
