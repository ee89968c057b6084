"""TS-Attn as the paper writes it: dense maps, every text column, float64. Slow, and the measure of the fast path.

Shares no code with the fast path. Source: arXiv 2604.19473, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def dense_attention(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    value: Float[Tensor, "k h d"],
    seen: Bool[Tensor, " k"],
    subjects: Sequence[tuple[Sequence[int], Sequence[Sequence[int]], Sequence[tuple[int, int]]]],
    grid: tuple[int, int, int],
    *,
    scale: float,
    erosion: int,
    r_min: float,
    r_max: float,
    strength: float = 1.0,
    masks: Bool[Tensor, "s q"] | None = None,
    video: tuple[Float[Tensor, "v h d"], Float[Tensor, "v h d"]] | None = None,
) -> Float[Tensor, "q h d"]:
    """Controlled attention of one sample over all text columns, with `value` theirs; all else as in `dense_shares`."""
    _, after = dense_shares(
        query, key, seen, subjects, grid, scale=scale, erosion=erosion, r_min=r_min, r_max=r_max, strength=strength,
        masks=masks, video=None if video is None else video[0],
    )  # fmt: skip
    values = value if video is None else torch.cat([value, video[1]])
    return torch.einsum("hqk,khd->qhd", after, values.double())


def dense_shares(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    seen: Bool[Tensor, " k"],
    subjects: Sequence[tuple[Sequence[int], Sequence[Sequence[int]], Sequence[tuple[int, int]]]],
    grid: tuple[int, int, int],
    *,
    scale: float,
    erosion: int,
    r_min: float,
    r_max: float,
    strength: float = 1.0,
    masks: Bool[Tensor, "s q"] | None = None,
    video: Float[Tensor, "v h d"] | None = None,
) -> tuple[Float[Tensor, "h q n"], Float[Tensor, "h q n"]]:
    """The attention map of one sample without control and with it; `seen` (k,) marks the text columns attended to.

    In joint attention `video` are keys of the same softmax behind the text's; region, statistics and bias are the text's
    alone.

    A subject is its columns, the columns of each event, and each event's latent frames `(first, last)`. `masks` (s, q)
    replaces the regions, so that the modulation can be tested apart from the threshold.
    """
    query, key = query.double(), key.double()
    logits = scale * torch.einsum("qhd,khd->hqk", query, key)
    total = torch.zeros_like(logits)
    for number, (words, events, stretches) in enumerate(subjects):
        mask = dense_region(logits, words, grid, erosion=erosion) if masks is None else masks[number]
        total += mask[None, :, None] * _modulation(logits, seen, events, stretches, grid, r_min=r_min, r_max=r_max)
    maps = [one.masked_fill(~seen, -torch.inf) for one in (logits, logits + strength * total)]
    if video is not None:
        others = scale * torch.einsum("qhd,khd->hqk", query, video.double())
        maps = [torch.cat([one, others], dim=-1) for one in maps]
    before, after = (torch.softmax(one, dim=-1) for one in maps)
    return before, after


def dense_region(
    logits: Float[Tensor, "h q k"], words: Sequence[int], grid: tuple[int, int, int], *, erosion: int
) -> Bool[Tensor, " q"]:
    """The motion region from the full map: mean over heads and words, at least the mean over tokens, eroded."""
    attention = logits[:, :, list(words)].mean(dim=(0, 2))
    mask = (attention >= attention.mean()).view(grid)
    kept = torch.zeros_like(mask)
    reach = erosion // 2
    for f in range(grid[0]):
        for y in range(grid[1]):
            for x in range(grid[2]):
                kept[f, y, x] = mask[f, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].all()
    return kept.flatten()


def _modulation(
    logits: Float[Tensor, "h q k"],
    seen: Bool[Tensor, " k"],
    events: Sequence[Sequence[int]],
    stretches: Sequence[tuple[int, int]],
    grid: tuple[int, int, int],
    *,
    r_min: float,
    r_max: float,
) -> Float[Tensor, "h q k"]:
    result = torch.zeros_like(logits)
    columns = seen.nonzero()[:, 0]
    visible = logits[:, :, columns]
    probability = torch.softmax(visible, dim=-1)
    low, high = probability.amin(-1, keepdim=True), probability.amax(-1, keepdim=True)
    normalised = (probability - low) / (high - low + 1e-300)
    plus = visible.amax(-1, keepdim=True) - visible.mean(-1, keepdim=True)
    minus = visible.amin(-1, keepdim=True) - visible.mean(-1, keepdim=True)
    raised = plus * (r_min + (1 - normalised) * (r_max - r_min))
    lowered = minus * (r_min + normalised * (r_max - r_min))
    for n in range(logits.shape[1]):
        frame = n // (grid[1] * grid[2])
        due = [k for k, (first, last) in enumerate(stretches) if first <= frame < last]
        if not due:
            continue
        current = {column for k in due for column in events[k]}
        for place, column in enumerate(columns.tolist()):
            if column in current:
                result[:, n, column] = raised[:, n, place]
            elif any(column in event for event in events):
                result[:, n, column] = lowered[:, n, place]
    return result
