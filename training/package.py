"""Stage 4: put the trained parts together as a stock Wan pipeline, from text or from an image, in a folder."""

from __future__ import annotations

import json
import math
from pathlib import Path

from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import UMT5EncoderModel

from training import text
from training.common import whole
from tsattn.shapes.world import FRAMES, SIZE

WAN_LATENTS = 16 * 21 * 60 * 104
"""Dimensions of Wan 2.1's latents for 81 frames of 480 x 832."""
WAN_SHIFT = 3.0
"""Wan's flow shift at that size."""
INDEX = "model_index.json"
"""The file that makes a folder a pipeline."""


def flow_shift(vae: AutoencoderKLWan) -> float:
    """The schedule's shift by the usual resolution rule: proportional to the root of the number of latent dimensions.

    Small videos carry little redundancy, so at equal noise less of their layout is decided; Wan's own shift of 3 would
    spend its early steps, the controlled ones, where nothing is decided yet.
    """
    config = vae.config
    latent_frames = 1 + (FRAMES - 1) // config.scale_factor_temporal
    dimensions = config.z_dim * latent_frames * (SIZE // config.scale_factor_spatial) ** 2
    return round(WAN_SHIFT * math.sqrt(dimensions / WAN_LATENTS), 2)


def package(vae: Path, transformer: Path, encoder: Path, target: Path) -> Path:
    """Write the pipeline to `target`, replacing what is there; one that starts from an image if the denoiser is given one.

    Raises `ValueError` for an encoder of other words, and for a target that holds anything but a pipeline.
    """
    check_target(target)
    autoencoder, tokens = AutoencoderKLWan.from_pretrained(vae), text.tokenizer()
    denoiser = WanTransformer3DModel.from_pretrained(transformer)
    kind = WanPipeline if denoiser.config.in_channels == denoiser.config.out_channels else WanImageToVideoPipeline
    texts = UMT5EncoderModel.from_pretrained(encoder)
    if texts.config.vocab_size != len(tokens):
        raise ValueError(
            f"the text encoder {encoder} knows {texts.config.vocab_size} tokens, but the world has {len(tokens)} now; "
            "train it on with `--start`, or package it by the code that trained it"
        )
    pipe = kind(
        tokenizer=tokens,
        text_encoder=texts,
        vae=autoencoder,
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=flow_shift(autoencoder)
        ),
        transformer=denoiser,
    )
    with whole(target) as part:
        pipe.save_pretrained(part)
        _tidy(part)
    return target


def check_target(target: Path) -> None:
    """Raise `ValueError` where a folder holds anything but a pipeline, which alone may be replaced."""
    if target.exists() and not (target / INDEX).exists() and (target.is_file() or any(target.iterdir())):
        raise ValueError(f"{target} holds no pipeline, so it is not replaced; give a new folder with `--target`")


def _tidy(pipeline: Path) -> None:
    """Settings in a fixed order, and none that depend on where the parts were read from or on the version of a library."""
    index = pipeline / INDEX
    facts = json.loads(index.read_text())
    # where the class lives differs between releases of transformers; this name works in all of them
    facts["tokenizer"] = ["transformers", "PreTrainedTokenizerFast"]
    for folder in (pipeline, *pipeline.iterdir()):
        for name in ("config.json", INDEX):
            if (folder / name).exists():
                settings = facts if name == INDEX else json.loads((folder / name).read_text())
                settings.pop("_name_or_path", None)
                (folder / name).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
