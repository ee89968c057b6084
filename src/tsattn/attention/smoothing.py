"""Subject maps averaged over the layers and steps of a run, so that the region does not jump with every layer's noise.

Not in the paper (arXiv 2604.19473), which finds the region anew in every attention call.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def smoothed(past: Float[Tensor, " q"] | None, attention: Float[Tensor, " q"], memory: float) -> Float[Tensor, " q"]:
    """The running average of a subject's maps: `memory` of the `past` one, the rest of the present one.

    Layers differ in the size of their logits, so each map counts by how many standard deviations a token is from its mean.
    """
    spread = attention.std(correction=0).clamp_min(torch.finfo(attention.dtype).tiny)
    present = (attention - attention.mean()) / spread
    return present if past is None else memory * past + (1 - memory) * present
