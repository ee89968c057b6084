"""All that determines a run besides model, plan and control."""

from __future__ import annotations

from dataclasses import dataclass

from tsattn.errors import PlanError


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
        for name in ("height", "width", "frames", "fps", "steps"):
            if not getattr(self, name) > 0:
                raise PlanError(f"{name} must be above 0, but got {getattr(self, name)}")
        if not 0 <= self.seed < 2**63:
            raise PlanError(f"seed must be from 0 to 2^63 - 1, but got {self.seed}")
