"""What control costs while it does nothing: it would drown in the noise of a real layer, so it is measured on tiny ones."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import tsattn
from benchmarks import models
from benchmarks.layers import IDLE, PROMPT
from benchmarks.measure import Ratio, spread
from tsattn.attention.region import Grid
from tsattn.plan import parse

LAYERS = 30
"""Blocks of Wan 2.1 1.3B."""
STEPS = 10


class Case(NamedTuple):
    """Microseconds of a block alone, and those that attached but idle control adds to it, its share of all hooks included."""

    blocks: int
    rounds: int
    alone: float
    added: Ratio


def measure(*, rounds: int) -> Case:
    """Time passes of a tiny model with as many blocks as a real one, in turn without control and with it attached."""
    pipe, plan, grid = models.wan(1, 16, layers=LAYERS), parse(PROMPT), Grid(3, 2, 2)

    def passes() -> float:
        # processor time, since on a busy machine waiting takes longer than what is looked for
        began = time.process_time()
        models.run(pipe, plan, grid, steps=STEPS)
        return 1e6 * (time.process_time() - began) / (STEPS * LAYERS)

    alone, idle = [], []
    for _ in range(rounds + 1):
        alone.append(passes())
        with tsattn.control(pipe, plan, config=IDLE):
            idle.append(passes())
    added = [one - other for one, other in zip(idle[1:], alone[1:], strict=True)]
    return Case(LAYERS, rounds, statistics.median(alone[1:]), spread(added))
