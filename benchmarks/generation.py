"""Whole videos: the pipeline alone, under TS-Attn with planning, and one pass for each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tsattn
from benchmarks import models
from benchmarks.measure import Measured, Ratio, interleave, now
from tsattn.attention.region import Grid
from tsattn.generate import EMBEDDED, describe, open_model
from tsattn.plan import Plan, parse

PROMPT = "A red circle moves right, then moves up, and then grows"


class Case(NamedTuple):
    """Seconds of a whole run, planning included, and ratios to the pipeline alone."""

    model: str
    tokens: int
    steps: int
    rounds: int
    seconds: dict[str, dict[str, float]]
    ratios: dict[str, dict[str, Ratio]]


def measure(name: str, pipe: Any, grid: Grid, *, steps: int, guidance: float, rounds: int) -> Case:
    """Time the ways side by side; the videos are not decoded."""

    def run(plan: Plan) -> None:
        models.run(pipe, plan, grid, steps=steps, guidance=guidance)

    def alone() -> None:
        run(plan)

    def controlled() -> None:
        found = parse(PROMPT)
        with tsattn.control(pipe, found):
            run(found)

    def pass_per_event() -> None:
        # as methods do that make a video of each event and join them: here only the cost of the passes counts
        for event in plan.subjects[0].events:
            run(Plan.model_validate({"prompt": f"A red circle {event.text}", "subjects": one_event(event.text)}))

    plan = parse(PROMPT)
    ways = {"vanilla": alone, "controlled": controlled, "one pass per event": pass_per_event}
    seconds, ratios = interleave({name: _timed(way) for name, way in ways.items()}, rounds=rounds)
    return Case(name, grid.tokens, steps, rounds, seconds, ratios)


def one_event(text: str) -> list[dict[str, Any]]:
    """The subjects of a plan with one event."""
    return [{"text": "red circle", "events": [{"text": text}]}]


def _timed(way: Callable[[], None]) -> Callable[[], Measured]:
    def once() -> Measured:
        began = now()
        way()
        return {"whole run": now() - began}

    return once


def embedded(*, rounds: int) -> Case:
    """The embedded model at its own settings."""
    model = open_model(describe(EMBEDDED))
    settings = model.facts.settings
    grid = Grid(13, 8, 8)
    return measure(EMBEDDED, model.pipe, grid, steps=settings.steps, guidance=settings.guidance, rounds=rounds)


def mid_size(*, rounds: int) -> Case:
    """Eight blocks of width 512 with random weights."""
    pipe = models.wan(4, 2048, layers=8)
    return measure("8 blocks of width 512", pipe, Grid(7, 20, 20), steps=10, guidance=5.0, rounds=rounds)
