"""Video tokens spread over several processes (sequence parallelism): each holds a stretch of them, all hold the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Shard(NamedTuple):
    """The stretch of a sample's video tokens that this process holds."""

    first: int
    """Number of its first token."""
    tokens: int
    """How many tokens it holds."""
    gather: Callable[[Float[Tensor, " q"]], Float[Tensor, " n"]]
    """One value for each token here, to one for each token of the sample."""


def whole(tokens: int) -> Shard:
    """All tokens in one process."""
    return Shard(0, tokens, lambda values: values)
