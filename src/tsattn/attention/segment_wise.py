"""How far logits move, told by all rows of a segment together and not by each row for itself.

The paper (arXiv 2604.19473) leaves open over which rows the largest, smallest and mean logit are taken; here and in its
authors' code they are a row's own. This is the other reading.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from tsattn.attention.modulation import Extent

_NOTHING = {"amax": -torch.inf, "amin": torch.inf, "sum": 0.0}
_HOW = ("amax", "amin", "sum", "sum")
"""How largest, smallest and mean logits of rows, and their number, are put together."""
Part = tuple[Int[Tensor, " r"], Extent, Bool[Tensor, " r"] | None]
"""Rows: the segment of each, their extents, and which of them count; None for all."""


def segments_of(current: Shaped[Tensor, "t e"]) -> Int[Tensor, " t"]:
    """The number of the segment that each part of a timeline (t, e) is in: segments are stretches in which the same is due."""
    due = current > 0
    changed = (due[1:] != due[:-1]).any(-1).long()
    return torch.cat([changed.new_zeros(1), changed.cumsum(0)])


def shared_extent(parts: Iterable[Part], segments: int, heads: int) -> Extent:
    """The extent (segments, h, 1) of the rows of each segment together, given a part at a time; 0 where there are none."""
    shared: list[Tensor] = []
    for segment, row, inside in parts:
        place = segment[:, None].expand(-1, heads)
        if not shared:
            shared = [row.mean.new_full((segments, heads), _NOTHING[how]) for how in _HOW]
        for own, of_rows, how in zip(shared, (*row, torch.ones_like(row.mean)), _HOW, strict=True):
            counted = of_rows[..., 0]
            if inside is not None:
                counted = counted.masked_fill(~inside[:, None], _NOTHING[how])
            own.scatter_reduce_(0, place, counted, how)
    highest, lowest, total, rows = shared
    return Extent(*(torch.where(rows > 0, x, 0)[..., None] for x in (highest, lowest, total / rows)))
