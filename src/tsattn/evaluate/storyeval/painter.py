"""Text-to-image pipelines of diffusers, for first frames."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tsattn.errors import EvaluationError

if TYPE_CHECKING:
    from PIL.Image import Image


class Painter(NamedTuple):
    """What makes first frames: `paint(state, seed)` gives a picture. `model` and `settings` go into the records."""

    model: str
    settings: dict[str, int | str]
    paint: Callable[[str, int], Image]


def open_painter(source: str, *, width: int, height: int, steps: int | None, pipeline: str | None) -> Painter:
    """A text-to-image pipeline of diffusers. `pipeline` names its class, in diffusers or as `module:Class`.

    Raises `EvaluationError` where it cannot be opened, as does `paint` where it fails or makes another size.
    """
    import diffusers
    import torch

    gpu = torch.cuda.is_available()
    try:
        kind = _pipeline_class(pipeline)
        pipe = kind.from_pretrained(source, dtype=torch.bfloat16 if gpu else torch.float32)  # type: ignore[attr-defined]
    except (OSError, ValueError, ImportError, AttributeError, RuntimeError, TypeError) as error:
        raise EvaluationError(f"cannot open {source!r} as a text-to-image pipeline: {_line(error)}") from None
    if gpu:
        pipe.enable_model_cpu_offload()
    if hasattr(pipe, "set_progress_bar_config"):
        pipe.set_progress_bar_config(disable=True)
    options = {"width": width, "height": height, **({} if steps is None else {"num_inference_steps": steps})}

    def paint(state: str, seed: int) -> Image:
        try:
            picture: Image = pipe(prompt=state, generator=torch.Generator().manual_seed(seed), **options).images[0]
        except (ValueError, RuntimeError, TypeError) as error:
            raise EvaluationError(
                f"{source!r} cannot paint {width}x{height} pixels: {_line(error)}; choose another --size or --image-model"
            ) from None
        if picture.size != (width, height):
            raise EvaluationError(
                f"{source} makes pictures of {picture.width}x{picture.height} where {width}x{height} was asked for; "
                "choose a --size that it can make"
            )
        return picture

    facts: dict[str, int | str] = {**options, "pipeline": type(pipe).__name__, "diffusers": diffusers.__version__}
    return Painter(source, facts, paint)


def _pipeline_class(name: str | None) -> object:
    import diffusers

    if name is None:
        return diffusers.AutoPipelineForText2Image
    module, _, attribute = name.rpartition(":")
    return getattr(importlib.import_module(module) if module else diffusers, attribute)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
