"""What the cost of a controlled cross-attention of Wan2.1-1.3B's size grows with: counted, so that no machine matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

import tsattn
from benchmarks import models
from benchmarks.layers import cross_attention
from benchmarks.measure import Counter, Work, inside
from tsattn.attention.region import Grid
from tsattn.control import ControlConfig
from tsattn.plan import Plan

MOVES = ("moves right", "moves up", "grows", "moves left", "moves down", "shrinks")
THINGS = ("red circle", "blue square", "green triangle", "yellow circle")
TOKENS = (8, 12, 16, 24)
"""Rows and columns of the grids, of 17 latent frames each."""


class Point(NamedTuple):
    """Operations, and gigabytes that they read and write, of the layer alone and of what TS-Attn adds."""

    axis: str
    at: float
    vanilla: Work
    added: Work


class Slope(NamedTuple):
    """How what TS-Attn adds grows along an axis: its bytes as a power of tokens, or in % of the first point for one more."""

    axis: str
    value: float
    unit: str


def plan_of(events: int, subjects: int = 1, *, length: int, tokenizer: Any) -> Plan:
    """A plan of so many subjects with so many events each, in a prompt of `length` tokens."""
    parts, described = [], []
    for thing in THINGS[:subjects]:
        # the same words twice would be ambiguous, so each event has a number
        moves = [f"{MOVES[k % len(MOVES)]} {thing[0]}{k:02d}" for k in range(events)]
        parts.append(f"a {thing} " + ", then ".join(moves))
        described.append({"text": thing, "events": [{"text": move} for move in moves]})
    prompt = ". ".join(parts) + "."
    prompt += " background" * (length - len(tokenizer(prompt).input_ids))
    return Plan.model_validate({"prompt": prompt, "subjects": described})


class Case(NamedTuple):
    """A place on an axis, along which nothing else changes."""

    axis: str
    at: float
    plan: Plan
    grid: Grid
    config: ControlConfig = ControlConfig.paper()


def cases(tokenizer: Any) -> Iterator[Case]:
    """All that is counted."""
    grid, everywhere = Grid(17, 16, 16), ControlConfig(region=False)
    for side in TOKENS:
        plan, size = plan_of(3, length=40, tokenizer=tokenizer), Grid(17, side, side)
        yield Case("tokens", size.tokens, plan, size)
        # erosion takes a larger share of a small picture's region, so only without one do tokens alone change
        yield Case("tokens, no region", size.tokens, plan, size, everywhere)
    for events in (2, 4, 8, 16):
        yield Case("events", events, plan_of(events, length=140, tokenizer=tokenizer), grid)
    for subjects in (1, 2, 3, 4):
        yield Case("subjects", subjects, plan_of(2, subjects, length=90, tokenizer=tokenizer), grid)
    for length in (40, 80, 160, 320):
        yield Case("prompt", length, plan_of(3, length=length, tokenizer=tokenizer), grid)


@torch.no_grad()
def measure() -> tuple[list[Point], list[Slope]]:
    """Count along all axes, and fit."""
    pipe = cross_attention("1.3B").pipe
    points = [Point(case.axis, case.at, *_work(pipe, case)) for case in cases(pipe.tokenizer)]
    return points, [slope(axis, points) for axis in dict.fromkeys(point.axis for point in points)]


def slope(axis: str, points: list[Point]) -> Slope:
    """The fit along one axis."""
    chosen = [point for point in points if point.axis == axis]
    at, cost = np.array([p.at for p in chosen]), np.array([p.added.gigabytes for p in chosen])
    if axis.startswith("tokens"):
        return Slope(axis, float(np.polyfit(np.log(at), np.log(cost), 1)[0]), "power")
    return Slope(axis, float(100 * np.polyfit(at, cost, 1)[0] / cost[0]), "% for one more")


def _work(pipe: Any, case: Case) -> tuple[Work, Work]:
    layer = pipe.transformer.blocks[0].attn2
    with inside(layer, Counter()) as vanilla:
        models.run(pipe, case.plan, case.grid)
    with tsattn.control(pipe, case.plan, config=case.config), inside(layer, Counter()) as controlled:
        models.run(pipe, case.plan, case.grid)
    both = controlled.work, vanilla.work
    return vanilla.work, Work(*(one - other for one, other in zip(*both, strict=True)))
