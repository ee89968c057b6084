"""The K/V switch: in each segment the video attends to keys and values of that segment's own prompt.

The plain way to control events through a text-to-video model's text alone, as multi-prompt samplers do: no logit is changed.
The own prompt is the plan's without the events that are not due (`plan.excerpt`), encoded alone. Its embeddings go through the
transformer as further text columns behind the whole prompt's, so that every projection, norm and adapter is the model's own,
and each latent frame's tokens attend to their columns only. Where nothing is due they attend to the whole prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tsattn.attention.region import Grid
from tsattn.control.call import AttentionCall
from tsattn.control.family import Family, Probe
from tsattn.control.state import State
from tsattn.errors import ControlError
from tsattn.plan.excerpt import own_prompts
from tsattn.plan.timeline import snap_plan


class OwnPrompts(NamedTuple):
    """The prompts of the segments of a run."""

    embeddings: Tensor
    """(prompts, n · k, d): for each prompt of the run n own prompts of k text columns."""
    places: list[list[tuple[slice, slice]]]
    """For each prompt of the run the video tokens of its segments, and their text columns."""


def check_switch(family: Family, probe: Probe) -> None:
    """Raise `ControlError` where a model's text columns cannot be followed by others."""
    if family.layout != "cross" or not family.identical_pads:
        raise ControlError(
            "the policy 'kv-switch' needs an attention to the text alone, padding included, as Wan has it; the "
            f"{family.name} family has none: use 'prompt-relay' or 'hard-mask'"
        )
    if probe.keys is not None:
        raise ControlError(
            f"this model expects exactly {probe.keys} text columns behind those of its picture, so the policy 'kv-switch' "
            "has no room for its prompts: use 'prompt-relay' or 'hard-mask'"
        )


def lengthened(text: Tensor, state: State) -> Tensor:
    """The embeddings (b, k, d) that a forward pass is given, with those of the segments' own prompts behind them.

    Made once in a run. Raises `ControlError` where the pipeline was given embeddings in place of a prompt.
    """
    if state.own is None:
        state.own = _own(state, text)
    if text not in state.longer:
        behind = state.own.embeddings.repeat_interleave(state.videos_per_prompt, 0).to(text)
        whole = behind.new_zeros(len(text) - len(behind), *behind.shape[1:])  # for samples without a prompt
        state.longer[text] = torch.cat([text, torch.cat([whole, behind])], dim=1)
    return state.longer[text]


def _own(state: State, text: Tensor) -> OwnPrompts:
    if state.encode is None:
        raise ControlError(
            "the policy 'kv-switch' encodes a prompt for each segment, but the pipeline was given prompt_embeds; give it the "
            "prompt, or use the policy 'hard-mask'"
        )
    assert state.grid is not None and state.clip is not None
    grid, clip, length = state.grid, state.clip, text.shape[1]
    told = [own_prompts(one.plan, snap_plan(one.plan, clip), grid.frames) for one in state.texts]
    wanted = [
        [prompt for prompt in dict.fromkeys(row) if prompt != one.plan.prompt]
        for one, row in zip(state.texts, told, strict=True)
    ]
    places = [
        [(tokens, _behind(length, own.index(prompt))) for prompt, tokens in _runs(row, grid) if prompt in own]
        for row, own in zip(told, wanted, strict=True)
    ]
    every = list(dict.fromkeys(chain.from_iterable(wanted)))
    if not every:  # all is due everywhere
        return OwnPrompts(text.new_empty(len(told), 0, text.shape[2]), places)
    with torch.no_grad():
        encoded = state.encode(every)
    most = max(map(len, wanted))
    numbers = [[every.index(prompt) for prompt in own] + [0] * (most - len(own)) for own in wanted]
    return OwnPrompts(encoded[torch.tensor(numbers, device=encoded.device)].flatten(1, 2), places)


def _runs(row: list[str], grid: Grid) -> Iterator[tuple[str, slice]]:
    """What each stretch of latent frames is told, and its video tokens."""
    per_frame = grid.rows * grid.columns
    for prompt, run in groupby(range(len(row)), row.__getitem__):
        frames = list(run)
        yield prompt, slice(frames[0] * per_frame, (frames[-1] + 1) * per_frame)


def _behind(length: int, number: int) -> slice:
    """The text columns of an own prompt: each has as many as the whole prompt, which comes first."""
    return slice((number + 1) * length, (number + 2) * length)


class SwitchedCall(AttentionCall):
    """A model's attention with keys and values of the whole prompt, and behind them those of the segments' own prompts."""

    def plain(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As the model's attention on the whole prompt."""
        length = self.state.whole
        return self.original(query, key[:, :length], value[:, :length], *args, **kwargs)

    def _cross(
        self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, out: Tensor, scale: float, number: int
    ) -> None:
        assert self.state.own is not None
        for tokens, own in self.state.own.places[number // self.state.videos_per_prompt]:
            out[tokens] = self.original(query[None, tokens], key[None, own], value[None, own], scale=scale)[0]
