"""The hard mask: in each segment the words of the subject's other events are not there.

The plain baseline that multi-event methods are held against: their logits are −∞ for all video tokens, of any region, in all
denoising steps. It differs from Prompt Relay by having no soft edge, and from TS-Attn by not raising the event that is due.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tsattn.attention.split import Timeline

HIDING = torch.finfo(torch.float32).max
"""What hides a column: nothing is left of it in any softmax. Unlike ∞ it may be multiplied by 0."""


def hidden(timelines: Sequence[Timeline], length: int) -> list[Timeline]:
    """The timelines with the hard mask in place of their marks, on `length` columns.

    A column that is due for any subject stays: with several subjects, all might be hidden otherwise.
    """
    due = torch.zeros(len(timelines[0].current), length, dtype=torch.bool)
    for timeline in timelines:
        due[:, timeline.columns] |= timeline.current
    found = []
    for timeline in timelines:
        other = HIDING * (timeline.other & ~due[:, timeline.columns])
        found.append(timeline._replace(current=torch.zeros_like(other), other=other))
    return found
