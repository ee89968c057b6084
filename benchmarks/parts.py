"""Where the time of a controlled layer goes, by PyTorch's profiler; on a GPU also what is launched and what is waited for."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile, record_function

import tsattn
from benchmarks import models
from benchmarks.layers import PROMPT, Layer, cross_attention
from tsattn.attention import split
from tsattn.attention.region import Grid
from tsattn.control import call
from tsattn.plan import parse

LAYER, ROWS = "the layer under control", "rows of the region"
WATCHED = {
    "region: subject map, threshold, erosion": (call, "regions"),
    "logits of the region's rows": (split, "_logits"),
    "their largest, smallest and mean": (split, "extent"),
    "what is added to them": (split, "event_bias"),
    "rows put in place": (call, "place"),
}
"""The functions that do it, by what is said of them; where they are looked up."""
WAITING = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


class Case(NamedTuple):
    """Medians over the rounds, in % of the layer's time, and what a GPU was asked for in one pass (0 on a CPU)."""

    tokens: int
    rounds: int
    seconds: float
    percent: dict[str, float]
    launches: int
    waits: int


def measure(grid: Grid, *, rounds: int) -> Case:
    """Profile the cross-attention of Wan 2.1 1.3B."""
    layer, plan = cross_attention("1.3B"), parse(PROMPT)
    taken, asked = [], Counter[str]()
    with tsattn.control(layer.pipe, plan), _named(layer):
        for number in range(rounds + 1):
            kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
            with profile(activities=kinds) as profiler:
                models.run(layer.pipe, plan, grid)
            if number:
                taken.append({one.key: _seconds(one) for one in profiler.key_averages()})
                asked = Counter({one.key: one.count for one in profiler.key_averages()})
    whole = statistics.median(one[LAYER] for one in taken)
    percent = {name: 100 * statistics.median(one[name] / one[LAYER] for one in taken) for name in (*WATCHED, ROWS)}
    within = [name for name, (module, _) in WATCHED.items() if module is split]
    percent["softmax, and the values it weighs"] = percent.pop(ROWS) - sum(percent[name] for name in within)
    percent["the model's own: projections, norms, attention"] = 100 - sum(percent.values())
    waits = sum(asked[name] for name in WAITING)
    return Case(grid.tokens, rounds, whole, percent, asked["cudaLaunchKernel"], waits)


def _seconds(average: Any) -> float:
    return float(average.device_time_total if torch.cuda.is_available() else average.cpu_time_total) / 1e6


@contextmanager
def _named(layer: Layer) -> Iterator[None]:
    """Have the profiler see the parts by name."""
    rows = call.controlled_rows

    def named_rows(*args: Any, **kwargs: Any) -> Iterator[Any]:
        found = rows(*args, **kwargs)
        while True:
            with record_function(ROWS):
                one = next(found, None)
            if one is None:
                return
            yield one

    patches = [patch.object(module, name, _recorded(label, module, name)) for label, (module, name) in WATCHED.items()]
    patches.append(patch.object(call, "controlled_rows", named_rows))
    patches.append(patch.object(layer.attention, "forward", _recorded(LAYER, layer.attention, "forward")))
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


def _recorded(label: str, module: Any, name: str) -> Callable[..., Any]:
    function = getattr(module, name)

    def called(*args: Any, **kwargs: Any) -> Any:
        with record_function(label):
            return function(*args, **kwargs)

    return called
