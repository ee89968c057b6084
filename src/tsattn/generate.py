"""From a plan to a video: open a model, run its pipeline with and without control, and time it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsattn.control import ControlConfig, control
from tsattn.errors import ModelError
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings

if TYPE_CHECKING:
    from tsattn.control.family import Family
    from tsattn.video import Frames

EMBEDDED = "shapes"
"""Name of the model that comes with tsattn."""


SHAPES_SETTINGS = Settings(height=64, width=64, frames=25, fps=8.0, steps=20, guidance=4.0)
"""What the embedded model was trained for and measured at."""


class Model(NamedTuple):
    """An opened pipeline, the family that knows it, and the settings it is best run with."""

    name: str
    pipe: Any
    family: Family
    settings: Settings

    def clip(self, settings: Settings) -> Clip:
        """The clip that the pipeline makes of these settings: it rounds frames to whole latent frames, as here."""
        compression, frames = self.pipe.vae_scale_factor_temporal, settings.frames
        if frames % compression != 1:
            frames = frames // compression * compression + 1
        return Clip(frames=frames, fps=settings.fps, compression=compression)


class Run(NamedTuple):
    """A generated video and the seconds its pipeline call took."""

    video: Frames
    seconds: float


def check_model_name(name: str) -> None:
    """Raise `ModelError` where a model cannot be found, before anything heavy is imported."""
    path = Path(name)
    if name == EMBEDDED or path.is_dir():
        if path.is_dir() and name != EMBEDDED and not (path / "model_index.json").exists():
            raise ModelError(f"the folder {name} holds no diffusers pipeline: it has no model_index.json")
        return
    looks_like_hub_id = name.count("/") == 1 and not name.startswith((".", "/", "~")) and not path.exists()
    if not looks_like_hub_id:
        close = difflib.get_close_matches(name, [EMBEDDED], cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ModelError(
            f"unknown model {name!r}: {hint}give {EMBEDDED!r} (embedded), the folder of a diffusers pipeline, or a hub id "
            "such as Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
        )


def open_model(name: str) -> Model:
    """Open the embedded model, a folder, or a hub id; on a GPU in bfloat16 where there is one.

    Raises `ModelError` where it cannot be found or opened, `UnsupportedPipelineError` where no family knows it.
    """
    import torch
    from diffusers import DiffusionPipeline
    from diffusers.utils import logging

    from tsattn.control.registry import family_of
    from tsattn.shapes import MODEL

    check_model_name(name)
    logging.disable_progress_bar()
    gpu = torch.cuda.is_available()
    embedded = name == EMBEDDED
    try:
        pipe = DiffusionPipeline.from_pretrained(
            MODEL if embedded else name, torch_dtype=torch.bfloat16 if gpu and not embedded else torch.float32
        )
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"cannot open {name!r} as a diffusers pipeline: {reason}") from error
    pipe.set_progress_bar_config(disable=True)
    family = family_of(pipe)
    return Model(name, pipe.to("cuda") if gpu else pipe, family, SHAPES_SETTINGS if embedded else family.settings)


def generate(
    model: Model,
    plan: Plan,
    settings: Settings,
    *,
    config: ControlConfig | None,
    on_step: Callable[[], None] = lambda: None,
) -> Run:
    """Run the pipeline once on the plan's prompt, under control with `config`, or alone where that is None.

    The same seed gives the same start noise in both. `on_step` is called after every denoising step.
    """
    import torch

    def after_step(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step()
        return {}

    controlled = nullcontext() if config is None else control(model.pipe, plan, config=config, fps=settings.fps)
    with controlled:
        began = time.perf_counter()
        frames = model.pipe(
            plan.prompt,
            height=settings.height,
            width=settings.width,
            num_frames=settings.frames,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=torch.Generator().manual_seed(settings.seed),
            callback_on_step_end=after_step,
            output_type="np",
        ).frames[0]
        seconds = time.perf_counter() - began
    return Run(np.round(np.asarray(frames) * 255).clip(0, 255).astype(np.uint8), seconds)
