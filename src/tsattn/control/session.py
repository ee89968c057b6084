"""Switching TS-Attn on and off: attach to a pipeline, try the seam, and take everything back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tsattn.attention.region import Grid
from tsattn.attention.split import Timeline, controlled_rows
from tsattn.control.call import attention_call
from tsattn.control.config import ControlConfig
from tsattn.control.family import Family, Site
from tsattn.control.rebind import controlled_processor, rebound_call
from tsattn.control.registry import family_of
from tsattn.control.state import State
from tsattn.control.tracking import text_of, track_forward, track_prompts, track_steps
from tsattn.control.undo import Undo
from tsattn.errors import ControlError, NothingControlledError
from tsattn.plan.schema import Plan

if TYPE_CHECKING:
    from torch import Tensor

MARK = "_tsattn"
"""Attribute of a controlled pipeline that holds its session."""
LONGEST_TEXT = 512
"""Text columns that plans are checked against before a run; the run checks again against its own."""


class Session:
    """TS-Attn on one pipeline, from `attach` to `detach`."""

    def __init__(self, pipe: Any, plans: Sequence[Plan], config: ControlConfig, fps: float | None) -> None:
        self.pipe, self.plans, self.config = pipe, plans, config
        self.family: Family = family_of(pipe)
        self.fps = fps or self.family.settings.fps
        self.state, self.undo = State(), Undo()

    def attach(self) -> None:
        """Put control in place. Raises, leaving nothing behind, where the pipeline or a plan does not allow it."""
        if hasattr(self.pipe, MARK):
            raise ControlError(
                f"this {type(self.pipe).__name__} is already controlled; leave the running `with tsattn.control(...)` or "
                "call tsattn.disable(pipe) first"
            )
        for plan in self.plans:
            text_of(self.pipe, self.family, plan, LONGEST_TEXT)
        try:
            self.undo.set(self.pipe, MARK, self)
            track_prompts(self.pipe, self.family, self.plans, self.state, self.undo)
            track_steps(self.pipe, self.state, self.undo)
            for name in self.family.transformers:
                transformer = getattr(self.pipe, name, None)
                if transformer is not None:
                    self._attach_transformer(name, transformer)
        except BaseException:
            self.undo.all()
            raise

    def detach(self) -> None:
        """Take everything back. Raises `ControlError` where someone else changed what tsattn had put in place."""
        self.undo.all()

    def _attach_transformer(self, name: str, transformer: Any) -> None:
        module, _, attribute = self.family.processor.rpartition(".")
        processor_class = getattr(importlib.import_module(module), attribute)
        sites = _chosen(self.family.sites(transformer), self.config.layers, name)
        original = processor_class.__call__.__globals__[self.family.attention_call]
        trial = _Trial(original, self.family)
        trial_call = rebound_call(processor_class, self.family.attention_call, trial)
        call = rebound_call(
            processor_class, self.family.attention_call, attention_call(original, self.state, self.config)
        )
        for site in sites:
            if type(site.module.processor) is not processor_class:
                raise ControlError(
                    f"{name}.{site.name} should have the processor {attribute}, but has a "
                    f"{type(site.module.processor).__name__}; restore the model's own processors first"
                )
        probe = self.family.probe(transformer)
        for site in sites:
            trial.run(site, probe, trial_call)
            self.undo.set(site.module, "processor", controlled_processor(site.module.processor, call))
        track_forward(self.pipe, self.family, transformer, len(sites), self.state, self.config, self.fps, self.undo)


def enable(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> None:
    """Control every following run of a diffusers pipeline until `disable(pipe)`.

    `plan` is one plan, or one for each prompt of a batch; the pipeline must be called with exactly the plans' prompts.
    `config` defaults to the paper's setting, `fps` (for segments in seconds) to what the model was trained at.

    Raises `UnsupportedPipelineError` for a pipeline no family knows, `PlanError` where the plan's words are not in the
    tokenized prompt, `ControlError` where control is already on or the seam does not hold. Nothing is left behind then.
    """
    plans = [plan] if isinstance(plan, Plan) else list(plan)
    Session(pipe, plans, config or ControlConfig.paper(), fps).attach()


def disable(pipe: Any) -> None:
    """End control; the pipeline is as it was before, object by object. Raises `ControlError` where it was not on."""
    _session(pipe).detach()


@contextmanager
def control(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> Iterator[Any]:
    """Control the runs of a diffusers pipeline inside a `with` block; arguments and errors as in `enable`.

    Raises `NothingControlledError` at the end of a block in which nothing was controlled, unless strength or steps are 0.
    """
    enable(pipe, plan, config=config, fps=fps)
    session = _session(pipe)
    try:
        yield pipe
    finally:
        session.detach()
    task = session.family.pipelines[type(pipe).__name__]
    if not session.state.acted and session.config.controlled_steps(task, 1000):
        raise NothingControlledError(
            "nothing was controlled: call the pipeline inside the `with tsattn.control(...)` block, with the plan's prompt"
        )


def _session(pipe: Any) -> Session:
    session: Session | None = getattr(pipe, MARK, None)
    if session is None:
        raise ControlError(f"this {type(pipe).__name__} is not controlled by tsattn")
    return session


def _chosen(sites: list[Site], layers: tuple[int, ...] | None, transformer: str) -> list[Site]:
    """The sites in the chosen blocks."""
    if layers is None:
        return sites
    blocks = {site.block for site in sites}
    missing = [layer for layer in layers if layer not in blocks]
    if missing:
        raise ControlError(f"{transformer} has the blocks 0 to {max(blocks)}, but layers names {missing}")
    return [site for site in sites if site.block in layers]


class _Trial:
    """An attention that recomputes all rows the split way, with nothing added, and holds it against the model's own.

    It raises where they differ: then layout, scale or masking are not what the family states. The budget, the square root
    of the dtype's epsilon, is wide enough for quantised kernels and far below such a mistake.
    """

    def __init__(self, original: Callable[..., Tensor], family: Family) -> None:
        self.original, self.family, self.calls = original, family, 0

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self.calls += 1
        out = self.original(query, key, value, *args, **kwargs)
        words = torch.ones(key.shape[1], device=key.device)
        nothing = torch.zeros(2, len(words), dtype=torch.bool, device=key.device)
        everywhere = torch.ones(1, query.shape[1], dtype=torch.bool, device=key.device)
        for rows in controlled_rows(
            query[0], key[0], value[0], words, [Timeline(words, nothing, nothing)], everywhere, Grid(2, 2, 2),
            scale=kwargs.get("scale") or query.shape[-1] ** -0.5, r_min=1.0, r_max=1.0, strength=0.0,
        ):  # fmt: skip
            error = (rows.values - out[0, rows.tokens]).abs().max()
            if not error <= torch.finfo(out.dtype).eps ** 0.5 * value.abs().max():
                raise ControlError(
                    f"the {self.family.name} family's attention differs from tsattn's by {error:.2g} before anything is "
                    "changed; this model or attention backend is not supported"
                )
        return out

    @torch.no_grad()
    def run(self, site: Site, probe: tuple[Any, ...], call: Callable[..., Any]) -> None:
        """One pass of a site's module through `call` must reach this attention once and change not one bit."""
        expected, undo, calls = site.module(*probe), Undo(), self.calls
        undo.set(site.module, "processor", controlled_processor(site.module.processor, call))
        try:
            found = site.module(*probe)
        finally:
            undo.all()
        if self.calls != calls + 1 or not torch.equal(expected, found):
            raise ControlError(
                f"{site.name} does not give its own result through tsattn before anything is changed; this model is not "
                "supported in this release of diffusers"
            )
