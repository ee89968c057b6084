"""How TS-Attn finds a region and changes logits, as one value."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """The numbers and switches of the method; the defaults are the paper's (arXiv 2604.19473)."""

    strength: float = 1.0
    """Factor on everything that is added to a logit."""
    r_min: float = 1.0
    """Smallest reinforcement factor."""
    r_max: float = 1.5
    """Largest reinforcement factor."""
    erosion: int = 3
    """Side of the square that cleans the region, in tokens; 1 leaves it as it is."""
    region: bool = True
    """Whether only the subject's motion region is changed; otherwise all video tokens are."""
    rearrange: bool = True
    """Whether a logit moves as far as the row's own range asks for; otherwise by 1, up or down."""
    reinforce: bool = True
    """Whether the move is scaled between `r_min` and `r_max` by the column's probability; otherwise by 1."""
    released: bool = False
    """Whether region and bias are computed as the authors' published code does it (see `attention.released`)."""
    threshold: float = 0.0
    """Standard deviations above its mean from which on a token's place in the subject map is in the region."""
    count_pads: bool = True
    """Whether a column that stands for several, as pads do where there are two or more, counts in a row's largest, smallest
    and mean logit."""
    segment_wise: bool = False
    """Whether a logit moves as far as all rows of its segment ask for together (see `attention.segment_wise`)."""
