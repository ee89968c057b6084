"""Stage 3: the denoiser, a stock `WanTransformer3DModel`, and its UMT5 encoder, trained together by flow matching.

Text is Wan's: 512 columns, the prompt's states first, then zeros that are not masked. All those zeros are one and the
same key, so training computes one of them and adds the logarithm of their number to its logit; the result is exact.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor

from training import text
from training.common import Log, clip_and_mask, learning_rate, save, scene_of

STAGE = 3
COLUMNS = 512
"""Text columns of a Wan pipeline."""
PROMPT = 28
"""Columns computed in training: the longest prompt of the world fits, the last one stands for all further zeros."""
CLIPS = 6144
BATCH = 16
STEPS = 5000
PEAK = 2e-3
EMPTY = 0.1
"""Share of captions left out, for classifier-free guidance."""


class Data(NamedTuple):
    """Latents (n, c, f, y, x) in half precision, normalised as Wan pipelines do, and their prompts."""

    latents: torch.Tensor
    prompts: list[str]


class PadOnce(WanAttnProcessor):
    """The stock processor with the weight of the uncomputed pads on the last text column."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):  # type: ignore[no-untyped-def]
        """As the stock processor."""
        return super().__call__(attn, hidden_states, encoder_hidden_states, self.weight, rotary_emb)


class Model(torch.nn.Module):
    """Denoiser and text encoder, so that they share an optimiser and an average."""

    def __init__(self, words: int, channels: int) -> None:
        super().__init__()
        self.encoder = text.encoder(words)
        self.transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=4, attention_head_dim=32, in_channels=channels,
            out_channels=channels, text_dim=text.WIDTH, freq_dim=256, ffn_dim=384, num_layers=5,
            cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=64,
        )  # fmt: skip

    def forward(self, noisy: torch.Tensor, sigma: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Velocity (b, c, f, y, x) for noisy latents at noise level sigma (b,) under token ids and mask (b, k)."""
        states = self.encoder(ids, mask).last_hidden_state * mask[..., None]
        return self.transformer(noisy, sigma * 1000, states, return_dict=False)[0]


def encode_clips(folder: Path, vae_folder: Path) -> Data:
    """Latents of the training clips, computed once and kept in `folder`."""
    kept = folder / "latents.pt"
    if not kept.exists():
        vae = AutoencoderKLWan.from_pretrained(vae_folder)
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
        scenes = [scene_of(seed, stage=STAGE) for seed in range(CLIPS)]
        parts = []
        with torch.no_grad():
            for first in range(0, CLIPS, 16):
                clips = torch.stack([clip_and_mask(scene)[0] for scene in scenes[first : first + 16]])
                parts.append(((vae.encode(clips).latent_dist.mean - mean) / std).half())
                if first % 512 == 0:
                    print(f"encoded {first} of {CLIPS} clips", flush=True)
        save(kept, dict(latents=torch.cat(parts), prompts=[scene.prompt for scene in scenes]))
    return Data(**torch.load(kept))


def sample_sigma(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels: 60 % logit-normal around .65, where a small video's layout is decided, 40 % uniform."""
    uniform = torch.rand(count, generator=generator)
    peaked = torch.sigmoid(0.6 + torch.randn(count, generator=generator))
    return torch.where(torch.rand(count, generator=generator) < 0.6, peaked, uniform)


def optimizers(model: Model) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for everything else."""
    matrices = [p for p in model.transformer.blocks.parameters() if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [
        torch.optim.Muon(matrices, lr=PEAK, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=PEAK, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def train(folder: Path, vae_folder: Path, *, seed: int = 0, steps: int = STEPS) -> tuple[Path, Path]:
    """Train, resuming from `folder` where it was cut. Returns the folders of denoiser and text encoder."""
    finished = folder / "transformer", folder / "text_encoder"
    if finished[1].exists():
        return finished
    data, tokens = encode_clips(vae_folder.parent, vae_folder), text.tokenizer()
    torch.manual_seed(seed)
    model = Model(len(tokens), data.latents.shape[1]).train()
    average = copy.deepcopy(model).requires_grad_(False)
    weight = torch.zeros(1, 1, 1, PROMPT)
    weight[..., -1] = math.log(COLUMNS - PROMPT + 1)
    for block in model.transformer.blocks:
        block.attn2.set_processor(PadOnce(weight))
    solvers, log, checkpoint, start = optimizers(model), Log(folder / "denoiser.jsonl"), folder / "denoiser.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for solver, kept in zip(solvers, state["solvers"], strict=True):
            solver.load_state_dict(kept)
        start = state["step"]
    model.transformer.compile_repeated_blocks(fullgraph=True)
    total = 0.0
    for step in range(start, steps):
        for solver in solvers:
            for group in solver.param_groups:
                group["lr"] = learning_rate(step, steps, PEAK, warmup=100)
        loss = flow_matching_loss(model, data, tokens, step, seed)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for solver in solvers:
            solver.step()
            solver.zero_grad()
        blend = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - blend)
        total += loss.item()
        if step % 25 == 24:
            log(step=step + 1, loss=total / 25)
            total = 0.0
        if step % 100 == 99:
            state = dict(model=model.state_dict(), average=average.state_dict(), step=step + 1)
            save(checkpoint, {**state, "solvers": [solver.state_dict() for solver in solvers]})
    average.eval().transformer.save_pretrained(finished[0])
    average.encoder.save_pretrained(finished[1])
    return finished


def flow_matching_loss(model: Model, data: Data, tokens, step: int, seed: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Mean squared error of the velocity, on the batch that this step of this seed draws."""
    rng, generator = np.random.default_rng([STAGE, seed, step]), torch.Generator().manual_seed(seed * 10**6 + step)
    epoch, place = divmod(step * BATCH, len(data.prompts))
    order = np.random.default_rng([STAGE, seed, 10**6 + epoch]).permutation(len(data.prompts))
    chosen = order[place : place + BATCH]
    prompts = ["" if rng.uniform() < EMPTY else data.prompts[k] for k in chosen]
    words = tokens(prompts, padding="max_length", max_length=PROMPT, return_tensors="pt")
    if int(words.attention_mask[:, -1].max()):
        raise ValueError(f"a prompt is longer than the {PROMPT - 1} columns that training computes: {prompts}")
    clean = data.latents[chosen].float()
    noise = torch.randn(clean.shape, generator=generator)
    sigma = sample_sigma(len(clean), generator)
    level = sigma.view(-1, 1, 1, 1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        velocity = model((1 - level) * clean + level * noise, sigma, words.input_ids, words.attention_mask)
    return (velocity.float() - (noise - clean)).square().mean()


if __name__ == "__main__":
    train(Path("training/runs/shapes"), Path("training/runs/shapes/vae"))
