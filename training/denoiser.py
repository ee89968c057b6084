"""Stage 3: the denoiser, a stock `WanTransformer3DModel`, and its UMT5 encoder, trained together by flow matching.

Single latent frames come first, then short stretches, then whole clips: a batch of as many tokens holds more scenes, and
looks are learned from many scenes, motion from few. The batches are drawn by `training.data`.

Text is Wan's: 512 columns, the prompt's states first, then zeros that are not masked. All those zeros are one and the
same key, so training computes one of them and adds the logarithm of their number to its logit; the result is exact.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from training import text
from training.common import Log, learning_rate, save
from training.data import Batch, batch_of, clips

COLUMNS = 512
"""Text columns of a Wan pipeline."""
PROMPT = 40
"""Columns computed in training: the longest prompt of `data.MIX` fits, the last one stands for all further zeros."""
PEAK = 3e-3


class Leg(NamedTuple):
    """Steps on batches of stretches of so many latent frames. Legs may take turns."""

    steps: int
    batch: int
    frames: int


LEGS = (Leg(steps=400, batch=192, frames=1), Leg(steps=550, batch=40, frames=5), Leg(steps=550, batch=16, frames=13))


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


def sample_sigma(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels: 60 % uniform above .6, where everything a prompt names is decided (see docs), 40 % uniform."""
    uniform = torch.rand(count, generator=generator)
    high = 1 - 0.4 * torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.6, high, uniform)


def optimizers(model: Model) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for everything else."""
    matrices = [p for p in model.transformer.blocks.parameters() if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [
        torch.optim.Muon(matrices, lr=PEAK, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=PEAK, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def begin(tokens: PreTrainedTokenizerFast, channels: int, seed: int, start: Path | None) -> Model:
    """A new model, or one with the weights of the pipeline in the folder `start`, which may know fewer words."""
    torch.manual_seed(seed)
    model = Model(len(tokens), channels)
    if start is not None:
        model.transformer.load_state_dict(WanTransformer3DModel.from_pretrained(start / "transformer").state_dict())
        encoder = UMT5EncoderModel.from_pretrained(start / "text_encoder")
        known = PreTrainedTokenizerFast.from_pretrained(start / "tokenizer").get_vocab()
        encoder.set_input_embeddings(_with_new_words(encoder.shared, known, model.encoder.shared, tokens.get_vocab()))
        model.encoder.load_state_dict(encoder.state_dict())
    return model.train()


def _with_new_words(
    old: torch.nn.Embedding, known: dict[str, int], new: torch.nn.Embedding, words: dict[str, int]
) -> torch.nn.Embedding:
    """The rows of the new embedding, but the old ones for the tokens known there; both vocabularies give row numbers."""
    rows = new.weight.detach().clone()
    for word in words.keys() & known.keys():
        rows[words[word]] = old.weight[known[word]].detach()
    return torch.nn.Embedding.from_pretrained(rows, freeze=False)


def train(folder: Path, vae_folder: Path, *, seed: int = 0, start: Path | None = None) -> tuple[Path, Path]:
    """Train, resuming from `folder` where it was cut. Returns the folders of denoiser and text encoder."""
    finished = folder / "transformer", folder / "text_encoder"
    if finished[1].exists():
        return finished
    data, tokens = clips(vae_folder), text.tokenizer()
    model = begin(tokens, data.latents.shape[1], seed, start)
    average = copy.deepcopy(model).requires_grad_(False)
    weight = torch.zeros(1, 1, 1, PROMPT)
    weight[..., -1] = math.log(COLUMNS - PROMPT + 1)
    for block in model.transformer.blocks:
        block.attn2.set_processor(PadOnce(weight))
    solvers, log, checkpoint, done = optimizers(model), Log(folder / "denoiser.jsonl"), folder / "denoiser.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for solver, kept in zip(solvers, state["solvers"], strict=True):
            solver.load_state_dict(kept)
        done = state["step"]
    model.transformer.compile_repeated_blocks(fullgraph=True, dynamic=False)
    plan = [leg for leg in LEGS for _ in range(leg.steps)]
    losses: dict[str, list[float]] = {}
    for step, leg in list(enumerate(plan))[done:]:
        for solver in solvers:
            for group in solver.param_groups:
                group["lr"] = learning_rate(step, len(plan), PEAK, warmup=100)
        batch = batch_of(data, leg.batch, leg.frames, step=step, seed=seed)
        loss = flow_matching_loss(model, batch, tokens, seed * 10**6 + step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for solver in solvers:
            solver.step()
            solver.zero_grad()
        blend = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - blend)
        losses.setdefault(f"loss{leg.frames}", []).append(loss.item())
        if step % 25 == 24:
            log(step=step + 1, **{frames: sum(each) / len(each) for frames, each in losses.items()})
            losses.clear()
        if step % 100 == 99:
            state = dict(model=model.state_dict(), average=average.state_dict(), step=step + 1)
            save(checkpoint, {**state, "solvers": [solver.state_dict() for solver in solvers]})
    average.eval().transformer.save_pretrained(finished[0])
    average.encoder.save_pretrained(finished[1])
    return finished


def flow_matching_loss(model: Model, batch: Batch, tokens, seed: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Mean squared error of the velocity under noise drawn from `seed`."""
    generator, clean = torch.Generator().manual_seed(seed), batch.latents
    words = tokens(batch.captions, padding="max_length", max_length=PROMPT, return_tensors="pt")
    if int(words.attention_mask[:, -1].max()):
        raise ValueError(f"a prompt is longer than the {PROMPT - 1} columns that training computes: {batch.captions}")
    noise = torch.randn(clean.shape, generator=generator)
    sigma = sample_sigma(len(clean), generator)
    level = sigma.view(-1, 1, 1, 1, 1)
    # without instructions for it, a CPU is three times slower in bfloat16 than in float32
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(torch.cpu.get_capabilities()["amx_bf16"])):
        velocity = model((1 - level) * clean + level * noise, sigma, words.input_ids, words.attention_mask)
    return (velocity.float() - (noise - clean)).square().mean()


if __name__ == "__main__":
    train(Path("training/runs/shapes"), Path("training/runs/shapes/vae"))
