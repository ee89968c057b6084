"""How much of a GPU a worker is given.

What a model needs is estimated from the headers of its weights on disk: how many numbers they hold, times the bytes that each
takes once `open_model` has read it. What a run needs besides is taken to grow with the video's pixels. The estimate decides
only how many workers share a GPU; it errs to the side of fewer. A model that is larger than a GPU gets a whole one, where
its parts take turns (diffusers' offloading). The allowance for the run is a guess: it was not measured on any GPU.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from tsattn.batch.jobs import Job
from tsattn.errors import ModelError

BYTES = 2
"""A number in bfloat16."""
BYTES_IN_AUTOENCODER = 4
"""A number in float32, in which `open_model` keeps the autoencoder."""
RUN = 2 << 30
"""Bytes that any run needs besides its weights: the context of the library, workspaces. A guess."""
RUN_BY_PIXEL = 256
"""Bytes that a run needs for each pixel of its video, most of them when it is decoded. A guess."""


def memory_needed(folder: Path, pixels: int) -> int | None:
    """Bytes that a worker needs to make videos of so many pixels (all frames) with the model of a folder.

    None where its weights are not there as safetensors. Raises `ModelError` where one of them cannot be read.
    """
    files = [path for path in folder.glob("*/*.safetensors") if path.is_file()]
    if not files:
        return None
    weights = sum(numbers_in(path) * (BYTES_IN_AUTOENCODER if path.parent.name == "vae" else BYTES) for path in files)
    return weights + RUN + RUN_BY_PIXEL * pixels


def numbers_in(path: Path) -> int:
    """How many numbers a safetensors file holds, by its header. Raises `ModelError` where it has none."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        raise ModelError(f"cannot read the weights {path}: {error}") from error


def share(needed: int | None, capacity: int | None) -> float:
    """The part of a GPU with `capacity` bytes that a worker is given: 1, or 1/2, 1/3 … where more of them fit.

    1 where either is unknown.
    """
    if not needed or not capacity:
        return 1.0
    return 1 / max(1, capacity // needed)


def needs(jobs: Iterable[Job]) -> int | None:
    """Bytes that a worker needs that may get any of these jobs; None where that is unknown for one of them."""
    from tsattn.fingerprint import model_folder
    from tsattn.generate import describe

    largest: dict[str, int] = {}
    for job in jobs:
        pixels = job.settings.height * job.settings.width * job.settings.frames
        largest[job.source] = max(pixels, largest.get(job.source, 0))
    found = [memory_needed(model_folder(describe(source)), pixels) for source, pixels in largest.items()]
    return None if None in found else max(size for size in found if size is not None)
