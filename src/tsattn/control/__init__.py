"""When and where TS-Attn acts: the session on a pipeline, step and branch tracking, the re-bound attention call, undo.

registry   which family knows a pipeline          tracking  step, branch, prompts and grid of the run
family     what a family states                   state     what follows from them for the attention calls
rebind     the model's own processor, our call    call      the attention call itself
undo       every change can be taken back         session   enable, disable, control
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tsattn.control.config import ControlConfig

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tsattn.plan.schema import Plan

__all__ = ["ControlConfig", "control", "disable", "enable"]


def control(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> AbstractContextManager[Any]:
    """Control the runs of a diffusers pipeline inside a `with` block; see `control.session.control`."""
    from tsattn.control import session

    return session.control(pipe, plan, config=config, fps=fps)


def enable(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> None:
    """Control every following run of a diffusers pipeline until `disable(pipe)`; see `control.session.enable`."""
    from tsattn.control import session

    session.enable(pipe, plan, config=config, fps=fps)


def disable(pipe: Any) -> None:
    """End control and leave the pipeline as it was; see `control.session.disable`."""
    from tsattn.control import session

    session.disable(pipe)
