"""What the denoiser is trained on: the latents of many clips, computed once, and batches of stretches of them.

A stretch is the beginning of a clip, since whatever is generated begins with a first frame, which is encoded on its own; its
caption names, for each subject, the events that happen in it. What an image-to-video model is given of a clip is computed
once as well.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray

from training.common import ALONE, PAIRED, Mix, as_tensor, save, scene_of
from tsattn.shapes.world import FRAMES, MIN_EVENT, STILL, Actor, Role, Scene, render, sample_prompt

STAGE = 3
EMPTY = 0.1
"""Share of captions left out, for classifier-free guidance."""


class Source(NamedTuple):
    """Clips whose latents are kept in a file beside the autoencoder; the stage and the mix say which scenes."""

    file: str
    count: int
    stage: int
    mix: Mix


SOURCES = (Source("latents.pt", 12288, STAGE, ALONE), Source("latents-pairs.pt", 6144, 4, PAIRED))
BOTH: Mix = {(1,): 0.20, (2,): 0.16, (3,): 0.14, **{events: share * 0.5 for events, share in PAIRED.items()}}
"""Shares of scenes with one subject and with two in batches, whatever their shares in the sources."""


class Data(NamedTuple):
    """Latents (n, c, f, y, x) in half precision, normalised as Wan pipelines do, what is given of them in further channels
    (see `given`; none for a text-to-video model), their scenes, and how often each is drawn.
    """

    latents: torch.Tensor
    given: torch.Tensor
    scenes: list[Scene]
    chances: NDArray[np.float64]


class Batch(NamedTuple):
    """Latents (b, c, f, y, x), what is given of them, their captions and scenes."""

    latents: torch.Tensor
    given: torch.Tensor
    captions: list[str]
    scenes: list[Scene]


def clips(vae_folder: Path, mix: Mix, *, i2v: bool = False) -> Data:
    """The clips of those `SOURCES` that a mix needs, encoded by the autoencoder as far as no earlier run has.

    With `i2v`, what is given of them too.
    """
    latents, conditions, scenes = [], [], []
    for source in [source for source in SOURCES if source.mix.keys() & mix.keys()]:
        drawn = [scene_of(seed, stage=source.stage, mix=source.mix) for seed in range(source.count)]
        own = encode(drawn, vae_folder, vae_folder.parent / source.file)
        latents.append(own)
        conditions.append(given(drawn, vae_folder, vae_folder.parent / f"given-{source.file}") if i2v else own[:, :0])
        scenes += drawn
    return Data(torch.cat(latents), torch.cat(conditions), scenes, chances(scenes, mix))


def given(scenes: list[Scene], vae_folder: Path, kept: Path) -> torch.Tensor:
    """What `WanImageToVideoPipeline` gives the denoiser beside its noise (n, m + c, f, y, x), of these scenes' first frames.

    A channel for each frame of a latent frame, 1 in the first latent frame and 0 in all others; then the latents of the first
    frame with nothing behind it, which are kept as `encode` does.
    """
    latents = encode(scenes, vae_folder, kept, film=_opening)
    channels = AutoencoderKLWan.load_config(vae_folder)["scale_factor_temporal"]
    mask = torch.zeros_like(latents[:, :1])
    mask[:, :, 0] = 1
    return torch.cat([mask.expand(-1, channels, -1, -1, -1), latents], dim=1)


def _whole(scene: Scene) -> torch.Tensor:
    """A clip (3, f, y, x)."""
    return as_tensor(render(scene))


def _opening(scene: Scene) -> torch.Tensor:
    """A clip's first frame, then zeros to its end (3, f, y, x)."""
    return torch.nn.functional.pad(as_tensor(render(scene, slice(0, 1))), (0, 0, 0, 0, 0, FRAMES - 1))


def encode(
    scenes: list[Scene], vae_folder: Path, kept: Path, *, film: Callable[[Scene], torch.Tensor] = _whole
) -> torch.Tensor:
    """Latents of these scenes, kept in a file that grows by 512 clips at a time; a cut run goes on with the rest.

    `film` makes the clip of a scene (3, f, y, x).
    """
    latents = torch.load(kept)["latents"] if kept.exists() else torch.empty(0)
    if len(latents) < len(scenes):
        vae, began = AutoencoderKLWan.from_pretrained(vae_folder), time.time()
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
        parts = [latents] if len(latents) else []
        for first in range(len(latents), len(scenes), 16):
            videos = torch.stack([film(scene) for scene in scenes[first : first + 16]])
            with torch.no_grad():
                parts.append(((vae.encode(videos).latent_dist.mean - mean) / std).half())
            done = first + len(videos)
            if done % 512 == 0 or done == len(scenes):
                latents = torch.cat(parts)
                save(kept, dict(latents=latents))
                print(f"{kept.name}: encoded {done} of {len(scenes)} clips in {time.time() - began:.0f} s", flush=True)
    return latents[: len(scenes)]


def chances(scenes: list[Scene], mix: Mix) -> NDArray[np.float64]:
    """The probability of each scene that gives the shares of a mix. Raises `ValueError` where a share has no scene."""
    kinds = [_events(scene) for scene in scenes]
    count = Counter(kinds)
    if absent := mix.keys() - count.keys():
        raise ValueError(f"no clip has these numbers of events, though the mix asks for them: {sorted(absent)}")
    found = np.array([mix.get(kind, 0.0) / count[kind] for kind in kinds])
    return found / found.sum()


def _events(scene: Scene) -> tuple[int, ...]:
    """How many events each subject has."""
    return tuple(sum(event != STILL for event in actor.role.events) for actor in scene.actors)


def caption(scene: Scene, count: int, rng: np.random.Generator) -> str:
    """A prompt for the first `count` latent frames of a clip."""
    return sample_prompt(rng, [role(actor, count) for actor in scene.actors], scene.background.kind)


def role(actor: Actor, count: int) -> Role:
    """What a caption for the first `count` latent frames tells of a subject."""
    return actor.role._replace(events=tuple(actor.role.events[k] for k in happening(actor, count)))


def happening(actor: Actor, count: int) -> list[int]:
    """The numbers of a subject's events that fill most of the time of the first `count` latent frames.

    Latent frame 0 is the clip's first frame, every other one holds the next two.
    """
    end = 2 * count - 2
    shares = [min(end, last) - begin for begin, last in pairwise(actor.bounds)]
    enough = min(max(shares), MIN_EVENT)
    return [number for number, share in enumerate(shares) if share >= enough]


def batch_of(data: Data, size: int, frames: int, *, step: int, seed: int) -> Batch:
    """The batch that this step of this seed draws: the first so many latent frames of random clips."""
    rng = np.random.default_rng([STAGE, seed, step])
    drawn = torch.from_numpy(rng.choice(len(data.scenes), size, replace=False, p=data.chances))
    scenes = [data.scenes[k] for k in drawn]
    captions = [caption(scene, frames, rng) * (rng.uniform() >= EMPTY) for scene in scenes]
    return Batch(data.latents[drawn, :, :frames].float(), data.given[drawn, :, :frames].float(), captions, scenes)
