"""A window of the clip for each event, overlapping its neighbours, all denoised together and blended in every step.

Our own re-implementation of the idea of DiTCtrl (arXiv 2412.18597), which blends latents of neighbouring prompts as
MultiDiffusion (arXiv 2302.08113) does, to compare with, on the same model as all other methods. What differs: DiTCtrl also
shares keys and values between prompts under masks of the subject; here windows know of each other by the blended latents only.
Prompts are the plan's own words. Each window's positions count from its own first frame.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tsattn.control.undo import Undo
from tsattn.errors import UnsupportedPipelineError
from tsattn.generate import Description, Model, Run, run_pipeline
from tsattn.plan.parts import Part, parts_of
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Stretch
from tsattn.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

REACH = 2
"""Latent frames by which a window goes into each of its neighbours."""


def check(facts: Description) -> None:
    """Raise `UnsupportedPipelineError` where a model is not Wan's from text."""
    if facts.takes_image or facts.family.name != "wan":
        raise UnsupportedPipelineError(
            f"{facts.name} cannot be run in windows: only Wan models that make videos from text can; choose one of these, "
            "or leave the method windows out"
        )


def make(model: Model, plan: Plan, settings: Settings, *, image: Image | None, on_step: Callable[[], None]) -> Run:
    """The video of all windows; with one event, the model's own on that event's words."""
    began = time.perf_counter()
    parts = parts_of(plan, model.facts.clip(settings))
    with _windowed(model, parts):
        run = run_pipeline(model, parts[0].prompt, settings, image=image, after_step=lambda latents: on_step())
    return run._replace(seconds=time.perf_counter() - began)


def reaching(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The windows of stretches that fill a clip: each with `REACH` latent frames more on both sides, as far as there are."""
    end = stretches[-1].last
    return [Stretch(max(first - REACH, 0), min(last + REACH, end)) for first, last in stretches]


def weights(stretches: Sequence[Stretch]) -> Tensor:
    """What each window counts for in each latent frame (w, f), 1 in all: it fades where it reaches into its neighbours."""
    import torch

    end = stretches[-1].last
    centre = torch.arange(end) + 0.5
    rows = []
    for first, last in stretches:
        rise = (centre - (first - REACH)) / (2 * REACH) if first else torch.ones(end)
        fall = ((last + REACH) - centre) / (2 * REACH) if last < end else torch.ones(end)
        rows.append(torch.minimum(rise, fall).clamp(0, 1))
    return torch.stack(rows) / torch.stack(rows).sum(0)


@contextmanager
def _windowed(model: Model, parts: Sequence[Part]) -> Iterator[None]:
    """Run the pipeline's transformers window by window inside a `with` block."""
    undo, pipe = Undo(), model.pipe
    texts = [_encoded(pipe, part.prompt) for part in parts]
    try:
        for name in model.facts.family.transformers:
            if (transformer := getattr(pipe, name, None)) is not None:
                _split(transformer, model.facts.family.conditional, [part.stretch for part in parts], texts, undo)
        yield
    finally:
        undo.all()


def _split(
    transformer: Any, conditional: str | None, stretches: Sequence[Stretch], texts: Sequence[Tensor], undo: Undo
) -> None:
    """Let a transformer predict each window with its own text, and blend what it predicts."""
    import torch

    whole, opened = transformer.forward, transformer.cache_context
    shares, spans = weights(stretches), reaching(stretches)
    branch: str | None = None

    @contextmanager
    def cache_context(name: str, *args: Any, **kwargs: Any) -> Iterator[None]:
        nonlocal branch
        branch = name
        try:
            with opened(name, *args, **kwargs):
                yield
        finally:
            branch = None

    @functools.wraps(whole)
    def forward(
        *, hidden_states: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **rest: Any
    ) -> tuple[Tensor]:
        blended = torch.zeros_like(hidden_states)
        frames = hidden_states.shape[2]
        for (first, last), share, text in zip(spans, shares, texts, strict=True):
            own = text.to(encoder_hidden_states) if branch == conditional else encoder_hidden_states
            # some models have a time for each token
            times = (
                timestep.reshape(len(timestep), frames, -1)[:, first:last].flatten(1) if timestep.ndim > 1 else timestep
            )
            latents = hidden_states[:, :, first:last]
            (predicted,) = whole(hidden_states=latents, timestep=times, encoder_hidden_states=own, **rest)
            blended[:, :, first:last] += share[first:last, None, None].to(predicted) * predicted
        return (blended,)

    undo.set(transformer, "cache_context", cache_context)
    undo.set(transformer, "forward", forward)


def _encoded(pipe: Any, prompt: str) -> Tensor:
    """A prompt's embeddings (1, k, d) as the pipeline would make them."""
    import torch

    from tsattn.control.texts import defaults

    given = {**defaults(pipe), "prompt": prompt, "do_classifier_free_guidance": False, "device": pipe._execution_device}
    with torch.no_grad():
        embeddings: Tensor = pipe.encode_prompt(**given)[0]
    return embeddings
