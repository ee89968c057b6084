"""What a contract test runs on: a tiny pipeline of the real diffusers classes, and how to call it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from tests.conftest import PROMPT, plan_of
from tsattn.plan import Plan

OTHER_PROMPT = "A dog sleeps, then runs over the grass"


@dataclass(frozen=True)
class Case:
    """A pipeline to test on, what to call it with, and how many attention layers tsattn should act in."""

    name: str
    build: Callable[[], Any]
    sites: int
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 3
    samples: int = 2
    """Samples that pass the transformer in a denoising step, with and without the prompt."""
    batches: bool = True
    """Whether the pipeline takes several prompts at once and makes of each what it makes of it alone."""
    videos: bool = False
    """Whether the pipeline makes several videos of a prompt from a seed for each; diffusers' own checks forbid it to many."""
    per_prompt: tuple[str, ...] = ()
    """Options that must be given once for each prompt where there are several."""

    @functools.cached_property
    def pipe(self) -> Any:
        """The pipeline, built once: tests give it back as it was."""
        made = self.build()
        made.set_progress_bar_config(disable=True)
        return made

    @functools.cached_property
    def alone(self) -> torch.Tensor:
        """The latents of a short run of the model alone, made once."""
        return self()

    def __call__(
        self, prompt: str | list[str] = PROMPT, *, seeds: tuple[int, ...] = (0,), **changes: Any
    ) -> torch.Tensor:
        """The latents of a short run; one seed for each video."""
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        given = {"num_inference_steps": self.steps, "output_type": "latent", **self.options, **changes}
        if isinstance(prompt, list):
            given |= {name: [given[name]] * len(prompt) for name in self.per_prompt}
        latents = self.pipe(prompt=prompt, generator=generators if len(seeds) > 1 else generators[0], **given)[0]
        return latents.clone()


def plan() -> Plan:
    """Three events of one subject."""
    return plan_of(PROMPT, "cat", "runs across the grass", "jumps over a red fence", "sleeps")


def other_plan() -> Plan:
    """Two events of another subject."""
    return plan_of(OTHER_PROMPT, "dog", "sleeps", "runs over the grass")
