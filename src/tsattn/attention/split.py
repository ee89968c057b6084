"""Cross-attention under TS-Attn, recomputing only the rows of the motion region.

The model's own attention runs unchanged, with whatever kernel it likes. Afterwards the rows inside a region are computed
again, a chunk at a time, over the prompt's columns only: identical pad columns are computed once and weighted by their
number. That is exact, needs no log-sum-exp from the kernel and no bias of the size of the attention map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tsattn.attention.modulation import event_bias
from tsattn.attention.region import Grid, computing_dtype, motion_region, subject_map

CHUNK_ELEMENTS = 1 << 20
"""Largest number of logits held at a time; chunks of rows are sized by it."""


class Columns(NamedTuple):
    """The text columns that are computed: where each stands, and for how many identical columns it stands.

    `positions` (k,) among the model's text columns; `counts` (k,), 0 for a column that the model masks out.
    """

    positions: Int[Tensor, " k"]
    counts: Float[Tensor, " k"]


class Timeline(NamedTuple):
    """One subject's words and events over the latent frames, on the computed columns.

    `subject` (k,) is 1 on the subject's columns; `current` and `other` (f, k) mark the columns of the event that is due in
    each frame and of the subject's other events. A frame without an event has neither.
    """

    subject: Float[Tensor, " k"]
    current: Bool[Tensor, "f k"]
    other: Bool[Tensor, "f k"]


class Rows(NamedTuple):
    """New attention outputs `values` (r, h, d) for the video tokens `tokens` (r,) of a sample."""

    tokens: Int[Tensor, " r"]
    values: Float[Tensor, "r h d"]


def regions(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    timelines: Sequence[Timeline],
    grid: Grid,
    *,
    scale: float,
    erosion: int,
) -> Bool[Tensor, "s q"]:
    """The motion region of every subject; frames without an event of the subject are left out of its region."""
    masks = []
    for timeline in timelines:
        mask = motion_region(subject_map(query, key, timeline.subject, scale=scale), grid, erosion=erosion)
        due = timeline.current.any(-1)
        masks.append((mask.view(grid) & due[:, None, None]).flatten())
    return torch.stack(masks)


def controlled_rows(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    value: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    grid: Grid,
    *,
    scale: float,
    r_min: float,
    r_max: float,
    strength: float,
) -> Iterator[Rows]:
    """`softmax(S + strength · Σ_s M_s ⊙ R_s ⊙ B_s) V` for the rows inside any subject's region, chunk by chunk.

    `key` and `value` hold the computed columns only, `count` how many text columns each stands for. Everything is done in
    float32 or better and returned in the dtype of `value`.
    """
    precise = computing_dtype(query.dtype)
    key, wide_value = key.to(precise), value.to(precise)
    weight = count.to(precise).log()
    chunk = max(1, CHUNK_ELEMENTS // (key.shape[0] * key.shape[1]))
    inside = masks.any(0).nonzero()[:, 0]
    for tokens in inside.split(chunk):  # type: ignore[no-untyped-call]
        logits = torch.einsum("rhd,khd->rhk", query[tokens].to(precise) * scale, key)
        frame = tokens // (grid.rows * grid.columns)
        bias = torch.zeros_like(logits)
        for timeline, mask in zip(timelines, masks, strict=True):
            term = event_bias(logits, timeline.current[frame], timeline.other[frame], count, r_min=r_min, r_max=r_max)
            bias += term * mask[tokens][:, None, None]
        share = torch.softmax(logits + strength * bias + weight, dim=-1)
        yield Rows(tokens, torch.einsum("rhk,khd->rhd", share, wide_value).to(value.dtype))
