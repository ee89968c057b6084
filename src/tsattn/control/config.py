"""Every number of TS-Attn as a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tsattn.attention.rule import Rule
from tsattn.errors import ControlError


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """How TS-Attn acts. The defaults are the paper's (arXiv 2604.19473, section 4).

    Raises `ControlError` for values that make no sense.
    """

    t2v_step_fraction: float = 0.20
    """Share of the denoising steps that is controlled, from the first on, in text-to-video."""
    i2v_step_fraction: float = 0.40
    """The same in image-to-video."""
    minimum_steps: int = 1
    """Fewest controlled steps of any run with a fraction above 0, for few-step models."""
    r_min: float = 1.0
    """Smallest reinforcement factor."""
    r_max: float = 1.5
    """Largest reinforcement factor."""
    erosion: int = 3
    """Side of the square that cleans the motion region, in tokens; 1 leaves it as it is."""
    strength: float = 1.0
    """Factor on everything that is added to the logits; 0 leaves the model alone."""
    layers: tuple[int, ...] | Literal["odd"] | None = None
    """Blocks to act in, counted from 0; "odd" for every second one, from 1 on; None for all."""

    region: bool = True
    """Whether to act in the subject's motion region only; False is the paper's ablation without it."""
    rearrangement: bool = True
    """Whether logits move as far as the row's own range asks for; False, the ablation, moves them by 1."""
    reinforcement: bool = True
    """Whether moves are scaled by the words' probabilities; False is the paper's ablation without it."""
    released_code: bool = False
    """Whether to compute region, segments and bias as the authors' published code does it; for Wan only."""

    @classmethod
    def paper(cls) -> ControlConfig:
        """The paper's setting, which is the default."""
        return cls()

    @classmethod
    def released(cls) -> ControlConfig:
        """What the authors' published code does, to compare results with theirs; it differs from their paper."""
        return cls(i2v_step_fraction=0.50, layers="odd", released_code=True)

    @property
    def rule(self) -> Rule:
        """The part that the mathematics needs."""
        return Rule(
            self.strength, self.r_min, self.r_max, self.erosion,
            self.region, self.rearrangement, self.reinforcement, self.released_code,
        )  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("t2v_step_fraction", "i2v_step_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ControlError(f"{name} is a share of the steps between 0 and 1, but got {getattr(self, name)}")
        if not 0 <= self.r_min <= self.r_max < float("inf"):
            raise ControlError(f"expected 0 <= r_min <= r_max, but got r_min={self.r_min} and r_max={self.r_max}")
        if self.erosion < 1 or self.erosion % 2 == 0:
            raise ControlError(f"erosion is the odd side of a square, 1 or more, but got {self.erosion}")
        if not 0 <= self.strength < float("inf"):
            raise ControlError(f"strength is 0 or more, but got {self.strength}")
        if self.minimum_steps < 0:
            raise ControlError(f"minimum_steps is 0 or more, but got {self.minimum_steps}")
        if isinstance(self.layers, str) and self.layers != "odd":
            raise ControlError(f'layers are numbers, "odd" or None, but got {self.layers!r}')
        if self.layers is not None and not self.layers:
            raise ControlError("layers is empty, so nothing would be controlled; use None for all layers")

    def controlled_steps(self, task: str, steps: int) -> int:
        """How many of `steps` denoising steps are controlled for a task, "t2v" or "i2v"."""
        fraction = {"t2v": self.t2v_step_fraction, "i2v": self.i2v_step_fraction}[task]
        if fraction == 0 or self.strength == 0:
            return 0
        # the small term undoes binary rounding: 0.29 * 100 is 28.999…
        return min(steps, max(self.minimum_steps, int(fraction * steps + 1e-6)))
