"""What TS-Attn adds to the logits of a video token: rearrangement times reinforcement.

Source: arXiv 2604.19473, event-aware rearrangement (EAR) and adaptive attention reinforcement (AAR).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.rule import Rule

LARGEST_BIAS = 80.0
"""Bound of what one subject adds to a logit, so that no softmax ever meets an infinity."""


def event_bias(
    logits: Float[Tensor, "r h k"],
    current: Bool[Tensor, "r k"],
    other: Bool[Tensor, "r k"],
    count: Float[Tensor, " k"],
    rule: Rule,
) -> Float[Tensor, "r h k"]:
    """The term `R ⊙ B` of one subject for some rows of the attention map, per head.

    `current` and `other` (r, k) mark, for each row, the columns of the event that is due and of the subject's other
    events; a column in both counts as current. `count` (k,) says for how many identical text columns each column stands:
    1 for a word, n for a pad computed once, 0 for a column that the model masks out.

    With statistics over all text columns of the row, `b⁺ = max − mean` on current columns and `b⁻ = min − mean` on other
    ones. `p' = (p − p_min) / (p_max − p_min)` is the row's min-max normalised probability; the softmax's denominator
    cancels in it, so `p' = (e^{S−max} − e^{min−max}) / (1 − e^{min−max})`. Factors are `r⁺ = r_min + (1 − p')(r_max −
    r_min)` and `r⁻ = r_min + p'(r_max − r_min)`. Two things differ from the paper: its ε is 0 here
    (where all columns are equal, b is 0 and p' does not matter), and the result is bounded by `LARGEST_BIAS`.

    Without `rule.rearrange` b is 1 and -1, without `rule.reinforce` r is 1; `rule.released` uses r⁺ for both.
    """
    seen = count > 0
    highest = logits.masked_fill(~seen, -torch.inf).amax(-1, keepdim=True)
    lowest = logits.masked_fill(~seen, torch.inf).amin(-1, keepdim=True)
    raised, lowered = torch.ones_like(highest), -torch.ones_like(lowest)
    if rule.rearrange:
        count = count.to(logits.dtype)
        mean = (logits.masked_fill(~seen, 0) @ count)[..., None] / count.sum()
        raised, lowered = highest - mean, lowest - mean
    if rule.reinforce:
        floor = torch.exp(lowest - highest)
        share = (torch.exp(logits - highest) - floor) / (1 - floor).clamp_min(torch.finfo(logits.dtype).tiny)
        reach = rule.r_max - rule.r_min
        raised = raised * (rule.r_min + (1 - share) * reach)
        lowered = lowered * (rule.r_min + (1 - share if rule.released else share) * reach)
    bias = torch.where(current[:, None], raised, torch.where(other[:, None], lowered, 0.0))
    return bias.masked_fill(~seen, 0).clamp(-LARGEST_BIAS, LARGEST_BIAS)
