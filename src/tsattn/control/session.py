"""Switching TS-Attn on and off: attach to a pipeline, try the seam, and take everything back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from tsattn.control.call import AttentionCall
from tsattn.control.config import ControlConfig
from tsattn.control.family import Family, Site
from tsattn.control.parallel import check_spread
from tsattn.control.rebind import Seam
from tsattn.control.registry import family_of
from tsattn.control.state import State
from tsattn.control.switch import SwitchedCall, check_switch
from tsattn.control.texts import PlanColumns, checked, defaults, text_of
from tsattn.control.tracking import track_forward, track_prompts, track_steps
from tsattn.control.trial import Trial
from tsattn.control.undo import Undo
from tsattn.errors import ControlError, NothingControlledError, PlanError
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.spans import SubjectColumns

if TYPE_CHECKING:
    from torch import Tensor

MARK = "_tsattn"
"""Attribute of a controlled pipeline that holds its session."""
RELEASED_ON = ("wan", "skyreels")
"""How the names of families with Wan's attention begin: the released code takes queries and keys from before its norms."""
CACHE_THAT_MIXES = "pyramid_attention_broadcast"
"""Hook name of the cache that hands one branch's attention to the other."""


class Session:
    """TS-Attn on one pipeline, from `attach` to `detach`."""

    def __init__(
        self,
        pipe: Any,
        plans: Sequence[Plan],
        config: ControlConfig,
        fps: float | None,
        columns: Sequence[list[SubjectColumns]] | None,
    ) -> None:
        self.pipe, self.plans, self.config, self.columns = pipe, plans, config, columns
        self.family: Family = family_of(pipe)
        self.fps = _checked_fps(plans, fps)
        if config.released_code and not self.family.name.startswith(RELEASED_ON):
            raise ControlError(
                f"the released code is made for Wan's attention, which the {self.family.name} family does not have; take another "
                "setting, such as the paper's"
            )
        if not config.count_pads and not self.family.identical_pads:
            raise ControlError(
                f"count_pads=False is for models with identical pads behind the prompt; the {self.family.name} family has none"
            )
        if config.unconditional and self.family.unconditional is None:
            raise ControlError(
                f"unconditional=True is for models with a pass of its own for the negative prompt, named as such; the "
                f"{self.family.name} family has none"
            )
        self.state = State(config=config, identical_pads=self.family.identical_pads)
        self.undo = Undo()
        self.calls: list[AttentionCall] = []
        self.sites: list[Site] = []

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
        if self.columns is None:
            for plan in self.plans:
                text_of(self.pipe, self.family, plan, defaults(self.pipe))
        try:
            self.undo.set(self.pipe, MARK, self)
            track_prompts(self.pipe, self.family, self.plans, self.columns, self.state, self.undo)
            track_steps(self.pipe, self.family, self.state, self.config, self.undo)
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
        check_spread(transformer, self.family, self.config)
        module, _, attribute = self.family.processor.rpartition(".")
        processor_class = getattr(importlib.import_module(module), attribute)
        sites = self.sites = _chosen(self.family.sites(transformer), self.config.layers, name)
        seam = Seam(processor_class, self.family.attention_name)
        trial = Trial(seam.original, self.family)
        kind = SwitchedCall if self.config.policy == "kv-switch" else AttentionCall
        act = kind(seam.original, self.family, self.state, self.config.rule)
        tried, controlled = seam.controlled(trial), seam.controlled(act)
        self.calls.append(act)  # compiled code knows it by number only
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
        device = self.pipe._execution_device if weights.type == "meta" else weights
        probe = self.family.probe(transformer)
        if self.config.policy == "kv-switch":
            check_switch(self.family, probe)
        for site in sites:
            trial.run(site, probe, device, transformer.dtype, tried)
            if self.config.released_code:
                self._note_raw(site)
            self.undo.set(site.module, "processor", controlled(site.module.processor))
        track_forward(self.pipe, self.family, transformer, len(sites), self.state, self.config, self.fps, self.undo)

    def _note_raw(self, site: Site) -> None:
        """Keep what enters the norms of queries and keys: the released code works on that."""
        raw = self.state.raw

        def note(name: str) -> Callable[..., None]:
            def before(module: Any, args: tuple[Tensor, ...]) -> None:
                raw[name] = args[0]

            return before

        module: Any = site.module
        for name, norm in (("query", module.norm_q), ("key", module.norm_k)):
            self.undo.call(norm.register_forward_pre_hook(note(name)).remove)


