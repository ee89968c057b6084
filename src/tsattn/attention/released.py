"""The motion region as the authors' published code finds it, so that results can be compared.

Facts from their Wan 2.2 code, which has no licence, so nothing is copied: the map is a softmax over the
text, averaged over heads, min-max normalised over the whole map, averaged over the subject's columns; the region is what
lies strictly above the mean of the larger half of its values; only tokens without any neighbour are removed.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.region import CHUNK, Grid, computing_dtype


def released_region(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    weight: Float[Tensor, " k"],
    count: Float[Tensor, " k"],
    grid: Grid,
    *,
    scale: float,
) -> Bool[Tensor, " q"]:
    """The tokens of a subject whose columns have `weight` 1; `count` (k,) as in `split.controlled_rows`."""
    precise = computing_dtype(query.dtype)
    key, number = key.to(precise), count.to(precise).log()
    maps = []
    for rows in query.split(CHUNK):  # type: ignore[no-untyped-call]
        logits = torch.einsum("rhd,khd->rhk", rows.to(precise) * scale, key)
        # a column that stands for n pads holds their mass together; each of them has an n-th of it
        maps.append((torch.softmax(logits + number, dim=-1) / count.clamp_min(1)).mean(1))
    attention = torch.cat(maps)
    hidden = count == 0
    low, high = attention.masked_fill(hidden, torch.inf).min(), attention.masked_fill(hidden, -torch.inf).max()
    subject = ((attention - low) / (high - low)) @ (weight.to(precise) / weight.sum())
    half = torch.topk(subject, len(subject) // 2).values.mean()
    return without_lonely((subject > half).view(grid)).flatten()


def without_lonely(mask: Bool[Tensor, "f y x"]) -> Bool[Tensor, "f y x"]:
    """Drop tokens that have none of their eight neighbours in the frame set; beyond the border nothing is set."""
    kernel = torch.ones(1, 1, 3, 3, device=mask.device)
    around = torch.nn.functional.conv2d(mask.float()[:, None], kernel, padding=1)[:, 0] - mask.float()
    return mask & (around > 0.5)
