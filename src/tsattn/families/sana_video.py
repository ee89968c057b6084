"""SANA-Video, text-to-video and image-to-video: cross-attention in every block over the prompt's tokens, padding masked out.

Self-attention is linear and none of the sites. The pipeline opens no cache context; both guidance branches are one batch, the
negative prompt first. An instruction stands in front of the prompt: of its columns the first is kept, which is the token for
the start, and the last, whose space the tokenizer joins to the prompt's first word.
Source of the facts: diffusers `models/transformers/transformer_sana_video.py`, `pipelines/sana_video/pipeline_sana_video.py`
and `pipeline_sana_video_i2v.py` (0.42.1).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.errors import PlanError
from tsattn.plan.spans import Template, Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    blocks = enumerate(transformer.transformer_blocks)
    return [Site(f"transformer_blocks.{k}.attn2", k, block.attn2) for k, block in blocks]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]
    sizes = zip(latents.shape[2:], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _probe(transformer: Any) -> Probe:
    import torch

    config = transformer.config
    mask = torch.tensor([[[0.0] * 4 + [-10000.0] * 2]], dtype=transformer.dtype)
    return Probe(
        video=config.num_attention_heads * config.attention_head_dim,
        text=config.cross_attention_dim,
        columns=mask.shape[-1],
        more={"attention_mask": mask},
    )


def _timing(vae: Mapping[str, Any], transformer: Mapping[str, Any]) -> Timing:
    """The autoencoder is Wan's, or that of LTX-2 for 720p; both open with a single frame."""
    compression = int(vae.get("scale_factor_temporal") or vae.get("temporal_compression_ratio") or 4)
    joined = transformer["patch_size"][0]
    return Timing(joined * compression, 1 + (joined - 1) * compression)


def _clean(prompt: str) -> str:
    return _cleaned(prompt, clean_caption=False)


def _cleaned(prompt: str, *, clean_caption: bool) -> str:
    from diffusers import SanaVideoPipeline
    from diffusers.utils import is_bs4_available, is_ftfy_available

    clean_caption = clean_caption and is_bs4_available() and is_ftfy_available()  # it warns at every call otherwise
    bare = object.__new__(SanaVideoPipeline)  # cleaning uses no part of it
    text: str = bare._text_preprocessing(prompt, clean_caption=clean_caption)[0]
    return text


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    if _cleaned(prompt, clean_caption=arguments["clean_caption"]) != _clean(prompt):
        raise PlanError(
            f"clean_caption={arguments['clean_caption']} makes another text of {prompt!r} than the pipeline's default, "
            "which tsattn looks for the plan's words in; leave clean_caption out"
        )
    tokenizer = copy.copy(pipe.tokenizer)
    tokenizer.padding_side = "right"  # as the pipeline sets it, but not before its first run
    instructions, length = arguments["complex_human_instruction"], arguments["max_sequence_length"]
    if not instructions:
        return tokenize(tokenizer, prompt, clean=_clean, max_length=length)
    instruction = "\n".join(instructions)
    template = Template(prefix=instruction, crop=len(tokenizer.encode(instruction)) - 1)
    tokens = tokenize(tokenizer, prompt, clean=_clean, max_length=length - 1, template=template)
    # the pipeline keeps the first column, too
    return tokens._replace(offsets=((0, 0), *tokens.offsets), length=tokens.length + 1)


SANA_VIDEO = Family(
    name="sana-video",
    pipelines={"SanaVideoPipeline": "t2v", "SanaImageToVideoPipeline": "i2v"},
    transformer_class="SanaVideoTransformer3DModel",
    processor="diffusers.models.transformers.transformer_sana_video.SanaAttnProcessor2_0",
    layout="cross",
    conditional=None,
    vae_class="AutoencoderKLWan",
    timing=_timing,
    longest=lambda transformer: int(transformer.get("rope_max_seq_len", 1024) * transformer["patch_size"][0]),
    settings=Settings(height=480, width=832, frames=81, fps=16.0, steps=50, guidance=6.0),
    variant=lambda transformer: {"height": 704, "width": 1280} if transformer.get("sample_size") == 22 else {},
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
)
