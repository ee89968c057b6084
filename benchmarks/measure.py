"""Timing side by side in one run, and the memory of tensors."""

from __future__ import annotations

import os
import platform
import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

import tsattn


class Ratio(NamedTuple):
    """How much longer than the first variant of its round another took: median, smallest and largest of all rounds."""

    median: float
    smallest: float
    largest: float


def now() -> float:
    """Seconds on a clock, when everything that was asked of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Stopwatch:
    """Seconds that a module's forward passes take in total."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.seconds, self._began = 0.0, 0.0
        self._hooks = [
            module.register_forward_pre_hook(self._start, with_kwargs=True),
            module.register_forward_hook(self._stop),
        ]

    def _start(self, *args: Any) -> None:
        self._began = now()

    def _stop(self, *args: Any) -> None:
        self.seconds += now() - self._began

    def remove(self) -> None:
        """Take the hooks off the module."""
        for hook in self._hooks:
            hook.remove()


Measured = Mapping[str, float]
"""What one run of a variant took: seconds of each part, by name."""


def interleave(
    variants: Mapping[str, Callable[[], Measured]], *, rounds: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Ratio]]]:
    """Run all variants in turn, `rounds` times after one that does not count.

    Returns the median seconds and the ratios to the first variant, both by variant and part. A ratio is taken within a
    round, and every other round goes backwards, so that a machine that slows down does not count against whoever runs then.
    """
    taken: dict[str, list[Measured]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, run in list(variants.items())[:: 1 if number % 2 else -1]:
            measured = run()
            if number:
                taken[name].append(measured)
    base = next(iter(taken.values()))
    seconds = {
        name: {part: statistics.median(one[part] for one in runs) for part in runs[0]} for name, runs in taken.items()
    }
    ratios = {
        name: {
            part: spread([one[part] / first[part] for one, first in zip(runs, base, strict=True)]) for part in runs[0]
        }
        for name, runs in taken.items()
    }
    return seconds, ratios


def spread(values: list[float]) -> Ratio:
    """Median and extremes."""
    return Ratio(statistics.median(values), min(values), max(values))


class PeakMemory(TorchDispatchMode):
    """Most bytes of tensors made inside the block and alive at once: the same on every run, without kernels' own buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.peak = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage()._cdata not in self._known:
                self._add(leaf.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        handle, size = storage._cdata, storage.nbytes()
        self._known.add(handle)
        self.alive += size
        self.peak = max(self.peak, self.alive)

        def freed() -> None:
            self._known.discard(handle)
            self.alive -= size

        weakref.finalize(storage, freed)


class Work(NamedTuple):
    """What tensor operations do: their number, how much they read and write, and how much they multiply and add."""

    operations: float
    gigabytes: float
    gigaflops: float
    """Of matrix products and attention kernels only, a multiplication with its addition counting two."""


class Counter(TorchDispatchMode):
    """Counts the work inside the block; operations that only look at a tensor in another way cost nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Work(0, 0, 0)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if not function.is_view:
            size = sum(leaf.nbytes for leaf in _touched(function, args, kwargs, result)) / 1e9
            flops = flop_registry.get(function._overloadpacket, lambda *_, **__: 0)(
                *args, **(kwargs or {}), out_val=result
            )
            new = Work(1, size, flops / 1e9)
            self.work = Work(*(one + other for one, other in zip(self.work, new, strict=True)))
        return result


PICKING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_select.default}
"""Operations that read as much of a tensor as they give."""
PLACING = {
    torch.ops.aten.index_put_.default: 2,
    torch.ops.aten._index_put_impl_.default: 2,
    torch.ops.aten.index_add_.default: 3,
}
"""Operations that change as much of a tensor as the argument of this number holds."""


def _touched(function: Any, args: Any, kwargs: Any, result: Any) -> list[torch.Tensor]:
    """Tensors whose every element an operation reads or writes, or others of that size."""
    if function in PICKING:
        args, kwargs = (result, args[1:]), None
    elif function in PLACING:
        args, kwargs, result = args[1:], None, args[PLACING[function]]
    return [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]


Mode = TypeVar("Mode", bound=TorchDispatchMode)


@contextmanager
def inside(module: torch.nn.Module, mode: Mode) -> Iterator[Mode]:
    """Have a mode watch the forward passes of a module, and nothing else, while the block runs."""
    hooks = [
        module.register_forward_pre_hook(lambda *_: mode.__enter__() and None),
        module.register_forward_hook(lambda *_: mode.__exit__(None, None, None)),
    ]
    try:
        yield mode
    finally:
        for hook in hooks:
            hook.remove()


def machine() -> dict[str, Any]:
    """What figures depend on; memory handed out anew for every large tensor costs a CPU a third of its time."""
    import diffusers

    return {
        "tsattn": tsattn.__version__,
        "dtype": "bfloat16" if torch.cuda.is_available() else "float32",
        "allocator": {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
        "processor": platform.processor() or platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
    }
