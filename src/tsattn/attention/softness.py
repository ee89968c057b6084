"""Soft segment edges: the marks of what is due fade into each other instead of changing from one latent frame to the next.

Not in the paper (arXiv 2604.19473), whose segments end between two latent frames.
"""

from __future__ import annotations

import torch

from tsattn.attention.split import Timeline


def softened(timeline: Timeline, width: float) -> Timeline:
    """The timeline with marks that fade over `width` latent frames around every edge; 1 or less changes nothing.

    A mark is +1 on a column of the event that is due, −1 on one of the subject's other events and 0 where nothing is due. Each
    is averaged over `width` latent frames; its sign then says which term applies, its size how much of it. Before the first
    latent frame and behind the last, all is as in these.
    """
    reach = int(width / 2 + 0.5)
    taps = (width / 2 + 0.5 - torch.arange(-reach, reach + 1).abs()).clamp(0, 1)
    signs = timeline.current.float() - (timeline.other & ~timeline.current).float()
    frames = len(signs)
    around = (torch.arange(frames)[:, None] + torch.arange(-reach, reach + 1)).clamp(0, frames - 1)
    faded = torch.einsum("j,tje->te", taps / taps.sum(), signs[around])
    return timeline._replace(current=faded.clamp_min(0), other=(-faded).clamp_min(0))
