"""Prompt Relay: every event's words lose weight with the distance of a latent frame from the middle of its segment.

Source: Prompt Relay (CVPR workshops 2026, arXiv 2604.10030). From the logits of an event's columns at latent frame f it takes
`relu(|f − mid| − w)² / (2σ²)` with `σ = (L/2 − w) / √(2 ln(1/ε))`, so that at the edge of the segment, L/2 away from its
middle, the words keep ε of their weight. It acts on all video tokens, in all denoising steps, and knows no subject.

What differs: the authors set w = L/2 − 2 latent frames, which leaves nothing of a segment of four; here the edge is
never wider than a quarter of the segment. ε is 0.1; theirs is 0.001. A column of several events keeps the most that one of
them leaves it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tsattn.attention.split import Timeline

EPSILON = 0.1
"""What is left of the weight of an event's words at the edges of its segment."""
EDGE = 2.0
"""`L/2 − w` of a long segment, in latent frames."""


def penalty(frames: int, first: int, last: int) -> Float[Tensor, " t"]:
    """What an event due in the latent frames from `first` up to but not including `last` loses in each of `frames`."""
    length = last - first
    edge = min(EDGE, length / 4)
    sigma = edge / math.sqrt(2 * math.log(1 / EPSILON))
    distance = (torch.arange(frames) + 0.5 - (first + last) / 2).abs()
    return (distance - (length / 2 - edge)).relu().square() / (2 * sigma**2)


def relayed(
    timelines: Sequence[Timeline], events: Sequence[tuple[Sequence[int], tuple[int, int]]], length: int
) -> list[Timeline]:
    """The timelines with Prompt Relay's penalties in place of their marks.

    `events` are those of all subjects: columns, of `length` in all, and latent frames `(first, last)`. The penalty of a column
    that several subjects share is with the first of them.
    """
    frames = len(timelines[0].current)
    lost = torch.full((frames, length), torch.inf)
    for columns, (first, last) in events:
        lost[:, list(columns)] = lost[:, list(columns)].minimum(penalty(frames, first, last)[:, None])
    found = []
    for timeline in timelines:
        other = lost[:, timeline.columns]
        lost[:, timeline.columns] = 0
        found.append(timeline._replace(current=torch.zeros_like(other), other=other))
    return found