def enable(
    pipe: Any,
    plan: Plan | Sequence[Plan],
    *,
    config: ControlConfig | None = None,
    fps: float | None = None,
    columns: PlanColumns | Sequence[PlanColumns] | None = None,
) -> None:
    """Control every following run of a diffusers pipeline until `disable(pipe)`.

    `plan` is one plan, or one for each prompt of a batch; the pipeline must be called with exactly the plans' prompts.
    `config` defaults to the paper's setting. `fps`, the video's frames per second, is needed for segments in seconds.
    `columns`, one for each plan, are the text columns of its words for each subject: `((1,), ((2, 3), (5,)))` is a subject
    in column 1 with two events. They are needed where the pipeline is called with the prompts' embeddings, or has a
    tokenizer that does not tell where its tokens stand; `columns(pipe, plan)` finds them in the plan's prompt.

    Raises `UnsupportedPipelineError` for a pipeline no family knows, `PlanError` where the plan's words are not in the
    tokenized prompt, `ControlError` where control is already on or the seam does not hold. Nothing is left behind then.
    """
    plans = [plan] if isinstance(plan, Plan) else list(plan) if isinstance(plan, Sequence) else []
    if not plans or not all(isinstance(one, Plan) for one in plans):
        raise PlanError(
            f"expected a Plan, or one Plan for each prompt, but got {plan!r}; tsattn.parse(prompt) makes one"
        )
    if config is not None and not isinstance(config, ControlConfig):
        raise ControlError(f"expected a ControlConfig, but got {config!r}")
    given = None if columns is None else _checked_columns(plans, [columns] if isinstance(plan, Plan) else columns)
    Session(pipe, plans, config or ControlConfig.paper(), fps, given).attach()


def disable(pipe: Any) -> None:
    """End control; the pipeline is as it was before, object by object. Raises `ControlError` where it was not on."""
    _session(pipe).detach()


@contextmanager
def control(
    pipe: Any,
    plan: Plan | Sequence[Plan],
    *,
    config: ControlConfig | None = None,
    fps: float | None = None,
    columns: PlanColumns | Sequence[PlanColumns] | None = None,
) -> Iterator[Any]:
    """Control the runs of a diffusers pipeline inside a `with` block; arguments and errors as in `enable`.

    Raises `NothingControlledError` at the end of a block in which the pipeline was not run.
    """
    enable(pipe, plan, config=config, fps=fps, columns=columns)
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
    if not isinstance(fps, Real) or not 0 < fps < float("inf"):
        raise PlanError(f"fps must be above 0, but got {fps}")
    return fps


def _checked_columns(plans: Sequence[Plan], columns: Any) -> list[list[SubjectColumns]]:
    if not isinstance(columns, Sequence) or len(columns) != len(plans):
        raise PlanError(f"expected columns for each of {len(plans)} plans, but got {quoted(columns)}")
    return [checked(plan, own) for plan, own in zip(plans, columns, strict=True)]


def _session(pipe: Any) -> Session:
    session: Session | None = getattr(pipe, MARK, None)
    if session is None:
        raise ControlError(f"this {type(pipe).__name__} is not controlled by tsattn")
    return session


def _chosen(sites: list[Site], layers: tuple[int, ...] | Literal["odd"] | None, transformer: str) -> list[Site]:
    """The sites in the chosen blocks."""
    if layers is None:
        return sites
    if layers == "odd":
        return [site for site in sites if site.block % 2]
    blocks = {site.block for site in sites}
    missing = [layer for layer in layers if layer not in blocks]
    if missing:
        raise ControlError(f"{transformer} has the blocks 0 to {max(blocks)}, but layers names {missing}")
    return [site for site in sites if site.block in layers]
