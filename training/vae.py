"""Stage 1: a tiny stock `AutoencoderKLWan`, trained from nothing on rendered clips.

Stills come first, then short clips, then whole ones, then the decoder alone. The posterior has a fixed small width from the start: a width of 1 drowns the small
subject before the decoder has learned to draw it. Foreground pixels weigh more, for the same reason.
"""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from training.common import Log, clip_and_mask, learning_rate, save, scene_of, whole
from tsattn.shapes.world import FRAMES

STAGE = 1
Z = 4
NOISE = 0.05
"""Width of the posterior, in latent units; latents themselves have a width of about 1."""


class Stage(NamedTuple):
    """Steps on batches of stretches of so many frames. A stage with a `peak` starts a new rise and fall of the rate."""

    steps: int
    batch: int
    frames: int
    peak: float | None = None
    decoder_only: bool = False


STAGES = (
    Stage(steps=700, batch=32, frames=1, peak=3e-3),
    Stage(steps=2000, batch=4, frames=9),
    # whole clips: trained on 9 frames alone, colours drift from the tenth frame on
    Stage(steps=700, batch=2, frames=FRAMES, peak=1.5e-3),
    # the latents are good now; only the picture's edges are still soft
    Stage(steps=900, batch=2, frames=FRAMES, peak=1.5e-3, decoder_only=True),
)


def build() -> AutoencoderKLWan:
    """The untrained autoencoder: 25 frames of 64 x 64 become 13 latent frames of 16 x 16 with 4 channels.

    As in Wan 2.2's own autoencoder, 2 x 2 pixels are folded into channels first; that alone makes it several times
    faster on a CPU than the same model at full resolution.
    """
    return AutoencoderKLWan(
        base_dim=16, z_dim=Z, dim_mult=[1, 2], num_res_blocks=1, temperal_downsample=[True],
        in_channels=12, out_channels=12, patch_size=2, scale_factor_temporal=2, scale_factor_spatial=4,
        latents_mean=[0.0] * Z, latents_std=[1.0] * Z,
    )  # fmt: skip


def batch_of(step: int, *, batch: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random stretches of `frames` frames from the scenes of this step."""
    rng = np.random.default_rng([STAGE, step])
    pairs = []
    for k in range(batch):
        first = int(rng.integers(0, FRAMES - frames + 1))
        pairs.append(clip_and_mask(scene_of(step * 64 + k, stage=STAGE), slice(first, first + frames)))
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def dilated(mask: torch.Tensor) -> torch.Tensor:
    """The mask (b, 1, f, y, x) grown by two pixels."""
    return torch.nn.functional.max_pool3d(mask, (1, 5, 5), stride=1, padding=(0, 2, 2))


class Rate(NamedTuple):
    """Learning rate of a step, and whether a new rise and fall begins with it."""

    value: float
    first: bool


def schedule() -> list[tuple[int, Stage, Rate]]:
    """Every step of the training: its number, its stage and its learning rate."""
    starts = [k for k, stage in enumerate(STAGES) if stage.peak is not None]
    plan = []
    for first, last in zip(starts, [*starts[1:], len(STAGES)], strict=True):
        stages = [stage for stage in STAGES[first:last] for _ in range(stage.steps)]
        for k, stage in enumerate(stages):
            rate = Rate(learning_rate(k, len(stages), STAGES[first].peak or 0.0), k == 0)
            plan.append((len(plan), stage, rate))
    return plan


def train(folder: Path) -> Path:
    """Train, resuming from `folder` where it was cut. Returns the folder of the finished autoencoder."""
    finished = folder / "vae"
    if finished.exists():
        return finished
    torch.manual_seed(STAGE)
    model = build().train()
    log, checkpoint, start = Log(folder / "vae.jsonl"), folder / "vae.pt", 0
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=1e-4)
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    for step, stage, rate in schedule()[start:]:
        if rate.first:
            optimizer.state.clear()
        if stage.decoder_only:
            for part in (model.encoder, model.quant_conv):
                part.requires_grad_(False)
        clip, mask = batch_of(step, batch=stage.batch, frames=stage.frames)
        for group in optimizer.param_groups:
            group["lr"] = rate.value
        with torch.set_grad_enabled(not stage.decoder_only):
            mean = model.encode(clip).latent_dist.mean
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(step))
        error = (model.decode(mean + NOISE * noise).sample - clip).abs()
        near, far = dilated(mask), 1 - dilated(1 - mask)
        edge = (near - far).clamp(0, 1) if stage.decoder_only else 0.0
        loss = (error * (1 + 4 * near + 10 * edge)).mean() + 0.02 * (mean.square().mean() - 1).relu()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            log(step=step + 1, loss=loss.item(), error=error.mean().item(), latent=mean.std().item())
        if step % 250 == 249:
            save(checkpoint, dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step + 1))
    _freeze_width(model)
    _normalise(model)
    with whole(finished) as part:
        model.eval().save_pretrained(part)
    return finished


def take_over(folder: Path, start: Path) -> Path:
    """The autoencoder of the pipeline in the folder `start`, copied to where `train` leaves one. Returns its folder.

    Raises `ValueError` where another one is there: the latents kept beside it would not be those that the pipeline knows.
    """
    finished, weights = folder / "vae", "diffusion_pytorch_model.safetensors"
    if not finished.exists():
        with whole(finished) as part:
            shutil.copytree(start / "vae", part, dirs_exist_ok=True)
    if not filecmp.cmp(finished / weights, start / "vae" / weights, shallow=False):
        raise ValueError(f"the autoencoder in {finished} is not that of {start}; give another folder with `--runs`")
    return finished


def _freeze_width(model: AutoencoderKLWan) -> None:
    """Make the posterior's width what the decoder was trained with, so that sampling from it is honest."""
    with torch.no_grad():
        model.quant_conv.weight[Z:] = 0
        model.quant_conv.bias[Z:] = 2 * float(np.log(NOISE))


@torch.no_grad()
def _normalise(model: AutoencoderKLWan) -> None:
    """Measure the latents' mean and width per channel and store them where Wan pipelines look for them."""
    clips = torch.stack([clip_and_mask(scene_of(seed, stage=10))[0] for seed in range(64)])
    latents = torch.cat([model.encode(part).latent_dist.mean for part in clips.split(4)])
    mean, std = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    model.register_to_config(latents_mean=mean.tolist(), latents_std=std.tolist())
