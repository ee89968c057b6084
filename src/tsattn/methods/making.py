"""From a plan and a method to a video."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tsattn.generate import Description, Model, Run, generate
from tsattn.methods import passes, windows
from tsattn.methods.table import Method
from tsattn.plan.schema import Plan
from tsattn.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image


class _Way(Protocol):
    """What a module of a way has."""

    def check(self, facts: Description) -> None: ...

    def make(
        self, model: Model, plan: Plan, settings: Settings, *, image: Image | None, on_step: Callable[[], None]
    ) -> Run: ...


def check_way(facts: Description, method: Method) -> None:
    """Raise `UnsupportedPipelineError` where a model cannot be run in a method's way; reads no weights."""
    if method.way != "one-pass":
        _WAYS[method.way].check(facts)


def make_video(
    model: Model,
    plan: Plan,
    settings: Settings,
    method: Method,
    *,
    image: Image | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Run:
    """Make the video of a plan by a method.

    `image` is what a model that takes one starts from. `on_step` is called after every denoising step of every pass; what
    it raises ends the run, and the pipeline is left as it was. The seconds are those of all passes. Raises as `check_way`
    does.
    """
    check_way(model.facts, method)
    if method.way == "one-pass":
        return generate(model, plan, settings, config=method.config, image=image, on_step=on_step)
    return _WAYS[method.way].make(model, plan, settings, image=image, on_step=on_step)


_WAYS: dict[str, _Way] = {"pass-per-event": passes, "windows": windows}
