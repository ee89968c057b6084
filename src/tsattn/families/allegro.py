"""Allegro: cross-attention in every block over the prompt's tokens, padding masked out.

The pipeline opens no cache context; both guidance branches are one batch, the negative prompt first. Its autoencoder is
not causal: every latent frame covers four frames. Prompts are put in lower case, and rewritten more widely where the
packages for that are installed and `clean_caption` is on.

Source of the facts: diffusers `models/transformers/transformer_allegro.py`, `models/attention_processor.py`,
`models/autoencoders/autoencoder_kl_allegro.py`, `pipelines/allegro/pipeline_allegro.py` (0.42.1).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.errors import PlanError
from tsattn.plan.spans import Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    blocks = enumerate(transformer.transformer_blocks)
    return [Site(f"transformer_blocks.{k}.attn2", k, block.attn2) for k, block in blocks]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    samples, _, frames, height, width = given["hidden_states"].shape
    patch = transformer.config.patch_size
    return Pass(Grid(frames, height // patch, width // patch), samples, given["encoder_hidden_states"].shape[-2])


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


def _clean(prompt: str) -> str:
    return _cleaned(prompt, clean_caption=True)


def _cleaned(prompt: str, *, clean_caption: bool) -> str:
    from diffusers import AllegroPipeline
    from diffusers.utils import is_bs4_available, is_ftfy_available

    clean_caption = clean_caption and is_bs4_available() and is_ftfy_available()  # it warns at every call otherwise
    bare = object.__new__(AllegroPipeline)  # cleaning uses no part of it
    text: str = bare._text_preprocessing(prompt, clean_caption=clean_caption)[0]
    return text


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    if _cleaned(prompt, clean_caption=arguments["clean_caption"]) != _clean(prompt):
        raise PlanError(
            f"clean_caption={arguments['clean_caption']} makes another text of {prompt!r} than the pipeline's default, "
            "which tsattn looks for the plan's words in; leave clean_caption out"
        )
    return tokenize(pipe.tokenizer, prompt, clean=_clean, max_length=arguments["max_sequence_length"])


def _refuse(pipe: Any) -> str | None:
    joined = pipe.transformer.config.patch_size_t
    return (
        None if joined == 1 else f"its transformer joins {joined} latent frames (patch_size_t), which no Allegro does"
    )


ALLEGRO = Family(
    name="allegro",
    pipelines={"AllegroPipeline": "t2v"},
    transformer_class="AllegroTransformer3DModel",
    processor="diffusers.models.attention_processor.AllegroAttnProcessor2_0",
    attention_name="F",
    layout="cross",
    conditional=None,
    vae_class="AutoencoderKLAllegro",
    timing=lambda vae, transformer: Timing(*[int(vae.get("temporal_compression_ratio", 4))] * 2),
    longest=lambda transformer: sys.maxsize,  # positions are computed for any length
    settings=Settings(height=720, width=1280, frames=88, fps=15.0, steps=100, guidance=7.5),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
    refuse=_refuse,
)
