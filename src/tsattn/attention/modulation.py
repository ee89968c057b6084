"""What TS-Attn adds to the logits of a video token: rearrangement times reinforcement.

Source: arXiv 2604.19473, event-aware rearrangement (EAR) and adaptive attention reinforcement (AAR).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.rule import Rule

LARGEST_BIAS = 80.0
"""Bound of what one subject adds to a logit, so that no softmax ever meets an infinity."""


class Extent(NamedTuple):
    """Largest, smallest and mean logit of some rows of the attention map over all their text columns, per head."""

    highest: Float[Tensor, "r h 1"]
    lowest: Float[Tensor, "r h 1"]
    mean: Float[Tensor, "r h 1"]


def extent(logits: Float[Tensor, "r h k"], count: Float[Tensor, " k"], *, masked: bool = True) -> Extent:
    """The extent of logits of which each column stands for `count` (k,) identical ones.

    1 for a word, n for a pad computed once, 0 for a column that the model masks out; `masked` says whether there may be
    any of the last kind.
    """
    count = count.to(logits.dtype)
    if not masked:
        mean = (logits @ count)[..., None] / count.sum()
        return Extent(logits.amax(-1, keepdim=True), logits.amin(-1, keepdim=True), mean)
    hidden = count == 0
    mean = (logits.masked_fill(hidden, 0) @ count)[..., None] / count.sum()
    return Extent(
        logits.masked_fill(hidden, -torch.inf).amax(-1, keepdim=True),
        logits.masked_fill(hidden, torch.inf).amin(-1, keepdim=True),
        mean,
    )


def event_bias(
    logits: Float[Tensor, "r h e"], row: Extent, current: Bool[Tensor, "r e"], other: Bool[Tensor, "r e"], rule: Rule
) -> Float[Tensor, "r h e"]:
    """The term `R ⊙ B` of one subject for some rows of the attention map, per head, on the columns of its events.

    `current` and `other` (r, e) mark, for each row, the columns of the event that is due and of the subject's other
    events; a column in both counts as current, on a column in neither nothing is added.

    With statistics over all text columns of the `row`, `b⁺ = max − mean` on current columns and `b⁻ = min − mean` on other
    ones. `p' = (p − p_min) / (p_max − p_min)` is the row's min-max normalised probability; the softmax's denominator
    cancels in it, so `p' = (e^{S−max} − e^{min−max}) / (1 − e^{min−max})`. Factors are `r⁺ = r_min + (1 − p')(r_max −
    r_min)` and `r⁻ = r_min + p'(r_max − r_min)`. Two things differ from the paper: its ε is 0 here
    (where all columns are equal, b is 0 and p' does not matter), and the result is bounded by `LARGEST_BIAS`.

    Without `rule.rearrange` b is 1 and -1, without `rule.reinforce` r is 1; `rule.released` uses r⁺ for both.
    """
    highest, lowest, mean = row
    raised, lowered = torch.ones_like(highest), -torch.ones_like(lowest)
    if rule.rearrange:
        raised, lowered = highest - mean, lowest - mean
    if rule.reinforce:
        floor = torch.exp(lowest - highest)
        share = (torch.exp(logits - highest) - floor) / (1 - floor).clamp_min(torch.finfo(logits.dtype).tiny)
        reach = rule.r_max - rule.r_min
        raised = raised * (rule.r_min + (1 - share) * reach)
        lowered = lowered * (rule.r_min + (1 - share if rule.released else share) * reach)
    bias = torch.where(current[:, None], raised, torch.where(other[:, None], lowered, 0.0))
    return bias.clamp(-LARGEST_BIAS, LARGEST_BIAS)
