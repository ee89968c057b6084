"""Knowing where a run stands, without asking the pipeline to say so.

The step is counted at the scheduler: timestep values collapse in half precision, and `scheduler.step_index` is missing on
the first step. The branch is the name of the transformer's open `cache_context`. The prompts are what `encode_prompt` is
given. The token grid is read off the transformer's own input.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsattn.control.config import ControlConfig
from tsattn.control.family import Family
from tsattn.control.parallel import shard_of
from tsattn.control.state import State, Text
from tsattn.control.switch import lengthened
from tsattn.control.texts import given_texts, text_of
from tsattn.control.undo import Undo
from tsattn.errors import ControlError, NothingControlledError, PlanError
from tsattn.plan.schema import Plan
from tsattn.plan.spans import SubjectColumns
from tsattn.plan.timeline import Clip

if TYPE_CHECKING:
    from torch import Tensor


def track_prompts(
    pipe: Any,
    family: Family,
    plans: Sequence[Plan],
    columns: Sequence[list[SubjectColumns]] | None,
    state: State,
    undo: Undo,
) -> None:
    """Start a run whenever the pipeline checks its inputs, and note its prompts; refuse others than the plans'.

    `columns` are those of each plan's words; without them they are looked for in the prompts.
    """
    check, encode = pipe.check_inputs, pipe.encode_prompt
    inputs, signature = inspect.signature(check), inspect.signature(encode)

    def check_inputs(*args: Any, **kwargs: Any) -> Any:
        result = check(*args, **kwargs)
        state.begin()
        arguments = inputs.bind(*args, **kwargs).arguments
        embeddings = arguments.get(family.unencoded)
        if embeddings is not None:
            _check_prompts(arguments["prompt"], plans, columns)
            note(embeddings)
        return result

    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        if state.texts:  # some pipelines encode the negative prompt in a call of its own
            return encode(*args, **kwargs)
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        arguments = given.arguments
        _check_prompts(arguments["prompt"], plans, columns)
        texts = [] if columns else [text_of(pipe, family, plan, arguments) for plan in plans]
        if arguments["prompt"] is not None:
            state.encode = functools.partial(_encoded, encode, arguments)
        embeddings = encode(*args, **kwargs)
        state.videos_per_prompt = arguments.get("num_videos_per_prompt", 1)
        note(embeddings[0], texts)
        return embeddings

    def note(embeddings: Tensor, texts: list[Text] | None = None) -> None:
        videos, pads = state.videos_per_prompt, family.identical_pads
        if columns:
            texts = given_texts(plans, columns, embeddings, videos_per_prompt=videos, identical_pads=pads)
        state.texts, state.embeddings = texts or [], embeddings
        if pads:
            _check_pads(state)

    undo.set(pipe, "check_inputs", check_inputs)
    undo.set(pipe, "encode_prompt", encode_prompt)


def _check_prompts(given: Any, plans: Sequence[Plan], columns: Sequence[Any] | None) -> None:
    if given is None:
        if columns is None:
            raise PlanError(
                "the pipeline was given prompt_embeds, in which tsattn cannot find the plan's words; pass the prompt, or "
                "tell control their text columns: columns=tsattn.columns(pipe, plan) finds those of the plan's prompt"
            )
        return
    prompts = [given] if isinstance(given, str) else list(given)
    expected = [plan.prompt for plan in plans]
    if prompts != expected:
        raise PlanError(f"the plan is for the prompt {expected!r}, but the pipeline was given {prompts!r}")


def _encoded(encode: Callable[..., Any], arguments: Mapping[str, Any], prompts: list[str]) -> Tensor:
    """Further prompts as the pipeline encoded its own, given the arguments of its `encode_prompt`."""
    changes = {"prompt": prompts, "num_videos_per_prompt": 1, "do_classifier_free_guidance": False}
    embeddings: Tensor = encode(**{**arguments, **{name: x for name, x in changes.items() if name in arguments}})[0]
    return embeddings


def _check_pads(state: State) -> None:
    assert state.embeddings is not None
    for number, rows in enumerate(state.embeddings):
        length = state.texts[number // state.videos_per_prompt].tokens.length
        if rows[length:].any():
            raise ControlError(
                f"text columns after the prompt's {length} tokens should be zeros, but are not; this encoder is not the "
                "family's own"
            )


def track_steps(pipe: Any, family: Family, state: State, config: ControlConfig, undo: Undo) -> None:
    """Count finished denoising steps, and refuse to go on after a first step that should have acted and did not."""
    scheduler, task, calls = pipe.scheduler, family.pipelines[type(pipe).__name__], 0
    set_timesteps, step = scheduler.set_timesteps, scheduler.step

    # pipelines ask for the parameters of these two
    @functools.wraps(set_timesteps)
    def counted_set_timesteps(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        set_timesteps(*args, **kwargs)
        calls, state.step, state.steps = 0, 0, len(scheduler.timesteps)

    @functools.wraps(step)
    def counted_step(*args: Any, **kwargs: Any) -> Any:
        if not (state.step or state.acted) and config.controlled_steps(task, state.steps or 0):
            raise NothingControlledError(
                "the first step passed and tsattn did not act; the pipeline runs another transformer than the one that "
                "was there when tsattn was switched on, or never opens its conditional pass: switch tsattn off and on again"
            )
        nonlocal calls
        result = step(*args, **kwargs)
        calls += 1
        state.step = calls // family.step_calls
        return result

    undo.set(scheduler, "set_timesteps", counted_set_timesteps)
    undo.set(scheduler, "step", counted_step)
    if not hasattr(pipe, "get_timesteps"):
        return
    skip = pipe.get_timesteps  # video-to-video starts later than the schedule

    @functools.wraps(skip)
    def counted_get_timesteps(*args: Any, **kwargs: Any) -> Any:
        found = skip(*args, **kwargs)
        *_, timesteps, _ = found  # some give their noise levels first
        state.steps = len(timesteps)
        return found

    undo.set(pipe, "get_timesteps", counted_get_timesteps)


def track_forward(
    pipe: Any, family: Family, transformer: Any, sites: int, state: State, config: ControlConfig, fps: float, undo: Undo
) -> None:
    """Act inside the transformer's forward passes with the prompt in the controlled steps, and check that it happened."""
    scheduler = pipe.scheduler
    task = family.pipelines[type(pipe).__name__]
    timing = family.timing(pipe.vae.config, transformer.config)
    signature = inspect.signature(transformer.forward)

    @contextlib.contextmanager
    def cache_context(name: str, *args: Any, **kwargs: Any) -> Iterator[None]:
        state.branch = name
        try:
            with opened(name, *args, **kwargs):
                yield
        finally:
            state.branch = None

    def before(module: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        state.leave()  # an interrupted pass leaves without its hooks
        given = signature.bind(*args, **kwargs).arguments
        prompted = _has_prompt(given["encoder_hidden_states"], family, state)
        if not (prompted or (config.unconditional and state.branch == family.unconditional)):
            return None
        if pipe.scheduler is not scheduler:
            raise ControlError("the scheduler was replaced while tsattn was on; switch tsattn off first, then on again")
        if state.steps is None or not state.texts:
            raise ControlError("the transformer ran before the pipeline encoded its prompt and set its timesteps")
        acting = state.step < config.controlled_steps(task, state.steps)
        watched = prompted and state.observer is not None and state.observer.wants(state.step)
        if not (acting or watched):
            return None
        if not prompted:
            _check_shorter(given["encoder_hidden_states"], family, state)
        grid, samples, text, leading = family.read(module, given)
        clip = Clip(timing.opening + (grid.frames - 1) * timing.compression, fps, *timing)
        state.shard = shard_of(module, grid.tokens)
        state.enter(grid, samples, text, leading, clip, acting=acting, watched=watched)
        if not acting or config.policy != "kv-switch":
            return None
        given["encoder_hidden_states"] = longer = lengthened(given["encoder_hidden_states"], state)
        state.text = longer.shape[1]
        return (), given

    def check(module: Any, args: Any, output: Any) -> None:
        # later steps may skip blocks (caches do), the first never does
        expected = sites * (state.prompted if family.one_by_one else 1)
        if state.acting and state.step == 0 and state.acted != expected:
            raise NothingControlledError(
                f"tsattn should have acted {expected} times in the {type(module).__name__}, but did {state.acted} times; "
                "switch tsattn on after compiling, fusing projections or replacing processors"
            )

    def stop(module: Any, args: Any, output: Any) -> None:
        state.leave()

    if family.conditional is not None:  # some transformers have none
        opened = transformer.cache_context
        undo.set(transformer, "cache_context", cache_context)
    undo.call(transformer.register_forward_pre_hook(before, with_kwargs=True).remove)
    undo.call(transformer.register_forward_hook(check).remove)
    undo.call(transformer.register_forward_hook(stop, always_call=True).remove)


def _check_shorter(text: Any, family: Family, state: State) -> None:
    """Raise `ControlError` for a negative prompt with words in columns that are not computed, being the prompts' pads."""
    if text in state.compared:  # looking makes the host wait for the device
        return
    state.compared[text] = False
    words = min(one.tokens.length for one in state.texts)
    if family.identical_pads and text[:, words:].any():
        raise ControlError(
            f"unconditional=True: the negative prompt takes more than the {words} text columns of the prompt; give a shorter one"
        )


def _has_prompt(text: Any, family: Family, state: State) -> bool:
    """Whether a forward pass on these text embeddings carries the prompts."""
    if family.conditional is not None:
        return state.branch == family.conditional
    # comparing makes the host wait for the device, and pipelines pass the same tensor in every step
    if text not in state.compared:
        state.compared[text] = _is_prompt(text, state.embeddings)
    return state.compared[text]


def _is_prompt(text: Any, own: Tensor | None) -> bool:
    if own is None or text.shape[-2:] != own.shape[-2:] or len(text) < len(own):
        return False
    last = text[-len(own) :]  # in a batch with the negative prompt, the prompt comes last
    return last.numel() == own.numel() and bool((last.reshape(own.shape) == own.to(text)).all())
