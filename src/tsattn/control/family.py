"""What tsattn must know about a family of models: facts, and small functions for what is not one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

from tsattn.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tsattn.attention.region import Grid
    from tsattn.plan.spans import Tokens

Found = TypeVar("Found")
More = ParamSpec("More")


def remembered(look: Callable[Concatenate[Tensor, More], Found]) -> Callable[Concatenate[Tensor, More], Found]:
    """A function that reads a tensor's numbers, called once for each tensor.

    Reading makes the host wait for the device, and pipelines pass the same tensor in every step.
    """

    @functools.cache
    def known() -> Any:
        from torch.utils.weak import WeakTensorKeyDictionary

        return WeakTensorKeyDictionary()

    def asked(tensor: Tensor, /, *args: More.args, **kwargs: More.kwargs) -> Found:
        if tensor not in known():
            known()[tensor] = look(tensor, *args, **kwargs)
        found: Found = known()[tensor]
        return found

    return asked


Layout = Literal["cross", "text_first", "video_first"]
"""Whether text is attended to in a call of its own, or together with the video, in front of it or behind it."""


class Site(NamedTuple):
    """One attention module that mixes video with text: its name in the transformer and the number of its block."""

    name: str
    block: int
    module: nn.Module


class Pass(NamedTuple):
    """What a transformer's arguments say of a forward pass."""

    grid: Grid
    samples: int
    """Size of the batch."""
    text: int
    """Text columns of each sample in cross-attention; joint attention tells by itself."""
    leading: int = 0
    """Tokens of each sample in front of the grid's in cross-attention, such as reference pictures; they are left alone."""


class Timing(NamedTuple):
    """Frames in a latent frame, as the transformer's tokens have it, and in the first one.

    Where the pipeline cuts frames off the front of what it decoded, so many fewer in the first one, even below 0.
    """

    compression: int
    opening: int = 1


class Probe(NamedTuple):
    """Inputs to try a site's module on: widths of its video and text, text columns given, and further arguments."""

    video: int
    text: int
    columns: int = 6
    keys: int | None = None
    """Columns that the attention sees, where that is not `columns`: image embeddings may have a call of their own."""
    more: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Family:
    """Facts about the models that share a transformer class."""

    name: str
    pipelines: Mapping[str, str]
    """Exact pipeline class names in diffusers, each with its task, "t2v" or "i2v"."""
    transformer_class: str
    """Exact transformer class name in diffusers."""
    transformers: tuple[str, ...] = ("transformer",)
    """Components of the pipeline that hold a transformer; any but not all may be missing."""
    processor: str
    """Exact import path of the attention processor's class."""
    attention_name: Literal["dispatch_attention_fn", "F"] = "dispatch_attention_fn"
    """The global of the processor's code that computes attention: diffusers' dispatch on (b, q, h, d) tensors, or
    `torch.nn.functional` with its `scaled_dot_product_attention` on (b, h, q, d) tensors."""
    layout: Layout
    conditional: str | None
    """Name that the pipeline gives `cache_context` around the pass with the prompt, alone or in one batch behind the
    negative prompt; None where it gives none, so that the pass is known by the prompt's embeddings."""
    unconditional: str | None = None
    """The same of the pass with the negative prompt, where that is a pass of its own."""
    unencoded: str = ""
    """Name of the prompt's embeddings where the pipeline does not call `encode_prompt` if it is given them."""
    step_calls: int = 1
    """How often the pipeline calls its scheduler's `step` in a denoising step."""
    context_parallel: bool = False
    """Whether, in context parallelism, each process attends from its share of the video's tokens to all of the text."""
    one_by_one: bool = False
    """Whether the processor calls attention once for each sample, without the padding of its text."""
    identical_pads: bool = False
    """Whether all text columns behind the prompt's are zeros that the model attends to: one key, many times."""
    settings: Settings
    """Defaults of the command line."""
    variant: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default=lambda transformer: MappingProxyType({}))
    """The settings that are others for a transformer of this configuration."""
    vae_class: str
    """Class name of the autoencoder in diffusers."""
    timing: Callable[[Mapping[str, Any], Mapping[str, Any]], Timing]
    """Frames in a latent frame, by the configurations of autoencoder and transformer."""
    longest: Callable[[Mapping[str, Any]], int]
    """Most latent frames that a transformer of this configuration can take."""
    sites: Callable[[nn.Module], list[Site]]
    """All attention modules of a transformer that mix video with text, in the order in which a pass comes to them."""
    read: Callable[[nn.Module, Mapping[str, Any]], Pass]
    """What the arguments of a transformer's forward pass, by name, say of it."""
    probe: Callable[[nn.Module], Probe]
    """How to call a site's module with 8 video tokens and some text, to try the seam."""
    clean: Callable[[str], str]
    """What the pipeline does to a prompt before tokenizing it."""
    tokens: Callable[[Any, str, Mapping[str, Any]], Tokens]
    """Pipeline, prompt, and the arguments of its `encode_prompt`, to the text columns that the transformer is given."""
    refuse: Callable[[Any], str | None] = field(default=lambda pipe: None)
    """Why this very pipeline cannot be controlled, or None."""
