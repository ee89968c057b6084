"""Records with chosen numbers, without any model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from tsattn.attention.region import Grid
from tsattn.control import ControlConfig
from tsattn.inspect.store import Record
from tsattn.plan.schema import Plan
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip

CLIP = Clip(frames=25, fps=8.0, compression=4)  # 7 latent frames
GRID = Grid(7, 4, 4)
PROMPT = "A cat runs, then jumps"
STEPS, LAYERS = 2, 3
FIRST, SECOND = slice(0, 4), slice(4, 7)
"""Latent frames of the two events of `plan()`."""


def plan(prompt: str = PROMPT, subject: str = "cat", events: tuple[str, ...] = ("runs", "jumps")) -> Plan:
    return Plan.model_validate(
        {"prompt": prompt, "subjects": [{"text": subject, "events": [{"text": event} for event in events]}]}
    )


def record(
    after: Any = ((0.5, 0.01), (0.01, 0.5)),
    before: Any = ((0.03, 0.02), (0.02, 0.03)),
    *,
    of: Plan | None = None,
    region: float | np.ndarray = 0.25,
    subject: tuple[float, float] = (0.1, 0.1),
    rest: float = 0.5,
    acting: bool = True,
    **changes: Any,
) -> Record:
    """A record of two events of one subject: what each gets in the segment of the first and of the second.

    `subject` is what the subject's own words get before and after control.
    """
    of = of or plan()
    words = of.prompt.replace(",", " ,").split()
    offsets, at = [], 0
    for word in words:
        at = of.prompt.index(word, at)
        offsets.append((at, at + len(word)))
        at += len(word)

    def mass(pair: Any, own: float) -> np.ndarray:
        rows = [np.r_[np.full(4, one), np.full(3, other)] for one, other in pair]
        table = np.array([*rows, np.full(7, own), np.full(7, rest)], np.float32)
        return np.broadcast_to(table, (STEPS, LAYERS, *table.shape)).copy()

    shares = np.broadcast_to(np.asarray(region, np.float32), (STEPS, LAYERS, 1, 7)).copy()
    tables = {"before": mass(before, subject[0]), "after": mass(after if acting else before, subject[1])}
    inside = {f"inside_{name}": np.where(shares > 0, table, np.nan) for name, table in tables.items()}
    where = np.zeros((1, *GRID), np.float32)
    where[:, :, :2, :2] = 1
    facts = {
        "plan": of,
        "tokens": Tokens(of.prompt, (*offsets, *[(0, 0)] * 9), len(offsets)),
        "columns": (SubjectColumns((1,), ((2,), (5,))),),
        "clip": CLIP,
        "grid": GRID,
        "control": asdict(ControlConfig()),
        "steps": (0, 1),
        "total_steps": 10,
        "acting": (acting, acting),
        "skipped": (),
        "layers": tuple(f"blocks.{k}.attn2" for k in range(LAYERS)),
        "joint": False,
        "region": shares,
        "where": where,
        "looks": where - 0.5,
    }
    return Record(**{**facts, **tables, **inside, **changes})
