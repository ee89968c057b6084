"""Switching TS-Attn on and off: attach to a pipeline, try the seam, and take everything back."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tsattn.attention.region import Grid
from tsattn.attention.split import Timeline, controlled_rows
from tsattn.control.call import attention_call
from tsattn.control.config import ControlConfig
from tsattn.control.family import Family, Site
from tsattn.control.rebind import attention_of, controlled_processor, rebound_call
from tsattn.control.registry import family_of
from tsattn.control.state import State
from tsattn.control.tracking import text_of, track_forward, track_prompts, track_steps
from tsattn.control.undo import Undo
from tsattn.errors import ControlError, NothingControlledError, PlanError
from tsattn.plan.schema import Plan

if TYPE_CHECKING:
    from torch import Tensor

MARK = "_tsattn"
"""Attribute of a controlled pipeline that holds its session."""
CACHE_THAT_MIXES = "pyramid_attention_broadcast"
"""Hook name of the cache that hands one branch's attention to the other."""


class Session:
    """TS-Attn on one pipeline, from `attach` to `detach`."""

    def __init__(self, pipe: Any, plans: Sequence[Plan], config: ControlConfig, fps: float | None) -> None:
        self.pipe, self.plans, self.config = pipe, plans, config
        self.family: Family = family_of(pipe)
        self.fps = _checked_fps(plans, fps)
        self.state, self.undo = State(), Undo()

    @property
    def task(self) -> str:
        """What the pipeline makes, "t2v" or "i2v"."""
        return self.family.pipelines[type(self.pipe).__name__]

    def attach(self) -> None:
        """Put control in place. Raises, leaving nothing behind, where the pipeline or a plan does not allow it."""
        if hasattr(self.pipe, MARK):
            raise ControlError(
                f"this {type(self.pipe).__name__} is already controlled; leave the running `with tsattn.control(...)` or "
                "call tsattn.disable(pipe) first"
            )
        columns = inspect.signature(self.pipe.__call__).parameters["max_sequence_length"].default
        for plan in self.plans:
            text_of(self.pipe, self.family, plan, columns)
        try:
            self.undo.set(self.pipe, MARK, self)
            track_prompts(self.pipe, self.family, self.plans, self.state, self.undo)
            track_steps(self.pipe, self.task, self.state, self.config, self.undo)
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
        original = attention_of(processor_class, self.family.attention_name)
        trial = _Trial(original, self.family)
        act = attention_call(original, self.state, self.config)
        trial_call, call = (rebound_call(processor_class, self.family.attention_name, made) for made in (trial, act))
        for site in sites:
            if type(site.module.processor) is not processor_class:
                raise ControlError(
                    f"{name}.{site.name} should have the processor {attribute}, but has a "
                    f"{type(site.module.processor).__name__}; restore the model's own processors first"
                )
            if CACHE_THAT_MIXES in getattr(getattr(site.module, "_diffusers_hook", None), "hooks", {}):
                raise ControlError(
                    "pyramid attention broadcast hands the conditional pass's attention to the unconditional one, so tsattn "
                    "would change both; disable that cache, or use first-block cache or MagCache"
                )
        weights = next(transformer.parameters()).device
        probe = self.family.probe(transformer, self.pipe._execution_device if weights.type == "meta" else weights)
        for site in sites:
            trial.run(site, probe, trial_call)
            self.undo.set(site.module, "processor", controlled_processor(site.module.processor, call))
        track_forward(self.pipe, self.family, transformer, len(sites), self.state, self.config, self.fps, self.undo)


def enable(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> None:
    """Control every following run of a diffusers pipeline until `disable(pipe)`.

    `plan` is one plan, or one for each prompt of a batch; the pipeline must be called with exactly the plans' prompts.
    `config` defaults to the paper's setting. `fps`, the video's frames per second, is needed for segments in seconds.

    Raises `UnsupportedPipelineError` for a pipeline no family knows, `PlanError` where the plan's words are not in the
    tokenized prompt, `ControlError` where control is already on or the seam does not hold. Nothing is left behind then.
    """
    plans = [plan] if isinstance(plan, Plan) else list(plan) if isinstance(plan, Sequence) else []
    if not plans or not all(isinstance(one, Plan) for one in plans):
        raise PlanError(
            f"expected a Plan, or one Plan for each prompt, but got {plan!r}; tsattn.parse(prompt) makes one"
        )
    Session(pipe, plans, config or ControlConfig.paper(), fps).attach()


def disable(pipe: Any) -> None:
    """End control; the pipeline is as it was before, object by object. Raises `ControlError` where it was not on."""
    _session(pipe).detach()


@contextmanager
def control(
    pipe: Any, plan: Plan | Sequence[Plan], *, config: ControlConfig | None = None, fps: float | None = None
) -> Iterator[Any]:
    """Control the runs of a diffusers pipeline inside a `with` block; arguments and errors as in `enable`.

    Raises `NothingControlledError` at the end of a block in which the pipeline was not run.
    """
    enable(pipe, plan, config=config, fps=fps)
    session = _session(pipe)
    try:
        yield pipe
    finally:
        session.detach()
    if not session.state.runs:
        raise NothingControlledError(
            "nothing was controlled: call the pipeline inside the `with tsattn.control(...)` block, with the plan's prompt"
        )


def _checked_fps(plans: Sequence[Plan], fps: float | None) -> float:
    """The frames per second to place segments by. Raises `PlanError` where they are needed and unknown, or no rate."""
    if fps is None:
        events = (event for plan in plans for subject in plan.subjects for event in subject.events)
        timed = next((event for event in events if event.segment.unit == "seconds"), None)
        if timed is not None:
            raise PlanError(
                f"the segment of {timed.text!r} is in seconds, so tsattn must know the video's frames per second: pass fps="
            )
        return 1.0  # no segment asks for it
    if not 0 < fps < float("inf"):
        raise PlanError(f"fps must be above 0, but got {fps}")
    return fps


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
        with torch.autocast(query.device.type, enabled=False):
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
        undo, calls = Undo(), self.calls
        try:
            expected = site.module(*probe)
            undo.set(site.module, "processor", controlled_processor(site.module.processor, call))
            found = site.module(*probe)
        except ControlError:
            raise
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ControlError(
                f"{site.name} cannot be tried before a run, so tsattn was not switched on: {error}"
            ) from error
        finally:
            undo.all()
        if self.calls != calls + 1 or not torch.equal(expected, found):
            raise ControlError(
                f"{site.name} does not give its own result through tsattn before anything is changed; this model is not "
                "supported in this release of diffusers"
            )
