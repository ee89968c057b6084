"""What tsattn must know about a family of models: facts, and small functions for what is not one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tsattn.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tsattn.attention.region import Grid


class Site(NamedTuple):
    """One attention module that mixes video with text: its name in the transformer and the number of its block."""

    name: str
    block: int
    module: nn.Module


@dataclass(frozen=True, kw_only=True)
class Family:
    """Facts about the models that share a transformer class."""

    name: str
    pipelines: Mapping[str, str]
    """Exact pipeline class names in diffusers, each with its task, "t2v" or "i2v"."""
    transformer_class: str
    """Exact transformer class name in diffusers."""
    transformers: tuple[str, ...]
    """Components of the pipeline that hold a transformer; any but not all may be missing."""
    processor: str
    """Exact import path of the attention processor's class."""
    attention_name: str
    """The global name in the processor's code that computes attention, called with (b, q, h, d) tensors."""
    conditional: str
    """Name that the pipeline gives `cache_context` around the conditional forward pass."""
    settings: Settings
    """Defaults of the command line."""
    vae_class: str
    """Class name of the autoencoder in diffusers."""
    compression: Callable[[Mapping[str, Any]], int]
    """Frames in a latent frame but the first, by the autoencoder's configuration."""
    longest: Callable[[Mapping[str, Any]], int]
    """Most latent frames that a transformer of this configuration can take."""
    sites: Callable[[nn.Module], list[Site]]
    """All attention modules of a transformer that mix video with text."""
    grid: Callable[[nn.Module, Tensor], Grid]
    """Token grid of a transformer for its latent input (b, c, f, y, x)."""
    probe: Callable[[nn.Module, torch.device], tuple[Any, ...]]
    """Small random arguments for a site's module on a device, to try the seam on: 8 video tokens as 2 × 2 × 2, some text."""
    clean: Callable[[str], str]
    """What the pipeline does to a prompt before tokenizing it."""
    refuse: Callable[[Any], str | None]
    """Why this very pipeline cannot be controlled, or None."""
