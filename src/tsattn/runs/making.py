"""Making a run, and making it again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsattn.control import disable, enable
from tsattn.errors import ModelError, RunError
from tsattn.fingerprint import fingerprint
from tsattn.generate import EMBEDDED_MODELS, Description, Model, generate
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.runs.recipe import Recipe, Saved

if TYPE_CHECKING:
    from PIL.Image import Image

    from tsattn.evaluate.opinion import Opinion
    from tsattn.inspect.store import Record
    from tsattn.shapes.verifier import Verdict
    from tsattn.video import Frames

WEIGHTS = "weights"
"""Name among the versions of the hash of the model's files."""


@dataclass(frozen=True, kw_only=True)
class Video:
    """One video of a run: frames (f, y, x, 3), seconds of the pipeline call, and what is known of it."""

    frames: Frames
    seconds: float | None = None
    verdict: Verdict | None = None
    record: Record | None = None


class Tried(NamedTuple):
    """A run that was tried: with what change, its recipe, the judge's opinion or why there is none, and whether it is kept."""

    what: str
    recipe: Recipe
    opinion: Opinion
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that was made, its videos by the names "baseline" and "controlled", and what was tried if several were."""

    recipe: Recipe
    clip: Clip
    versions: Mapping[str, str]
    videos: Mapping[str, Video]
    image: Image | None = None
    tried: tuple[Tried, ...] = ()


def check(facts: Description, recipe: Recipe, image: Image | None = None) -> Clip:
    """Check all that can be checked before weights are read, and tell the clip.

    Raises `PlanError` where the plan does not fit the clip, `ModelError` where the model starts from an image and none is
    given or the other way round, `RunError` where it is another image than the recipe's.
    """
    if facts.takes_image != (image is not None):
        raise ModelError(
            f"{facts.name} starts from an image; give one with --image"
            if facts.takes_image
            else f"{facts.name} makes videos from text alone, so it cannot use an image"
        )
    if recipe.image is not None and image is not None and hash_of(np.asarray(image)) != recipe.image:
        raise RunError("this is not the image that the run started from; give that one with --image")
    clip = facts.clip(recipe.settings)
    snap_plan(recipe.plan, clip)
    return clip


def make(
    model: Model,
    recipe: Recipe,
    *,
    videos: Sequence[str] = ("baseline", "controlled"),
    record: bool = False,
    image: Image | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> Run:
    """Make the videos of a run, all from the same noise, and judge them where a verifier knows their world.

    With `record`, attention is recorded in the controlled steps of each, if the control is `recordable`; the videos are the
    same, bit for bit. `on_step` is called with a video's name after each of its denoising steps; what it raises ends the run, and the pipeline is left
    as it was. Raises as `check` and `control.enable` do, before the first step.
    """
    clip = check(model.facts, recipe, image)
    if image is not None:
        recipe = replace(recipe, image=hash_of(np.asarray(image)))
    enable(model.pipe, recipe.plan, config=recipe.control, fps=recipe.settings.fps)
    disable(model.pipe)
    record = record and recipe.control.recordable
    alone = replace(recipe.control, strength=0.0) if record else None
    made = {}
    for name in videos:
        result = generate(
            model, recipe.plan, recipe.settings, config=recipe.control if name == "controlled" else alone,
            record=record, image=image, on_step=partial(on_step, name),
        )  # fmt: skip
        verdict = _judged(model, recipe, clip, result.video)
        made[name] = Video(frames=result.video, seconds=result.seconds, verdict=verdict, record=result.record)
    return Run(recipe=recipe, clip=clip, versions=versions_here(model.facts), videos=made, image=image)


def again(
    model: Model, saved: Saved, *, record: bool = False, image: Image | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> tuple[Run, list[str]]:  # fmt: skip
    """Make a run again, on as many threads as then, and name the videos that came out otherwise, by a single bit or more."""
    with _threads(saved.versions.get("threads", "")):
        run = make(model, saved.recipe, videos=saved.names, record=record, image=image, on_step=on_step)
    changed = [name for name, video in run.videos.items() if hash_of(video.frames) != saved.sha256[name]]
    return run, changed


def differences(saved: Saved, facts: Description) -> list[str]:
    """What is another here than where the run was made, a line each; the number of threads does not count."""
    here = versions_here(facts)
    found = []
    for name in sorted({*saved.versions, *here} - {"threads"}):
        then, now = saved.versions.get(name), here.get(name)
        if then != now and name == WEIGHTS:
            found.append(f"the weights of {facts.name} are others than then")
        elif then != now:
            found.append(f"{name} was {then or 'not there'} and is {now or 'not there'}")
    return found


def versions_here(facts: Description) -> dict[str, str]:
    """What makes videos here: packages, Python, device, threads, and a hash of the model's files."""
    import diffusers
    import torch
    import transformers

    from tsattn import __version__

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu {platform.machine()}"
    packages = {package.__name__: package.__version__ for package in (torch, diffusers, transformers)}
    return {
        "tsattn": __version__,
        "python": platform.python_version(),
        **packages,
        "device": device,
        "threads": str(torch.get_num_threads()),
        WEIGHTS: fingerprint(facts),
    }


def hash_of(pixels: Frames) -> str:
    """SHA-256 of pixels and of their shape."""
    return hashlib.sha256(str(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _judged(model: Model, recipe: Recipe, clip: Clip, frames: Frames) -> Verdict | None:
    """The verifier knows the embedded world only; for other models there is no verdict."""
    from tsattn.evaluate.verdict import judge

    return judge(recipe.plan, clip, frames) if model.facts.name in EMBEDDED_MODELS else None


@contextmanager
def _threads(wanted: str) -> Iterator[None]:
    """Torch on so many threads: they decide the order of its sums on a CPU, and with it the last bits of a video."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(int(wanted) if wanted.isdecimal() and 0 < int(wanted) <= 1024 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
