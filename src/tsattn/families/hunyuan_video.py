"""HunyuanVideo: joint attention of [video, text], in blocks with two streams and then in blocks with one.

The text's padding is masked. Guidance is embedded in most checkpoints, so that there is only a pass with the prompt;
`true_cfg_scale` adds one with the negative prompt. Image-to-video puts columns of the image in front of the prompt's;
SkyReels-V1, which grew out of HunyuanVideo, gives its image with the latents only.
Source of the facts: diffusers `models/transformers/transformer_hunyuan_video.py`, `pipelines/hunyuan_video/
pipeline_hunyuan_video.py`, `pipeline_hunyuan_video_image2video.py` and `pipeline_hunyuan_skyreels_image2video.py` (0.42.1).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.errors import SpanError
from tsattn.plan.spans import Template, Tokens, tokenize
from tsattn.settings import Settings

ANSWER = "<|end_header_id|>"
"""The token that ends the header of the assistant's turn, with which the image-to-video template closes."""
ANSWER_COLUMNS = 4
"""Columns up to and including that token which the image-to-video pipeline drops."""
CUT_FRAMES = 4
"""Frames that the image-to-video pipeline cuts off the front of the video where the image is joined to the latents."""


def _sites(transformer: Any) -> list[Site]:
    """Attention of the token refiner in `context_embedder` sees text only and is none of them."""
    kinds = ("transformer_blocks", "single_transformer_blocks")
    blocks = [(f"{kind}.{k}.attn", block) for kind in kinds for k, block in enumerate(getattr(transformer, kind))]
    return [Site(name, number, block.attn) for number, (name, block) in enumerate(blocks)]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, config = given["hidden_states"], transformer.config
    frames, height, width = latents.shape[2:]
    grid = Grid(frames // config.patch_size_t, height // config.patch_size, width // config.patch_size)
    return Pass(grid, len(latents), given["encoder_hidden_states"].shape[1])


def _probe(transformer: Any) -> Probe:
    import torch

    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    seen = torch.ones(1, 1, 1, 14, dtype=torch.bool)  # of 8 video tokens and 6 text columns, the last two are padding
    seen[..., -2:] = False
    return Probe(video=width, text=width, columns=6, more={"attention_mask": seen})


def _timing(vae: Mapping[str, Any], transformer: Mapping[str, Any]) -> Timing:
    compression, joined = int(vae.get("temporal_compression_ratio", 4)), int(transformer["patch_size_t"])
    opening = 1 + (joined - 1) * compression
    if transformer.get("image_condition_type") == "latent_concat":
        opening -= CUT_FRAMES
    return Timing(joined * compression, opening)


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    template = arguments["prompt_template"]
    if template.get("crop_start") is None:
        raise SpanError("the prompt_template has no crop_start, so tsattn cannot tell which columns are the prompt's")
    return tokenize(
        pipe.tokenizer, prompt, clean=HUNYUAN_VIDEO.clean, max_length=arguments["max_sequence_length"],
        template=Template.from_format(template["template"], crop=template["crop_start"]),
    )  # fmt: skip


def _tokens_behind_image(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    """The prompt's columns as in text-to-video, without those of the answer's header, behind every k-th of the image's."""
    template = arguments["prompt_template"]
    tokens = _tokens(pipe, prompt, arguments)
    crop, size = template["crop_start"], len(tokens.offsets)
    if not crop:
        raise SpanError(
            "the prompt_template has a crop_start of 0, with which the image's columns stay in the text; set it"
        )
    ids = pipe.tokenizer(
        template["template"].format(prompt), truncation=True, max_length=size + crop, padding="max_length"
    ).input_ids
    marks = [k for k, number in enumerate(ids) if number == pipe.tokenizer.convert_tokens_to_ids(ANSWER)]
    # a truncated prompt has lost the third one, and the pipeline drops the last columns
    end = (marks[-1] + 1 if len(marks) > 2 else len(ids)) - crop
    dropped = slice(end - ANSWER_COLUMNS, end)
    left = tokens.offsets[: dropped.start] + tokens.offsets[dropped.stop :]
    lost = {span for span in tokens.offsets[dropped] if span != (0, 0)} - set(left)
    image = len(range(template["image_emb_start"], template["image_emb_end"], _interleave(pipe, arguments)))
    return Tokens(
        tokens.text,
        ((0, 0),) * image + left,
        image + tokens.length - ANSWER_COLUMNS,
        tuple(sorted({*tokens.lost, *lost})),
    )


def _interleave(pipe: Any, arguments: Mapping[str, Any]) -> int:
    """Of how many columns of the image the model is given one."""
    chosen = arguments["image_embed_interleave"]
    if chosen is None:
        chosen = {"latent_concat": 2, "token_replace": 4}.get(pipe.transformer.config.image_condition_type, 1)
    return chosen if 0 < chosen < 6 else 1


HUNYUAN_VIDEO = Family(
    name="hunyuan-video",
    pipelines={"HunyuanVideoPipeline": "t2v"},
    transformer_class="HunyuanVideoTransformer3DModel",
    processor="diffusers.models.transformers.transformer_hunyuan_video.HunyuanVideoAttnProcessor2_0",
    layout="video_first",
    conditional="cond",
    unconditional="uncond",
    vae_class="AutoencoderKLHunyuanVideo",
    timing=_timing,
    longest=lambda transformer: sys.maxsize,  # rotary embeddings are made for any length
    settings=Settings(height=720, width=1280, frames=129, fps=24.0, steps=50, guidance=6.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=str,
    tokens=_tokens,
)

HUNYUAN_VIDEO_I2V = dataclasses.replace(
    HUNYUAN_VIDEO,
    name="hunyuan-video-i2v",
    pipelines={"HunyuanVideoImageToVideoPipeline": "i2v"},
    conditional=None,
    settings=dataclasses.replace(HUNYUAN_VIDEO.settings, guidance=1.0),
    # only these checkpoints have guidance embedded
    variant=lambda transformer: {"guidance": 6.0} if transformer.get("image_condition_type") == "token_replace" else {},
    tokens=_tokens_behind_image,
)

SKYREELS_V1_I2V = dataclasses.replace(
    HUNYUAN_VIDEO,
    name="hunyuan-skyreels-i2v",
    pipelines={"HunyuanSkyreelsImageToVideoPipeline": "i2v"},
    conditional=None,
    settings=Settings(height=544, width=960, frames=97, fps=24.0, steps=50, guidance=1.0),
)
