"""One cross-attention of Wan2.1-1.3B's real size with random weights, alone and under TS-Attn, interleaved in one run.

    python -m benchmarks.cross_attention [--frames 13] [--rows 20] [--columns 30] [--rounds 9]

Prints the ratio of medians with the spread of the single ratios, and the extra peak memory as a share of the layer's.
Memory counts the bytes of all tensors alive (not a kernel's own scratch space), so that it is the same on every run.
"""

from __future__ import annotations

import argparse
import statistics
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tsattn.attention.region import Grid
from tsattn.control import ControlConfig
from tsattn.control.call import AttentionCall
from tsattn.control.rebind import Seam
from tsattn.control.state import State, Text
from tsattn.families.wan import WAN
from tsattn.plan import Plan
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip

HEADS, WIDTH, TEXT = 12, 128, 512
PROMPT = "A cat watches a bowl then dips its paw into the water then takes it out"


class PeakMemory(TorchDispatchMode):
    """Most bytes of tensors made inside the block and alive at once."""

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


def controlled_state(grid: Grid) -> State:
    """A conditional forward pass of a controlled step, three uniform events on a prompt of 18 tokens."""
    words = PROMPT.split()
    spans = [(2, 5), (6, 11), (12, 15)]
    events = [" ".join(words[first:last]) for first, last in spans]
    plan = Plan.model_validate(
        {"prompt": PROMPT, "subjects": [{"text": "cat", "events": [{"text": e} for e in events]}]}
    )
    columns = [SubjectColumns((1,), tuple(tuple(range(first, last)) for first, last in spans))]
    state = State(identical_pads=True)
    state.begin()
    state.texts = [Text(plan, Tokens(PROMPT, (), 18), columns)]
    state.enter(grid, 1, TEXT, 0, Clip(frames=1 + 4 * (grid.frames - 1), fps=16.0, compression=4))
    return state


def peak(call: Callable[[], Any]) -> int:
    """Peak bytes of a call."""
    with PeakMemory() as memory:
        call()
    return memory.peak


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("frames", 13), ("rows", 20), ("columns", 30), ("rounds", 9)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    grid = Grid(options.frames, options.rows, options.columns)
    torch.manual_seed(0)
    layer = WanAttention(
        HEADS * WIDTH, HEADS, WIDTH, cross_attention_dim_head=WIDTH, processor=WanAttnProcessor()
    ).eval()  # fmt: skip
    # neighbours look alike, as in a video; on plain noise erosion would leave no region to speak of
    coarse = torch.randn(1, HEADS * WIDTH, grid.frames, 4, 4)
    video = torch.nn.functional.interpolate(coarse, size=tuple(grid), mode="trilinear").flatten(2).mT.contiguous()
    text = torch.randn(1, TEXT, HEADS * WIDTH)
    text[:, 18:] = text[:, 18:19]
    state = controlled_state(grid)
    vanilla = layer.processor
    seam = Seam(WanAttnProcessor, WAN.attention_name)
    call = AttentionCall(seam.original, WAN, state, ControlConfig.paper().rule)
    controlled = seam.controlled(call)(vanilla)

    def run(processor: Any) -> Callable[[], torch.Tensor]:
        def once() -> torch.Tensor:
            layer.processor = processor
            result: torch.Tensor = layer(video, text)
            return result

        return once

    variants = {"vanilla": run(vanilla), "controlled": run(controlled)}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    changed = (variants["vanilla"]() != variants["controlled"]()).any(-1).float().mean().item()
    for _ in range(options.rounds):
        for name, once in variants.items():
            began = time.perf_counter()
            once()
            seconds[name].append(time.perf_counter() - began)
    ratios = sorted(b / a for a, b in zip(seconds["vanilla"], seconds["controlled"], strict=True))
    memory = {name: peak(once) for name, once in variants.items()}
    extra = memory["controlled"] - memory["vanilla"]
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {grid.tokens} tokens, {options.rounds} rounds"
    )
    print(f"rows changed: {100 * changed:.1f} %")
    for name, values in seconds.items():
        print(f"{name:<11} median {statistics.median(values):.3f} s, peak {memory[name] / 2**20:.0f} MiB")
    ratio = statistics.median(seconds["controlled"]) / statistics.median(seconds["vanilla"])
    print(f"time: {ratio:.3f} x vanilla (single ratios {ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(f"extra peak memory: {100 * extra / memory['vanilla']:.1f} % of the layer's")


if __name__ == "__main__":
    main()
