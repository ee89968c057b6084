"""A cap on what all other words lose: the words of the due event gain, and the softmax takes that from the rest of the row.

Not in the paper (arXiv 2604.19473). A subject's own words carry its colour and shape, and its events' words, raised as far
as the row's largest logit, take nearly all of the row's mass from them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def capped(
    before: Float[Tensor, "r h k"],
    after: Float[Tensor, "r h k"],
    cap: float,
    rest: Float[Tensor, "r h 1"] | None = None,
) -> Float[Tensor, "r h k"]:
    """The logits `after`, lowered where they were raised until no other column loses more than the share `cap`.

    `before` are the model's own logits; `rest` is the log-sum-exp of those on all other keys of the same softmax.

    A column that is left alone keeps Z / Z' of its mass, the ratio of the row's sums of exponentials before and after. So Z'
    may be Z / (1 − cap) at most, and what is raised may have the room that this leaves: cap / (1 − cap) of Z, what it had, and
    what lowered columns gave up. One factor on the exponentials of all that is raised, a shift of its logits, keeps to it
    exactly. What is raised never has less than it had.
    """
    raised = after > before
    total = before.logsumexp(-1, keepdim=True)
    if rest is not None:
        total = torch.logaddexp(total, rest)
    had, has = (before - total).exp(), after - total
    room = torch.where(raised, had, had - has.exp()).sum(-1, keepdim=True) + cap / (1 - cap)
    wanted = has.masked_fill(~raised, -math.inf).logsumexp(-1, keepdim=True)
    return torch.where(raised, after + (room.log() - wanted).clamp_max(0), after)
