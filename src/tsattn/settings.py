"""All that determines a run besides model, plan and control."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tsattn.errors import PlanError

MOST = {"height": 16_384, "width": 16_384, "frames": 100_000, "fps": 1_000, "steps": 1_000}
"""What no run can want more of: models are trained on 1,000 noise levels, and a slip of the finger should not run for days."""
SLOWEST = 0.01
"""Fewest frames per second."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Size in pixels, length in frames, frames per second, denoising steps, guidance scale and seed of a run."""

    height: int
    width: int
    frames: int
    fps: float
    steps: int
    guidance: float
    seed: int = 0

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            given = getattr(self, name)
            if not given > 0:
                raise PlanError(f"{name} must be above 0, but got {given}")
            if given > most:
                raise PlanError(f"{name} must be at most {most:,}, but got {given}")
        if self.fps < SLOWEST:
            raise PlanError(f"fps must be at least {SLOWEST}, but got {self.fps}")
        if not math.isfinite(self.guidance):
            raise PlanError(f"guidance must be a finite number, but got {self.guidance}")
        if not 0 <= self.seed < 2**63:
            raise PlanError(f"seed must be from 0 to 2^63 - 1, but got {self.seed}")
