"""What TS-Attn adds to the logits of a video token: rearrangement times reinforcement.

Source: arXiv 2604.19473, event-aware rearrangement (EAR) and adaptive attention reinforcement (AAR).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tsattn.attention.rule import Rule

LARGEST_BIAS = 80.0
"""Bound of what one subject adds to a logit for a full mark, so that no softmax ever meets an infinity."""


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
    logits: Float[Tensor, "r h e"],
    row: Extent,
    current: Shaped[Tensor, "r e"],
    other: Shaped[Tensor, "r e"],
    rule: Rule,
    *,
    reach: Extent | None = None,
    masked: bool = True,
) -> Float[Tensor, "r h e"]:
    """The term `R ⊙ B` of one subject for some rows of the attention map, per head, on the columns of its events.

    `current` and `other` (r, e) mark, for each row, the columns of the event that is due and of the subject's other
    events; a column in both counts as current. To a row without a mark nothing is added. In all others marks of True mark
    every column the one way or the other; a mark that is a number is how much of the term is added, and may be 0.

    With statistics over all text columns of the `row`, `b⁺ = max − mean` on current columns and `b⁻ = min − mean` on other
    ones. `p' = (p − p_min) / (p_max − p_min)` is the row's min-max normalised probability; the softmax's denominator
    cancels in it, so `p' = (e^{S−max} − e^{min−max}) / (1 − e^{min−max})`. Factors are `r⁺ = r_min + (1 − p')(r_max −
    r_min)` and `r⁻ = r_min + p'(r_max − r_min)`. Two things differ from the paper: its ε is 0 here
    (where all columns are equal, b is 0 and p' does not matter), and b is bounded, so that the result is by `LARGEST_BIAS`.

    With a `reach`, b is of that in place of the row's own; p' is the row's in any case. `masked` as in `extent`. Without
    `rule.rearrange` b is 1 and -1, without `rule.reinforce` r is 1; `rule.released` uses r⁺ for both.
    """
    highest, lowest, _ = row
    raised, lowered = torch.ones_like(highest), -torch.ones_like(lowest)
    if rule.rearrange:
        most, least, mean = row if reach is None else reach
        raised, lowered = most - mean, least - mean
    bound = LARGEST_BIAS / max(rule.r_max, 1)
    due, marks = current.bool(), torch.where(current.bool(), current, other)
    marked = marks.any(-1)[:, None, None]
    raised = raised.clamp_max(bound) * marked
    lowered = lowered.clamp_min(-bound) * marked
    due, marks = due[:, None], marks[:, None]
    if not rule.reinforce:
        return torch.where(due, raised, lowered) * marks
    # with p' = (e - floor) / (1 - floor) both factors are linear in e: what they are at 0, and what they gain to 1
    floor = torch.exp(lowest - highest)
    slope = (rule.r_max - rule.r_min) / (1 - floor).clamp_min(torch.finfo(logits.dtype).tiny)
    share = logits - highest
    if masked:  # such a column may be above the highest of the others
        share.clamp_max_(0)
    share.exp_()
    falling = rule.r_max + slope * floor, -slope
    rising = rule.r_min - slope * floor, slope
    if rule.released:
        rising = falling
    bias, gain = (torch.where(due, raised * one, lowered * other) for one, other in zip(falling, rising, strict=True))
    bias.addcmul_(share, gain)
    return bias if marks.dtype == torch.bool else bias.mul_(marks)
