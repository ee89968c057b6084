"""Every number of TS-Attn as a field, and which other method acts in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Literal, get_args

from tsattn.attention.rule import Rule
from tsattn.errors import ControlError

Policy = Literal["ts-attn", "prompt-relay", "hard-mask", "kv-switch"]
_SHARED = ("policy", "t2v_step_fraction", "i2v_step_fraction", "minimum_steps", "strength", "layers")
"""Fields that every policy has."""
_ADDED = ("threshold", "raise_subject", "count_pads", "segment_wise", "unconditional")
"""Fields that answer what the paper leaves open."""

KINDS: dict[str, tuple[str, type]] = {
    "bool": ("True or False", bool), "int": ("a whole number", Integral), "float": ("a number", Real),
}  # fmt: skip
"""Types of fields: how an error names them, and what is of them."""
STRONGEST = 100
"""Largest factor on what is added: no softmax may meet an infinity."""


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """How TS-Attn acts. The defaults are the paper's (arXiv 2604.19473, section 4).

    Another `policy` is another published method on the same engine, with the same choice of steps and layers; the fields from
    `r_min` on that are TS-Attn's own must then be left alone. Raises `ControlError` for values that make no sense.
    """

    policy: Policy = "ts-attn"
    """What is done to the attention: TS-Attn's term; Prompt Relay's penalty; the words of other events hidden; or keys and
    values of each segment's own prompt (see `tsattn.attention`)."""
    t2v_step_fraction: float = 0.20
    """Share of the denoising steps that is controlled, from the first on, in text-to-video."""
    i2v_step_fraction: float = 0.40
    """The same in image-to-video."""
    minimum_steps: int = 1
    """Fewest controlled steps of any run with a fraction above 0, for few-step models."""
    strength: float = 1.0
    """Factor on everything that is added to the logits; 0 leaves the model alone."""
    layers: tuple[int, ...] | Literal["odd"] | None = None
    """Blocks to act in, counted from 0; "odd" for every second one, from 1 on; None for all."""

    r_min: float = 1.0
    """Smallest reinforcement factor."""
    r_max: float = 1.5
    """Largest reinforcement factor."""
    erosion: int = 3
    """Side of the square that cleans the motion region, in tokens; 1 leaves it as it is."""
    region: bool = True
    """Whether to act in the subject's motion region only; False is the paper's ablation without it."""
    rearrangement: bool = True
    """Whether logits move as far as the row's own range asks for; False, the ablation, moves them by 1."""
    reinforcement: bool = True
    """Whether moves are scaled by the words' probabilities; False is the paper's ablation without it."""
    released_code: bool = False
    """Whether to compute region, segments and bias as the authors' published code does it; for Wan and SkyReels-V2 only."""
    threshold: float = 0.0
    """Standard deviations by which a token must reach above the mean of the subject's map to be in its region; 0, the
    paper's, for none."""
    raise_subject: bool = False
    """Whether the subject's own words are raised with those of its event that is due."""
    count_pads: bool = True
    """Whether identical pads behind the prompt count in the largest, smallest and mean logit of a row."""
    segment_wise: bool = False
    """Whether a logit moves as far as all of its segment's tokens in the region ask for together, not its own token."""
    unconditional: bool = False
    """Whether to act in the pass with the negative prompt, too, on the columns where the prompt has its words."""

    @classmethod
    def paper(cls) -> ControlConfig:
        """The paper's setting, which is the default."""
        return cls()

    @classmethod
    def released(cls) -> ControlConfig:
        """What the authors' published code does, to compare results with theirs; it differs from their paper."""
        return cls(i2v_step_fraction=0.50, layers="odd", released_code=True)

    @classmethod
    def gentle(cls) -> ControlConfig:
        """A fifth of the strength, on all video tokens, with the subject's words raised as well: what did best of all that was
        tried on the embedded model (docs/effect.md). Not the paper's.
        """
        return cls(strength=0.2, region=False, raise_subject=True)

    @classmethod
    def prompt_relay(cls) -> ControlConfig:
        """Prompt Relay, in all steps as in its paper (see `attention.prompt_relay`)."""
        return cls(policy="prompt-relay", t2v_step_fraction=1.0, i2v_step_fraction=1.0)

    @classmethod
    def hard_mask(cls) -> ControlConfig:
        """The words of other events hidden in each segment, in all steps (see `attention.hard_mask`)."""
        return cls(policy="hard-mask", t2v_step_fraction=1.0, i2v_step_fraction=1.0)

    @classmethod
    def kv_switch(cls, step_fraction: float = 1.0) -> ControlConfig:
        """Keys and values of each segment's own prompt, in a share of the steps (see `control.switch`), for
        Wan and its like.
        """
        return cls(policy="kv-switch", t2v_step_fraction=step_fraction, i2v_step_fraction=step_fraction)

    @property
    def recordable(self) -> bool:
        """Whether attention can be recorded: where each segment has a prompt of its own, no words go through the whole clip."""
        return self.policy != "kv-switch"

    @property
    def rule(self) -> Rule:
        """The part that the mathematics needs."""
        if self.policy != "ts-attn":  # what it adds depends on the time alone
            return Rule(self.strength, region=False, rearrange=False, reinforce=False)
        return Rule(
            self.strength, self.r_min, self.r_max, self.erosion,
            self.region, self.rearrangement, self.reinforcement, self.released_code,
            float(self.threshold), self.count_pads, self.segment_wise,
        )  # fmt: skip

    def __post_init__(self) -> None:
        for one in fields(self):
            value, (kind, *optional) = getattr(self, one.name), str(one.type).split(" | ")
            if kind in KINDS and not (optional and value is None) and not _is_a(kind, value):
                raise ControlError(f"{one.name} is {KINDS[kind][0]}, but got {value!r}")
        for name in ("t2v_step_fraction", "i2v_step_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ControlError(f"{name} is a share of the steps between 0 and 1, but got {getattr(self, name)}")
        if not 0 <= self.r_min <= self.r_max < float("inf"):
            raise ControlError(f"expected 0 <= r_min <= r_max, but got r_min={self.r_min} and r_max={self.r_max}")
        if self.erosion < 1 or self.erosion % 2 == 0:
            raise ControlError(f"erosion is the odd side of a square, 1 or more, but got {self.erosion}")
        if not 0 <= self.strength <= STRONGEST:
            raise ControlError(f"strength is from 0 to {STRONGEST}, but got {self.strength}")
        if not -float("inf") < self.threshold < float("inf"):
            raise ControlError(f"threshold is a number of standard deviations, but got {self.threshold}")
        if self.minimum_steps < 0:
            raise ControlError(f"minimum_steps is 0 or more, but got {self.minimum_steps}")
        numbers = isinstance(self.layers, Sequence) and all(_is_a("int", layer) for layer in self.layers)
        if not (numbers or self.layers is None or self.layers == "odd"):
            raise ControlError(f'layers are numbers, "odd" or None, but got {self.layers!r}')
        if self.layers is not None and not self.layers:
            raise ControlError("layers is empty, so nothing would be controlled; use None for all layers")
        self._check_together()

    def _check_together(self) -> None:
        """Raise `ControlError` for fields that say nothing beside others."""
        if self.policy not in get_args(Policy):
            raise ControlError(f"policy is one of {', '.join(get_args(Policy))}, but got {self.policy!r}")
        added = [name for name in _ADDED if getattr(self, name) != getattr(ControlConfig, name)]
        if self.released_code and added:
            raise ControlError(f"{', '.join(added)}: the released code knows nothing of this; leave it out")
        if self.segment_wise and not self.rearrangement:
            raise ControlError("segment_wise is how far rearrangement moves a logit; leave one of them out")
        if self.policy == "ts-attn":
            return
        idle = [one.name for one in fields(self) if one.name not in _SHARED and getattr(self, one.name) != one.default]
        if idle:
            raise ControlError(
                f"{', '.join(idle)}: only TS-Attn has this, not the policy {self.policy!r}; leave it out"
            )
        if self.policy in ("hard-mask", "kv-switch") and self.strength not in (0, 1):
            raise ControlError(
                f"the policy {self.policy!r} has no degrees: strength is 0 or 1, but got {self.strength}"
            )

    def controlled_steps(self, task: str, steps: int) -> int:
        """How many of `steps` denoising steps are controlled for a task, "t2v" or "i2v"."""
        fraction = {"t2v": self.t2v_step_fraction, "i2v": self.i2v_step_fraction}[task]
        if fraction == 0 or self.strength == 0:
            return 0
        # the small term undoes binary rounding: 0.29 * 100 is 28.999…
        return min(steps, max(self.minimum_steps, int(fraction * steps + 1e-6)))


def _is_a(kind: str, value: object) -> bool:
    """Whether a value is of a kind of `KINDS`; True and False are no numbers here."""
    return isinstance(value, KINDS[kind][1]) and isinstance(value, bool) == (kind == "bool")
