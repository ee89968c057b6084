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
from tsattn.attention.released import released_region
from tsattn.attention.rule import Rule
from tsattn.attention.shard import Shard, whole

CHUNK_ELEMENTS = 1 << 20
"""Largest number of logits held at a time; chunks of rows are sized by it."""


class Columns(NamedTuple):
    """The text columns that are computed: where each stands, and for how many identical columns it stands.

    `positions` (k,) among the model's text columns; `counts` (k,), 0 for a column that the model masks out.
    """

    positions: Int[Tensor, " k"]
    counts: Float[Tensor, " k"]


class Timeline(NamedTuple):
    """One subject's words and events over the clip, on the computed columns.

    `subject` (k,) is 1 on the subject's columns; `current` and `other` (t, k) mark the columns of the event that is due
    and of the subject's other events in each of t equal parts of the video tokens, which are the latent frames (single
    tokens in the released code). A part without an event has neither.
    """

    subject: Float[Tensor, " k"]
    current: Bool[Tensor, "t k"]
    other: Bool[Tensor, "t k"]


class Rows(NamedTuple):
    """Attention over the text for the video tokens `tokens` (r,) of a sample: `values` (r, h, d) and log-sum-exps (r, h)."""

    tokens: Int[Tensor, " r"]
    values: Float[Tensor, "r h d"]
    lse: Float[Tensor, "r h"]


def regions(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    grid: Grid,
    *,
    scale: float,
    rule: Rule,
    shard: Shard | None = None,
) -> Bool[Tensor, "s q"]:
    """The motion region of every subject; parts of the clip without an event of the subject are left out of it.

    With a `shard`, queries and result are this process's tokens, while the region is found over all of them.
    """
    first, tokens, gather = shard or whole(len(query))
    here = slice(first, first + tokens)
    masks = []
    for timeline in timelines:
        due = timeline.current.any(-1)
        due = due.repeat_interleave(grid.tokens // len(due), output_size=grid.tokens)[here]
        if rule.released:
            due &= released_region(query, key, timeline.subject, count, grid, scale=scale)
        elif rule.region:
            attention = gather(subject_map(query, key, timeline.subject, scale=scale))
            due &= motion_region(attention, grid, erosion=rule.erosion)[here]
        masks.append(due)
    # the released code keeps one mask, the last subject's, for all
    return torch.stack([masks[-1]] * len(masks) if rule.released else masks)


def controlled_rows(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    value: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    *,
    scale: float,
    rule: Rule,
    raw: tuple[Float[Tensor, "q h d"], Float[Tensor, "k h d"]] | None = None,
    first: int = 0,
    whole_tokens: int | None = None,
) -> Iterator[Rows]:
    """`softmax(S + strength · Σ_s M_s ⊙ R_s ⊙ B_s) V` for the rows inside any subject's region, chunk by chunk.

    `key` and `value` hold the computed columns only, `count` how many text columns each stands for. `raw` are queries and
    keys to compute R and B from instead. In a process that holds a stretch of the clip's `whole_tokens` tokens, `first` is
    the number of the first. Everything is done in float32 or better; values are returned in `value`'s dtype.
    """
    precise = computing_dtype(query.dtype)
    key, wide_value = key.to(precise), value.to(precise)
    weight = count.to(precise).log()
    chunk = max(1, CHUNK_ELEMENTS // (key.shape[0] * key.shape[1]))
    inside = masks.any(0).nonzero()[:, 0]
    for tokens in inside.split(chunk):  # type: ignore[no-untyped-call]
        logits = _logits(query, key, tokens, scale)
        judged = logits if raw is None else _logits(raw[0], raw[1].to(precise), tokens, scale)
        bias = torch.zeros_like(logits)
        for timeline, mask in zip(timelines, masks, strict=True):
            part = (first + tokens) // ((whole_tokens or len(query)) // len(timeline.current))
            term = event_bias(judged, timeline.current[part], timeline.other[part], count, rule)
            bias += term * mask[tokens][:, None, None]
        logits = logits + rule.strength * bias + weight
        lse = torch.logsumexp(logits, dim=-1)
        share = torch.exp(logits - lse[..., None])
        yield Rows(tokens, torch.einsum("rhk,khd->rhd", share, wide_value).to(value.dtype), lse)


def _logits(
    query: Float[Tensor, "q h d"], key: Float[Tensor, "k h d"], tokens: Int[Tensor, " r"], scale: float
) -> Float[Tensor, "r h k"]:
    return torch.einsum("rhd,khd->rhk", query[tokens].to(key.dtype) * scale, key)
