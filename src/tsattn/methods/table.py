"""The one table of methods."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.plan.schema import did_you_mean

Way = Literal["one-pass", "pass-per-event", "windows"]
"""How the pipeline is run: once on the whole prompt, once for each event, or once in a window for each event."""


ENGINE = 1
"""To be raised with every change after which some method makes another video of the same weights: what was measured before is
then measured again (see `evaluate.shapes.trials`)."""


class Method(NamedTuple):
    """How a video is made of a plan, and from where that is known."""

    config: ControlConfig | None = None
    """The control of a single pass; None is the model alone."""
    way: Way = "one-pass"
    about: str = ""
    """For people, in a line: the idea and its source."""


PAPER = "ts-attn"
"""The method as its paper has it."""
_SOURCE = "arXiv 2604.19473"
METHODS: dict[str, Method] = {
    "vanilla": Method(about="the model alone"),
    PAPER: Method(ControlConfig.paper(), about=f"TS-Attn as its paper has it ({_SOURCE})"),
    "released": Method(ControlConfig.released(), about="TS-Attn as its authors' published code has it"),
    "gentle": Method(
        ControlConfig.gentle(),
        about="TS-Attn at a fifth of its strength on all video tokens, the subject's words raised too; our own setting",
    ),
    "no-region": Method(ControlConfig(region=False), about="TS-Attn without the motion region, the paper's ablation"),
    "no-rearrangement": Method(
        ControlConfig(rearrangement=False), about="TS-Attn without rearrangement, the paper's ablation"
    ),
    "no-reinforcement": Method(
        ControlConfig(reinforcement=False), about="TS-Attn without reinforcement, the paper's ablation"
    ),
    "prompt-relay": Method(
        ControlConfig.prompt_relay(), about="Prompt Relay's penalty on words far from their segment (arXiv 2604.10030)"
    ),
    "hard-mask": Method(ControlConfig.hard_mask(), about="the words of other events hidden in each segment"),
    "kv-switch": Method(
        ControlConfig.kv_switch(), about="keys and values of each segment's own prompt; for Wan and its like"
    ),
    "pass-per-event": Method(
        way="pass-per-event",
        about="a pass for each event, each from the last frame of the one before; our own making of MEVG's idea "
        "(arXiv 2312.04086)",
    ),
    "windows": Method(
        way="windows",
        about="a window for each event, overlapping and blended in every step; our own making of DiTCtrl's idea "
        "(arXiv 2412.18597)",
    ),
}
COMPARED = ("vanilla", PAPER)
"""What is compared where nothing else is asked for."""

CONTROLS: dict[str, ControlConfig] = {name: method.config for name, method in METHODS.items() if method.config}
"""Methods that control a single pass, and how."""


def check_method(name: str) -> None:
    """Raise `PlanError` for a method that there is not."""
    if name not in METHODS:
        raise PlanError(f"unknown method {name!r}; {did_you_mean(name, list(METHODS))}")
