"""Whole videos, from the prompt to the frames: the pipeline alone, under TS-Attn, and by several passes or windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks import models
from benchmarks.measure import Counter, Measured, Ratio, inside, interleave, now
from tsattn.generate import EMBEDDED, Model, describe, open_model
from tsattn.methods import METHODS, make_video
from tsattn.plan import parse

PROMPT = "A red circle moves right, then moves up, and then grows"
WAYS = ("vanilla", "ts-attn", "pass-per-event", "windows")


class Work(NamedTuple):
    """What a video asks of the transformer: calls, video tokens that go through it in all, and work as in `measure.Work`."""

    calls: int
    tokens: int
    gigabytes: float = 0
    gigaflops: float = 0


class Case(NamedTuple):
    """Work and seconds of a whole run, planning included, and ratios to the pipeline alone."""

    model: str
    tokens: int
    steps: int
    rounds: int
    work: dict[str, Work]
    seconds: dict[str, dict[str, float]]
    ratios: dict[str, dict[str, Ratio]]


def measure(name: str, model: Model, *, rounds: int) -> Case:
    """Time the methods side by side."""
    settings, work = model.facts.settings, {}

    def timed(way: str) -> Callable[[], Measured]:
        def once() -> Measured:
            with _counted(model.pipe.transformer) as passes:
                began = now()
                make_video(model, parse(PROMPT), settings, METHODS[way])
                seconds = now() - began
            work[way] = Work(len(passes), sum(passes))
            return {"whole run": seconds}

        return once

    seconds, ratios = interleave({way: timed(way) for way in WAYS}, rounds=rounds)
    for way in WAYS:
        with inside(model.pipe.transformer, Counter()) as counter:
            make_video(model, parse(PROMPT), settings, METHODS[way])
        work[way] = work[way]._replace(gigabytes=counter.work.gigabytes, gigaflops=counter.work.gigaflops)
    tokens = work["vanilla"].tokens // work["vanilla"].calls
    return Case(name, tokens, settings.steps, rounds, work, seconds, ratios)


@contextmanager
def _counted(transformer: Any) -> Iterator[list[int]]:
    """Video tokens of each pass through a transformer inside a `with` block, also where its `forward` is wrapped."""
    passes: list[int] = []
    patches = transformer.patch_embedding
    hook = patches.register_forward_hook(lambda module, args, output: passes.append(output[0, 0].numel()))
    try:
        yield passes
    finally:
        hook.remove()


def embedded(*, rounds: int) -> Case:
    """The embedded model at its own settings."""
    return measure(EMBEDDED, open_model(describe(EMBEDDED)), rounds=rounds)


def mid_size(*, rounds: int) -> Case:
    """Eight blocks of width 512 with random weights, on 7 x 20 x 20 tokens."""
    facts = describe(EMBEDDED)
    settings = replace(facts.settings, height=160, width=160, frames=13, steps=5, guidance=5.0)
    model = Model(models.wan(4, 2048, layers=8), facts._replace(settings=settings))
    return measure("8 blocks of width 512", model, rounds=rounds)
