"""The other methods as `reference` has TS-Attn: dense, all text columns, float64, no shared code.

Subjects are as in `reference.dense_shares`: their columns, the columns of each event, each event's latent frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Subjects = Sequence[tuple[Sequence[int], Sequence[Sequence[int]], Sequence[tuple[int, int]]]]


def dense_penalised(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    value: Float[Tensor, "k h d"],
    seen: Bool[Tensor, " k"],
    penalties: Float[Tensor, "f k"],
    *,
    scale: float,
    video: tuple[Float[Tensor, "v h d"], Float[Tensor, "v h d"]] | None = None,
) -> Float[Tensor, "q h d"]:
    """Attention of one sample in which each text column's logit loses what the token's latent frame asks for."""
    logits = scale * torch.einsum("qhd,khd->hqk", query.double(), key.double())
    frame = torch.arange(len(query)) // (len(query) // len(penalties))
    logits = (logits - penalties.double()[frame]).masked_fill(~seen, -torch.inf)
    value = value.double()
    if video is not None:
        others = scale * torch.einsum("qhd,khd->hqk", query.double(), video[0].double())
        logits, value = torch.cat([logits, others], dim=-1), torch.cat([value, video[1].double()])
    return torch.einsum("hqk,khd->qhd", torch.softmax(logits, dim=-1), value)


def dense_prompt_relay(subjects: Subjects, frames: int, columns: int) -> Float[Tensor, "f k"]:
    """What Prompt Relay takes from each column in each latent frame."""
    lost = torch.zeros(frames, columns, dtype=torch.float64)
    for column in range(columns):
        for frame in range(frames):
            asked = []
            for _, events, stretches in subjects:
                for event, (first, last) in zip(events, stretches, strict=True):
                    if column not in event:
                        continue
                    length, middle = last - first, (first + last - 1) / 2
                    wide = length / 2 - min(2, length / 4)
                    sigma = (length / 2 - wide) / math.sqrt(2 * math.log(10))
                    asked.append(max(abs(frame - middle) - wide, 0) ** 2 / (2 * sigma**2))
            lost[frame, column] = min(asked, default=0)
    return lost


def dense_hard_mask(subjects: Subjects, frames: int, columns: int) -> Float[Tensor, "f k"]:
    """The same for the hard mask: nothing, or all."""
    lost = torch.zeros(frames, columns, dtype=torch.float64)
    for frame in range(frames):
        due, others = set(), set()
        for _, events, stretches in subjects:
            now = [first <= frame < last for first, last in stretches]
            due |= {column for event, on in zip(events, now, strict=True) if on for column in event}
            others |= {column for event in events if any(now) for column in event}
        lost[frame, sorted(others - due)] = torch.inf
    return lost
