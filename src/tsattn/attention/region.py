"""Where a subject moves: its attention map in one dot product, the threshold, and the erosion.

Source: arXiv 2604.19473, motion region extraction.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

CHUNK = 2048
"""Rows that are converted to the computing precision at a time."""


class Grid(NamedTuple):
    """Video tokens of one sample: latent frames, rows and columns of tokens, after patching."""

    frames: int
    rows: int
    columns: int

    @property
    def tokens(self) -> int:
        """Number of video tokens of one sample."""
        return self.frames * self.rows * self.columns


def computing_dtype(dtype: torch.dtype) -> torch.dtype:
    """The precision of everything added to a model's attention: float32 for all half types, else the model's own."""
    return torch.promote_types(dtype, torch.float32)


def subject_map(
    query: Float[Tensor, "q h d"], key: Float[Tensor, "k h d"], weight: Float[Tensor, " k"], *, scale: float
) -> Float[Tensor, " q"]:
    """Mean logit over the heads and the subject's columns, for every video token of a sample.

    `weight` (k,) is 1 on the subject's columns and 0 elsewhere. The mean of dot products is the dot product with the mean
    key, `A[n] = scale / H · Σ_h q[n, h] · k̄[h]`, so no attention map is formed; apart from rounding nothing differs
    from the paper's mean over map entries.
    """
    precise = computing_dtype(query.dtype)
    share = weight.to(precise) * (scale / (query.shape[1] * weight.sum()))
    mean_key = torch.einsum("k,khd->hd", share, key.to(precise)).flatten()
    if query.dtype == precise:
        return query.flatten(1) @ mean_key
    return torch.cat([rows.to(precise) @ mean_key for rows in query.flatten(1).split(CHUNK)])  # type: ignore[no-untyped-call]


def erode(mask: Bool[Tensor, "f y x"], *, size: int = 3) -> Bool[Tensor, "f y x"]:
    """Keep a token only if its whole `size` × `size` neighbourhood inside the frame is set; 1 changes nothing.

    Tokens beyond the border count as set.
    """
    outside = torch.nn.functional.max_pool2d((~mask).float()[:, None], size, stride=1, padding=size // 2)
    return outside[:, 0] == 0


def motion_region(
    attention: Float[Tensor, " q"], grid: Grid, *, erosion: int = 3, threshold: float = 0.0
) -> Bool[Tensor, " q"]:
    """The tokens whose subject map reaches its mean over the clip, eroded inside each frame.

    With a `threshold`, which the paper does not have, the map must exceed its mean by that many standard deviations.
    """
    least = attention.mean()
    if threshold:
        least = least + threshold * attention.std(correction=0)
    mask = attention >= least
    return erode(mask.view(grid), size=erosion).flatten()
