"""What every stage of the training shares: checkpoints and folders that a cut cannot spoil, a log, the world's clips as tensors."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsattn.shapes.world import Scene, coverage, render, sample_scene, track

Mix = Mapping[tuple[int, ...], float]
"""Shares of scenes by how many events each of their subjects has; 0 stays still."""
ALONE: Mix = {(1,): 0.60, (2,): 0.28, (3,): 0.12}
PAIRED: Mix = {
    (1, 1): 0.24, (2, 1): 0.10, (1, 2): 0.10, (2, 2): 0.18, (3, 1): 0.05, (1, 3): 0.05,
    (1, 0): 0.06, (0, 1): 0.06, (2, 0): 0.05, (0, 2): 0.05, (3, 0): 0.03, (0, 3): 0.03,
}  # fmt: skip


def scene_of(seed: int, *, stage: int, mix: Mix = ALONE) -> Scene:
    """Training scene number `seed` of a stage. Stages never share a scene, nor does any evaluation (see docs)."""
    rng = np.random.default_rng([stage, seed])
    return sample_scene(rng, *list(mix)[rng.choice(len(mix), p=list(mix.values()))])


def as_tensor(video: np.ndarray) -> torch.Tensor:
    """(f, y, x, 3) bytes to (3, f, y, x) in [-1, 1]."""
    return torch.from_numpy(video).permute(3, 0, 1, 2).float() / 127.5 - 1


def clip_and_mask(scene: Scene, frames: slice = slice(None)) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip (3, f, y, x) in [-1, 1] and its subjects' coverage (1, f, y, x)."""
    cover = sum(coverage(actor.role.shape, track(actor, frames)) for actor in scene.actors)
    return as_tensor(render(scene, frames)), torch.as_tensor(cover).float()[None]


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, then move it there, so that a cut leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` once all is written, so that a cut leaves what was there."""
    part, old = (folder.with_name(f"{folder.name}.{ending}") for ending in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


class Log:
    """One JSON line per report, appended, and the same on the terminal."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.began = path, time.time()

    def __call__(self, **figures: float) -> None:
        """Report figures."""
        line = json.dumps({"seconds": round(time.time() - self.began, 1), **figures})
        with self.path.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


def learning_rate(step: int, steps: int, peak: float, *, warmup: int = 50) -> float:
    """Linear warm-up, then a flat stretch, then a linear fall to zero over the last 40 %."""
    return peak * min(1.0, (step + 1) / warmup, (steps - step) / (0.4 * steps))
