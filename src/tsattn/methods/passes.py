"""One pass for each event, each from the last frame of the one before, put together behind one another.

Our own re-implementation of the idea of MEVG (arXiv 2312.04086), to compare with, on the same model as all other methods.
What differs: MEVG inverts the frames before to start from their noise, keeps the texture alike by gradients in every step and
has a language model write each prompt; here the frame is held as image-to-video models are given one, or, where the model
makes videos from text alone, in the first latent frame, noised in every step as the rest is. Prompts are the plan's own words.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsattn.errors import UnsupportedPipelineError
from tsattn.generate import Description, Model, Run, run_pipeline
from tsattn.plan.parts import parts_of
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from tsattn.video import Frames


def check(facts: Description) -> None:
    """Raise `UnsupportedPipelineError` where a pass cannot be given its first frame."""
    if not facts.takes_image and facts.family.name != "wan":
        raise UnsupportedPipelineError(
            f"{facts.name} makes videos from text alone, and of such models only Wan's can go on from a frame here; choose "
            "a model that starts from an image, or leave the method pass-per-event out"
        )


def make(model: Model, plan: Plan, settings: Settings, *, image: Image | None, on_step: Callable[[], None]) -> Run:
    """The video of all passes, in order; each has the same seed, so that what noise decides looks alike."""
    from PIL import Image as images

    began = time.perf_counter()
    clip = model.facts.clip(settings)
    parts: list[Frames] = []
    hold: Callable[[Tensor], Tensor] | None = None
    for (first, last), prompt in parts_of(plan, clip):
        frames = clip.first_frame(last) - clip.first_frame(first)
        if parts and model.facts.takes_image:
            image = images.fromarray(parts[-1][-1])
        elif parts:
            hold = _held(model.pipe, parts[-1][-1], settings.seed)
        own = replace(settings, frames=_asked(clip, frames, given=bool(parts)))
        run = run_pipeline(model, prompt, own, image=image, after_step=_after_step(hold, on_step))
        parts.append(run.video[-frames:])
    return Run(np.concatenate(parts), time.perf_counter() - began)


def _asked(clip: Clip, frames: int, *, given: bool) -> int:
    """The length to ask a pass for: whole latent frames that make so many frames, one more where the first is given."""
    latent_frames = 1 + math.ceil((frames + given - clip.opening) / clip.compression)
    return max(clip.opening, 1) + (latent_frames - 1) * clip.compression


def _after_step(
    hold: Callable[[Tensor], Tensor] | None, on_step: Callable[[], None]
) -> Callable[[Tensor], Tensor | None]:
    def after_step(latents: Tensor) -> Tensor | None:
        on_step()
        return None if hold is None else hold(latents)

    return after_step


def _held(pipe: Any, frame: Frames, seed: int) -> Callable[[Tensor], Tensor]:
    """What keeps a Wan pipeline's first latent frame at a picture (y, x, 3), noised to where the schedule stands."""
    import torch

    clean = _encoded(pipe, frame)

    def hold(latents: Tensor) -> Tensor:
        sigma = pipe.scheduler.sigmas[pipe.scheduler.step_index].to(latents)
        # the noise that the pipeline has drawn for its first latent frame
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))[:, :, :1].to(latents)
        return torch.cat([(1 - sigma) * clean.to(latents) + sigma * noise, latents[:, :, 1:]], dim=2)

    return hold


def _encoded(pipe: Any, frame: Frames) -> Tensor:
    """A picture as the latent frame (1, c, 1, y, x) that a clip would begin with."""
    import torch

    pixels = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    with torch.no_grad():
        found = pipe.vae.encode(pixels.to(pipe._execution_device, pipe.vae.dtype)).latent_dist.mode()
    mean, std = (
        torch.tensor(getattr(pipe.vae.config, name)).view(1, -1, 1, 1, 1) for name in ("latents_mean", "latents_std")
    )
    latent: Tensor = (found - mean.to(found)) / std.to(found)
    return latent
