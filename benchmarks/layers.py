"""One attention layer and its block at real size: the model alone, under TS-Attn, attached but idle, and other ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from diffusers.models.transformers.transformer_wan import WanAttnProcessor

import tsattn
from benchmarks import models
from benchmarks.measure import Measured, PeakMemory, Ratio, Stopwatch, inside, interleave
from tsattn.attention.region import Grid, motion_region, subject_map
from tsattn.attention.released import without_lonely
from tsattn.control import ControlConfig
from tsattn.control.rebind import Seam
from tsattn.control.registry import family_of
from tsattn.control.texts import defaults, text_of
from tsattn.plan import Plan, parse

PROMPT = "A red circle moves right, then moves up, and then grows"
IDLE = ControlConfig(t2v_step_fraction=0, minimum_steps=0)
RELEASED = replace(ControlConfig.released(), layers=None)
"""The authors' way in every layer: there is only one here, and they skip the first."""


class Layer(NamedTuple):
    """A pipeline of one block, and which of its modules are timed."""

    pipe: Any
    attention: torch.nn.Module
    block: torch.nn.Module
    processor: type


class Case(NamedTuple):
    """Figures of one layer at one size: medians in seconds, ratios to the model alone, and bytes at the peak."""

    layer: str
    tokens: int
    columns: int
    rounds: int
    seconds: dict[str, dict[str, float]]
    ratios: dict[str, dict[str, Ratio]]
    peak: dict[str, int]


def wan_layer(size: str) -> Layer:
    """A block of Wan 2.1 of this size."""
    pipe = models.wan(*models.SIZES[size], layers=1)
    block = pipe.transformer.blocks[0]
    return Layer(pipe, block.attn2, block, WanAttnProcessor)


def cogvideox_layer() -> Layer:
    """A block of CogVideoX 5B."""
    pipe = models.cogvideox()
    block = pipe.transformer.transformer_blocks[0]
    return Layer(pipe, block.attn1, block, CogVideoXAttnProcessor2_0)


def cross_attention(size: str) -> Layer:
    """The cross-attention of such a block: the rest does nothing, so that many rounds are affordable."""
    layer = wan_layer(size)
    layer.block.attn1, layer.block.ffn = Skipped(), Skipped()
    return layer


class Skipped(torch.nn.Module):
    """A part of a block that does nothing."""

    def forward(self, hidden_states: torch.Tensor, *args: Any) -> torch.Tensor:
        """What it is given."""
        return hidden_states


def measure(name: str, layer: Layer, grid: Grid, *, rounds: int, ways: list[str], plan: Plan | None = None) -> Case:
    """Time the ways side by side, then take their peaks."""
    plan = plan or parse(PROMPT)
    variants = {way: _timed(layer, plan, grid, way) for way in ways}
    seconds, ratios = interleave(variants, rounds=rounds)
    peak = {}
    for way in ways:
        with _acting(layer, plan, way, grid), inside(layer.attention, PeakMemory()) as memory:
            models.run(layer.pipe, plan, grid)
        peak[way] = memory.peak
    family = family_of(layer.pipe)
    columns = text_of(layer.pipe, family, plan, defaults(layer.pipe)).tokens.length
    return Case(name, grid.tokens, columns, rounds, seconds, ratios, peak)


def _timed(layer: Layer, plan: Plan, grid: Grid, way: str) -> Callable[[], Measured]:
    def once() -> Measured:
        with _acting(layer, plan, way, grid):
            parts = {"attention": Stopwatch(layer.attention), "block": Stopwatch(layer.block)}
            models.run(layer.pipe, plan, grid)
            for part in parts.values():
                part.remove()
        return {name: part.seconds for name, part in parts.items()}

    return once


@contextmanager
def _acting(layer: Layer, plan: Plan, way: str, grid: Grid) -> Iterator[None]:
    configs = {"controlled": ControlConfig.paper(), "idle": IDLE, "released": RELEASED}
    if way in configs:
        with tsattn.control(layer.pipe, plan, config=configs[way]):
            yield
    elif way in ("dense bias", "released, dense"):
        with _dense(layer, plan, grid, released=way != "dense bias"):
            yield
    else:
        with nullcontext():
            yield


