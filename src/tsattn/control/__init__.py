"""When and where TS-Attn acts: the session on a pipeline, step and branch tracking, the re-bound attention call, undo.

registry   which family knows a pipeline          texts     text columns of the plan's words
family     what a family states                   tracking  step, branch, prompts and grid of the run
rebind     the model's own processor, our call    state     what follows from them for the attention calls
undo       every change can be taken back         timelines what a method marks in which frame
                                                  call      the attention call itself
                                                  switch    the same with a prompt for each segment
                                                  session   enable, disable, control
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tsattn.control.config import ControlConfig

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tsattn.control.texts import PlanColumns
    from tsattn.plan.schema import Plan
    from tsattn.plan.spans import SubjectColumns

__all__ = ["ControlConfig", "columns", "control", "disable", "enable"]


def control(
    pipe: Any,
    plan: Plan | Sequence[Plan],
    *,
    config: ControlConfig | None = None,
    fps: float | None = None,
    columns: PlanColumns | Sequence[PlanColumns] | None = None,
) -> AbstractContextManager[Any]:
    """Control the runs of a diffusers pipeline inside a `with` block; see `control.session.control`."""
    from tsattn.control import session

    return session.control(pipe, plan, config=config, fps=fps, columns=columns)


def enable(
    pipe: Any,
    plan: Plan | Sequence[Plan],
    *,
    config: ControlConfig | None = None,
    fps: float | None = None,
    columns: PlanColumns | Sequence[PlanColumns] | None = None,
) -> None:
    """Control every following run of a diffusers pipeline until `disable(pipe)`; see `control.session.enable`."""
    from tsattn.control import session

    session.enable(pipe, plan, config=config, fps=fps, columns=columns)


def disable(pipe: Any) -> None:
    """End control and leave the pipeline as it was; see `control.session.disable`."""
    from tsattn.control import session

    session.disable(pipe)


def columns(pipe: Any, plan: Plan, **arguments: Any) -> list[SubjectColumns]:
    """The text columns of a plan's words, for control over a run on embeddings; see `control.texts.columns`."""
    from tsattn.control import texts

    return texts.columns(pipe, plan, **arguments)
