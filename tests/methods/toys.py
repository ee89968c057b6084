"""Tiny Wan models to try methods on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from tests.conftest import PROMPT, plan_of, wan_pipeline
from tests.families.wan import from_picture
from tsattn.control.registry import family_of
from tsattn.generate import Description, Model
from tsattn.settings import Settings

SETTINGS = Settings(height=32, width=32, frames=29, fps=8.0, steps=2, guidance=5.0, seed=3)
"""8 latent frames of 2 x 2 tokens."""
EVENTS = ("runs across the grass", "jumps over a red fence", "sleeps")
PLAN = plan_of(PROMPT, "cat", *EVENTS)
ONE = plan_of("A cat sleeps", "cat", "sleeps")


def model_of(pipe: Any) -> Model:
    """A pipeline as an opened model."""
    pipe.set_progress_bar_config(disable=True)
    family, config = family_of(pipe), pipe.transformer.config
    facts = Description(
        name="tiny", source="tiny", family=family, settings=SETTINGS, timing=family.timing(pipe.vae.config, config),
        longest=family.longest(config), takes_image=family.pipelines[type(pipe).__name__] == "i2v",
    )  # fmt: skip
    return Model(pipe, facts)


def from_text(**changes: Any) -> Model:
    """A model that makes videos from text; `changes` as in `wan_pipeline`."""
    return model_of(wan_pipeline(**changes))


def from_image() -> Model:
    """A model that starts from an image."""
    return model_of(from_picture())


@contextmanager
def passes_of(pipe: Any) -> Iterator[list[Tensor]]:
    """The latents (b, c, f, y, x) of each pass through the transformer inside a `with` block."""
    seen: list[Tensor] = []
    hook = pipe.transformer.patch_embedding.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    try:
        yield seen
    finally:
        hook.remove()
