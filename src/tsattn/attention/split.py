"""Cross-attention under TS-Attn, recomputing only the rows of the motion region.

The model's own attention runs unchanged, with whatever kernel it likes. Afterwards the rows inside a region are computed
again, a chunk at a time, over the prompt's columns only: identical pad columns are computed once and weighted by their
number. That is exact, needs no log-sum-exp from the kernel and no bias of the size of the attention map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from tsattn.attention.modulation import Extent, event_bias, extent
from tsattn.attention.region import Grid, computing_dtype, motion_region, subject_map
from tsattn.attention.released import released_region
from tsattn.attention.rule import Rule
from tsattn.attention.segment_wise import segments_of, shared_extent
from tsattn.attention.shard import Shard, whole

CHUNK_ELEMENTS = {"cpu": 1 << 20}
"""Largest number of logits held at a time, by device type; chunks of rows are sized by it to stay in a cache."""
LARGE_CHUNK = 1 << 23
"""The same on all other devices, where each operation has a start-up cost."""
SYNCHRONOUS = {"cpu"}
"""Device types that do not work on while the host goes ahead, so that reading a number from them costs nothing."""


class Columns(NamedTuple):
    """The text columns that are computed: where each stands, and for how many identical columns it stands.

    `positions` (k,) among the model's text columns; `counts` (k,), 0 for a column that the model masks out.
    """

    positions: Int[Tensor, " k"]
    counts: Float[Tensor, " k"]


class Timeline(NamedTuple):
    """One subject's words and events over the clip, on the computed columns.

    `subject` (k,) is 1 on the subject's columns; `columns` (e,) are the numbers of those that any of its events uses.
    `current` and `other` (t, e) mark those of the event that is due and of the subject's other events in each of t equal
    parts of the video tokens, which are the latent frames (single tokens in the released code). A part without an event
    has neither. A mark is True, or a number above 0: how much of what is added the column gets.
    """

    subject: Float[Tensor, " k"]
    columns: Int[Tensor, " e"]
    current: Shaped[Tensor, "t e"]
    other: Shaped[Tensor, "t e"]


class Rows(NamedTuple):
    """Attention over the text for the video tokens `tokens` (r,) of a sample: `values` (r, h, d) and log-sum-exps (r, h).

    `inside` (r,) says which of them are inside a region; None for all.
    """

    tokens: Int[Tensor, " r"]
    values: Float[Tensor, "r h d"]
    lse: Float[Tensor, "r h"]
    inside: Bool[Tensor, " r"] | None


def place(target: Float[Tensor, "q ..."], rows: Rows, new: Float[Tensor, "r ..."]) -> None:
    """Overwrite the rows of `target` that are inside a region with those of `new`."""
    if rows.inside is not None:
        inside = rows.inside.view(-1, *(1 for _ in new.shape[1:]))
        new = torch.where(inside, new, target[rows.tokens])
    target[rows.tokens] = new


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
    """The motion region of every subject; parts of the clip without a mark on an event of the subject are left out of it.

    With a `shard`, queries and result are this process's tokens, while the region is found over all of them.
    """
    first, tokens, gather = shard or whole(len(query))
    here = slice(first, first + tokens)
    masks = []
    for timeline in timelines:
        due = timeline.current.any(-1) | timeline.other.any(-1)
        due = due.repeat_interleave(grid.tokens // len(due), output_size=grid.tokens)[here]
        if rule.released:
            due &= released_region(query, key, timeline.subject, count, grid, scale=scale)
        elif rule.region:
            attention = gather(subject_map(query, key, timeline.subject, scale=scale))
            due &= motion_region(attention, grid, erosion=rule.erosion, threshold=rule.threshold)[here]
        masks.append(due)
    # the released code keeps one mask, the last subject's, for all
    return torch.stack([masks[-1]] * len(masks) if rule.released else masks)


def controlled_rows(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    value: Float[Tensor, "k h c"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    *,
    scale: float,
    rule: Rule,
    masked: bool = True,
    raw: tuple[Float[Tensor, "q h d"], Float[Tensor, "k h d"]] | None = None,
    first: int = 0,
    whole_tokens: int | None = None,
) -> Iterator[Rows]:
    """`softmax(S + strength · Σ_s M_s ⊙ R_s ⊙ B_s) V` for the rows inside any subject's region, chunk by chunk.

    `key` and `value` hold the computed columns only, `count` how many text columns each stands for; `masked` says whether
    any of it may be 0. `raw` are queries and keys to compute R and B from instead. In a process that holds a stretch of the
    clip's `whole_tokens` tokens, `first` is the number of the first. Everything is done in float32 or better; values
    are returned in `value`'s dtype.
    """
    precise = computing_dtype(query.dtype)
    # the scale goes to the few keys, and below the sum to the few columns: rows of values are long
    key, wide_value = key.to(precise) * scale, value.to(precise)
    judging = None if raw is None else (raw[0], raw[1].to(precise) * scale)
    weight = count.to(precise).log()
    counted, masked = (count, masked) if rule.count_pads else (count * (count == 1), True)
    size = max(1, CHUNK_ELEMENTS.get(query.device.type, LARGE_CHUNK) // (key.shape[0] * key.shape[1]))
    together = _together(query, key, counted, timelines, masks, size) if rule.segment_wise else None
    for tokens, inside in inside_of(masks.any(0), size):
        logits = _logits(query, key, tokens)
        judged = logits if judging is None else _logits(*judging, tokens)
        row = extent(judged, counted, masked=masked)
        terms = []
        for number, (timeline, mask) in enumerate(zip(timelines, masks, strict=True)):
            part = (first + tokens) // ((whole_tokens or len(query)) // len(timeline.current))
            due = mask[tokens, None] & (count[timeline.columns] > 0)
            marks = timeline.current[part] * due, timeline.other[part] * due
            reach = None if together is None else together[number](part)
            asked = judged.index_select(-1, timeline.columns)
            terms.append(event_bias(asked, row, *marks, rule, reach=reach, masked=masked))
        for timeline, term in zip(timelines, terms, strict=True):
            # as `logits[..., columns] += term` does, in a tenth of the time on a CPU
            logits.index_add_(-1, timeline.columns, term, alpha=rule.strength)
        logits += weight
        highest = logits.amax(-1, keepdim=True)
        share = logits.sub_(highest).exp_()
        total = share.sum(-1, keepdim=True)
        values = torch.einsum("rhk,khd->rhd", share.div_(total), wide_value)
        yield Rows(tokens, values.to(value.dtype), (highest + total.log())[..., 0], inside)


def _together(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    size: int,
) -> list[Callable[[Tensor], Extent]]:
    """For every subject what turns parts of its timeline (r,) into the extents of their segments, within its region."""

    def of(timeline: Timeline, mask: Tensor) -> Callable[[Tensor], Extent]:
        segments = segments_of(timeline.current)
        parts = len(query) // len(segments)
        rows = (
            (segments[tokens // parts], extent(_logits(query, key, tokens), count), inside)
            for tokens, inside in inside_of(mask, size)
        )
        shared = shared_extent(rows, len(segments), query.shape[1])
        return lambda part: Extent(*(of_all[segments[part]] for of_all in shared))

    return [of(timeline, mask) for timeline, mask in zip(timelines, masks, strict=True)]


def inside_of(region: Bool[Tensor, " q"], rows: int) -> Iterator[tuple[Int[Tensor, " r"], Bool[Tensor, " r"] | None]]:
    """The numbers of the tokens in a region, at most `rows` at a time.

    One empty chunk where there are none. Where the host would have to wait for their number, all tokens are given, and which
    of them are inside.
    """
    if region.device.type in SYNCHRONOUS:
        for tokens in region.nonzero()[:, 0].split(rows):  # type: ignore[no-untyped-call]
            yield tokens, None
    else:
        for tokens in torch.arange(len(region), device=region.device).split(rows):  # type: ignore[no-untyped-call]
            yield tokens, region[tokens]


def _logits(
    query: Float[Tensor, "q h d"], key: Float[Tensor, "k h d"], tokens: Int[Tensor, " r"]
) -> Float[Tensor, "r h k"]:
    return torch.einsum("rhd,khd->rhk", query[tokens].to(key.dtype), key)
