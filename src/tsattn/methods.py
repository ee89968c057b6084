"""The one table of methods: every way to make a video of a plan that can be asked for by name."""

from __future__ import annotations

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.plan.schema import did_you_mean

METHODS: dict[str, ControlConfig | None] = {
    "vanilla": None,
    "ts-attn": ControlConfig.paper(),
    "released": ControlConfig.released(),
    "no-region": ControlConfig(region=False),
    "no-rearrangement": ControlConfig(rearrangement=False),
    "no-reinforcement": ControlConfig(reinforcement=False),
}
"""Name to the control of a run; None is the model alone. The last three are the paper's ablations."""
COMPARED = ("vanilla", "ts-attn")
"""What is compared where nothing else is asked for."""


def check_method(name: str) -> None:
    """Raise `PlanError` for a method that there is not."""
    if name not in METHODS:
        raise PlanError(f"unknown method {name!r}; {did_you_mean(name, list(METHODS))}")