@contextmanager
def _dense(layer: Layer, plan: Plan, grid: Grid, *, released: bool) -> Iterator[None]:
    """The plain way to do it: a bias for the whole attention map, handed to PyTorch's own attention.

    `released` computes it as the authors' published code does (facts in `attention.released`; none of their code is here).
    """
    family = family_of(layer.pipe)
    words = text_of(layer.pipe, family, plan, defaults(layer.pipe)).columns[0]
    seam = Seam(layer.processor, family.attention_name)
    joint, raw = family.layout != "cross", dict[str, torch.Tensor]()

    def keep(name: str) -> Any:
        return lambda module, args, output: raw.__setitem__(name, output[0])

    def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        text = key.shape[1] - grid.tokens if joint else 512
        if key.shape[1] not in (text, text + grid.tokens) or (not joint and key.shape[1] != 512):
            return seam.original(query, key, value, *args, **kwargs)
        bias = query.new_zeros(query.shape[2], query.shape[1], key.shape[1])
        rows = slice(text, None) if joint else slice(None)  # CogVideoX has its text first
        if released:
            bias[:] = _released_bias(*(raw[name].unflatten(-1, query.shape[2:]) for name in "qk"), words, grid)
        else:
            bias[:, rows, :text] = _bias(query[0, rows], key[0, :text], words, grid)
        heads_first = (x.transpose(1, 2) for x in (query, key, value))
        out = torch.nn.functional.scaled_dot_product_attention(*heads_first, attn_mask=bias[None])
        return out.transpose(1, 2)

    own, layer.attention.processor = layer.attention.processor, seam.controlled(attention)(layer.attention.processor)
    hooks = [getattr(layer.attention, f"to_{name}").register_forward_hook(keep(name)) for name in "qk" * released]
    try:
        yield
    finally:
        layer.attention.processor = own
        for hook in hooks:
            hook.remove()


def _bias(query: torch.Tensor, key: torch.Tensor, words: Any, grid: Grid) -> torch.Tensor:
    """The method's bias for all rows and columns at once, (h, q, k)."""
    scale = query.shape[-1] ** -0.5
    weight = key.new_zeros(len(key))
    weight[list(words.subject)] = 1
    region = motion_region(subject_map(query, key, weight, scale=scale), grid)
    logits = torch.einsum("qhd,khd->hqk", query, key) * scale
    high, low, mean = logits.amax(-1, keepdim=True), logits.amin(-1, keepdim=True), logits.mean(-1, keepdim=True)
    share = torch.softmax(logits, dim=-1)
    least, most = share.amin(-1, keepdim=True), share.amax(-1, keepdim=True)
    share = (share - least) / (most - least + 1e-9)
    current, other = _marks(words, grid, key)
    delta = current * (high - mean) * (1.5 - 0.5 * share) + other * (low - mean) * (1 + 0.5 * share)
    return delta * region[None, :, None]


def _released_bias(query: torch.Tensor, key: torch.Tensor, words: Any, grid: Grid) -> torch.Tensor:
    """The bias of the authors' code for all rows and columns at once, (h, q, k), from queries and keys before their norm."""
    logits = torch.einsum("qhd,khd->hqk", query, key) * query.shape[-1] ** -0.5
    share = torch.softmax(logits, dim=-1)
    attention = share.mean(0)
    attention = (attention - attention.min()) / (attention.max() - attention.min())
    subject = attention[:, list(words.subject)].mean(-1)
    region = without_lonely((subject > torch.topk(subject, len(subject) // 2).values.mean()).view(grid)).flatten()
    high, low, mean = logits.amax(-1, keepdim=True), logits.amin(-1, keepdim=True), logits.mean(-1, keepdim=True)
    least, most = share.amin(-1, keepdim=True), share.amax(-1, keepdim=True)
    factor = 1.5 - 0.5 * (share - least) / (most - least + 1e-9)
    current, other = _marks(words, grid, key)
    current[:, list(words.subject)] = 1
    other[:, list(words.subject)] = 0
    return (current * (high - mean) + other * (low - mean)) * factor * region[None, :, None]


def _marks(words: Any, grid: Grid, key: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each token which columns are its segment's event's, and which those of the others, both (q, k)."""
    part = torch.arange(grid.tokens, device=key.device) * len(words.events) // grid.tokens
    marks = key.new_zeros(len(words.events), len(key))
    for number, columns in enumerate(words.events):
        marks[number, list(columns)] = 1
    return marks[part], marks.sum(0) - marks[part]
