"""Stage 3: the denoiser, a stock `WanTransformer3DModel`, and its UMT5 encoder, trained together by flow matching.

Single latent frames come first, then short stretches, then whole clips: a batch of as many tokens holds more scenes, and
looks are learned from many scenes, motion from few. The batches are drawn by `training.data`.

The image-to-video sibling goes on from a finished text-to-video model: its patch embedding has further channels for what is
given of the first frame, zero at first, so that training starts from what that model does.

Text is Wan's: 512 columns, the prompt's states first, then zeros that are not masked. All those zeros are one and the
same key, so training computes one of them and adds the logarithm of their number to its logit; the result is exact.
"""

from __future__ import annotations

import copy
import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from training import text
from training.common import ALONE, Log, Mix, learning_rate, save, whole
from training.data import Batch, batch_of, clips
from training.looking import BLOCKS, WHEN, WHERE, look_at, looking_losses
from training.muon import Muon

COLUMNS = 512
"""Text columns of a Wan pipeline."""
PROMPT = 40
"""Columns computed in training: the longest prompt of `data.BOTH` fits, the last one stands for all further zeros."""

LOGGED, SAVED = 25, 100
"""Steps between two lines of the log, and between two checkpoints."""
LOOKING = 5
"""Number that sets what is drawn for looking apart from all else."""


class Leg(NamedTuple):
    """Steps on batches of stretches of so many latent frames. Legs may take turns."""

    steps: int
    batch: int
    frames: int


class Recipe(NamedTuple):
    """What a denoiser is trained on, the peak of its learning rate, and whether it is given the first frame.

    `looks` come first in a training from nothing, `mix` are the shares of scenes, and with `taught` attention is taught where
    and when to look (see `training.looking`). One that is given the first frame goes on from a text-to-video model and
    leaves that model's text encoder as it is.
    """

    legs: tuple[Leg, ...]
    peak: float
    looks: tuple[Leg, ...] = ()
    mix: Mix = ALONE
    taught: bool = False
    i2v: bool = False


STILLS, STRETCHES, CLIPS = Leg(1, batch=192, frames=1), Leg(1, batch=40, frames=5), Leg(1, batch=16, frames=13)
T2V = Recipe(
    legs=(STILLS, STRETCHES, CLIPS._replace(steps=2)) * 340 + (CLIPS._replace(steps=300),),
    peak=2e-3,
    looks=(STILLS._replace(steps=400), STRETCHES._replace(steps=550), CLIPS._replace(steps=2350)),
)
# three fifths of the steps, in which two seeds were trained from nothing, and went on (docs/embedded-model.md)
BRIEF = T2V._replace(
    legs=(STILLS, STRETCHES, CLIPS._replace(steps=2)) * 280 + (CLIPS._replace(steps=250),),
    looks=(STILLS._replace(steps=400), STRETCHES._replace(steps=550), CLIPS._replace(steps=700)),
)
TAUGHT = T2V._replace(
    legs=(STILLS, STRETCHES, CLIPS._replace(steps=2)) * 200 + (CLIPS._replace(steps=300),), peak=1e-3, taught=True
)
# 50 steps on stills taught to take the first frame over, which 100 on whole clips had hardly begun to
I2V = Recipe((STILLS._replace(steps=150, batch=96), CLIPS._replace(steps=900)), 2e-3, i2v=True)


class Watched(WanAttnProcessor):
    """Cross-attention as the stock processor's, with the weight of the uncomputed pads on the last text column.

    It keeps the logits (b, h, q, k) of its last call, so that they can be taught (see `training.looking`).
    """

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight
        self.logits: torch.Tensor | None = None

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):  # type: ignore[no-untyped-def]
        """As the stock processor."""
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(encoder_hidden_states))
        query, key, value = (
            each.unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for each in (query, key, attn.to_v(encoder_hidden_states))
        )
        self.logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + self.weight
        mixed = (self.logits.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return attn.to_out[1](attn.to_out[0](mixed))


class Model(torch.nn.Module):
    """Denoiser and text encoder, so that they share an optimiser and an average; `given` channels come beside the noise."""

    def __init__(self, words: int, channels: int, given: int = 0) -> None:
        super().__init__()
        self.encoder = text.encoder(words)
        self.transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=4, attention_head_dim=32, in_channels=channels + given,
            out_channels=channels, text_dim=text.WIDTH, freq_dim=256, ffn_dim=384, num_layers=5,
            cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=64,
        )  # fmt: skip

    def forward(
        self,
        noisy: torch.Tensor,
        given: torch.Tensor,
        sigma: torch.Tensor,
        ids: torch.Tensor,
        mask: torch.Tensor,
        kept: torch.Tensor | float = 1.0,
    ) -> torch.Tensor:
        """Velocity (b, c, f, y, x) for noisy latents at noise level sigma (b,) under token ids and mask (b, k).

        States of columns that are not `kept` (b, k) become pads.
        """
        states = self.encoder(ids, mask).last_hidden_state * (mask * kept)[..., None]
        return self.transformer(torch.cat([noisy, given], dim=1), sigma * 1000, states, return_dict=False)[0]


def sample_sigma(count: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels: 60 % uniform above .6, where everything a prompt names is decided (see docs), 40 % uniform."""
    uniform = torch.rand(count, generator=generator)
    high = 1 - 0.4 * torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.6, high, uniform)


def optimizers(model: Model, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for everything else that is trained."""
    matrices = [p for p in model.transformer.blocks.parameters() if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in ids]
    return [
        Muon(matrices, lr=peak),
        torch.optim.AdamW(rest, lr=peak, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def begin(tokens: PreTrainedTokenizerFast, channels: int, seed: int, start: Path | None, *, given: int = 0) -> Model:
    """A new model, or one with the weights of the pipeline in the folder `start`, which may know fewer words.

    It may also be given fewer channels: the weights of further ones are 0.
    """
    torch.manual_seed(seed)
    model = Model(len(tokens), channels, given)
    if start is not None:
        weights = WanTransformer3DModel.from_pretrained(start / "transformer").state_dict()
        patch = weights["patch_embedding.weight"]
        weights["patch_embedding.weight"] = torch.zeros_like(model.transformer.patch_embedding.weight)
        weights["patch_embedding.weight"][:, : patch.shape[1]] = patch
        model.transformer.load_state_dict(weights)
        encoder = UMT5EncoderModel.from_pretrained(start / "text_encoder")
        words = tokens.get_vocab()
        encoder.set_input_embeddings(_with_new_words(encoder.shared, _words_of(start), model.encoder.shared, words))
        model.encoder.load_state_dict(encoder.state_dict())
    return model.train()


def _words_of(pipeline: Path) -> dict[str, int]:
    """The vocabulary of the pipeline in a folder."""
    words: dict[str, int] = PreTrainedTokenizerFast.from_pretrained(pipeline / "tokenizer").get_vocab()
    return words


def _with_new_words(
    old: torch.nn.Embedding, known: dict[str, int], new: torch.nn.Embedding, words: dict[str, int]
) -> torch.nn.Embedding:
    """The rows of the new embedding, but the old ones for the tokens known there; both vocabularies give row numbers."""
    rows = new.weight.detach().clone()
    for word in words.keys() & known.keys():
        rows[words[word]] = old.weight[known[word]].detach()
    return torch.nn.Embedding.from_pretrained(rows, freeze=False)


def watch(model: Model) -> None:
    """Have the denoiser compute `PROMPT` text columns only, as if there were `COLUMNS`, and keep its attention's logits."""
    weight = torch.zeros(1, 1, 1, PROMPT)
    weight[..., -1] = math.log(COLUMNS - PROMPT + 1)
    for block in model.transformer.blocks:
        block.attn2.set_processor(Watched(weight))


def train(
    folder: Path, vae_folder: Path, recipe: Recipe = T2V, *, seed: int = 0, start: Path | None = None
) -> tuple[Path, Path]:
    """Train, resuming from `folder` where it was cut. Returns the folders of denoiser and text encoder.

    Raises `ValueError` for image-to-video without a `start` that knows all words: its text encoder is not trained; and where
    the folder holds a training by another recipe, from another start or in the latents of another autoencoder.
    """
    finished = folder / "transformer", folder / "text_encoder"
    tokens = text.tokenizer()
    if recipe.i2v and (start is None or _words_of(start).keys() != tokens.get_vocab().keys()):
        raise ValueError(
            f"image-to-video goes on from a text-to-video model that knows all {len(tokens)} tokens of the world, but got "
            f"{start}; train that one first, and give its pipeline's folder with `--start`"
        )
    _claim(folder, vae_folder, recipe, start)
    if finished[1].exists():
        return finished
    data = clips(vae_folder, recipe.mix, i2v=recipe.i2v)
    model = begin(tokens, data.latents.shape[1], seed, start, given=data.given.shape[1])
    model.encoder.requires_grad_(not recipe.i2v)
    average = copy.deepcopy(model).requires_grad_(False)
    watch(model)
    solvers, log = optimizers(model, recipe.peak), Log(folder / "denoiser.jsonl")
    legs = recipe.legs if start else recipe.looks + recipe.legs
    plan = [leg for leg in legs for _ in range(leg.steps)]
    checkpoint, done = folder / "denoiser.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for solver, kept in zip(solvers, state["solvers"], strict=True):
            solver.load_state_dict(kept)
        done = state["step"]
    model.transformer.compile_repeated_blocks(fullgraph=True, dynamic=False)
    losses: dict[str, list[float]] = {}
    for step, leg in list(enumerate(plan))[done:]:
        for solver in solvers:
            for group in solver.param_groups:
                group["lr"] = learning_rate(step, len(plan), recipe.peak, warmup=100)
        batch = batch_of(data, leg.batch, leg.frames, step=step, seed=seed)
        look = look_at(batch, tokens, PROMPT, np.random.default_rng([LOOKING, seed, step])) if recipe.taught else None
        found = {"loss": flow_matching_loss(model, batch, tokens, seed * 10**6 + step, look.kept if look else 1.0)}
        loss = found["loss"]
        if look:
            watched = [model.transformer.blocks[k].attn2.processor.logits for k in BLOCKS]
            found["where"], found["when"] = looking_losses(watched, look)
            loss = loss + WHERE * found["where"] + WHEN * found["when"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for solver in solvers:
            solver.step()
            solver.zero_grad()
        blend = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - blend)
        for name, value in found.items():
            losses.setdefault(f"{name}{leg.frames}", []).append(value.item())
        if (step + 1) % LOGGED == 0:
            log(step=step + 1, **{frames: sum(each) / len(each) for frames, each in losses.items()})
            losses.clear()
        if (step + 1) % SAVED == 0:
            state = dict(model=model.state_dict(), average=average.state_dict(), step=step + 1)
            save(checkpoint, {**state, "solvers": [solver.state_dict() for solver in solvers]})
    for module, place in zip((average.eval().transformer, average.encoder), finished, strict=True):
        with whole(place) as part:
            module.save_pretrained(part)
    return finished


def _claim(folder: Path, vae_folder: Path, recipe: Recipe, start: Path | None) -> None:
    """Note in a folder what is trained there. Raises `ValueError` where it is something else already."""
    parts = {"in the latents of": vae_folder, "from": start and start / "transformer"}
    told = "\n".join([str(recipe), *(f"{how} {_weights(place)}" for how, place in parts.items())])
    note = folder / "recipe.txt"
    if note.exists() and note.read_text() != told:
        raise ValueError(
            f"{folder} holds another training, which {note.name} there tells of; give another folder with `--runs`, or another "
            "`--seed`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(told)


def _weights(part: Path | None) -> str:
    """The hash of the weights of a pipeline's part in a folder."""
    if part is None:
        return "nothing"
    return hashlib.sha256((part / "diffusion_pytorch_model.safetensors").read_bytes()).hexdigest()


def flow_matching_loss(  # type: ignore[no-untyped-def]
    model: Model, batch: Batch, tokens, seed: int, kept: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Mean squared error of the velocity under noise drawn from `seed`, with the text columns `kept` (b, k)."""
    generator, clean = torch.Generator().manual_seed(seed), batch.latents
    words = tokens(batch.captions, padding="max_length", max_length=PROMPT, return_tensors="pt")
    if int(words.attention_mask[:, -1].max()):
        raise ValueError(f"a prompt is longer than the {PROMPT - 1} columns that training computes: {batch.captions}")
    noise = torch.randn(clean.shape, generator=generator)
    sigma = sample_sigma(len(clean), generator)
    level = sigma.view(-1, 1, 1, 1, 1)
    # with instructions for it, a CPU is 1.6 times as fast in bfloat16 as in float32, and without them three times slower
    able = torch.cpu.get_capabilities()
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(able.get("amx_bf16") or able.get("avx512_bf16"))):
        noisy = (1 - level) * clean + level * noise
        velocity = model(noisy, batch.given, sigma, words.input_ids, words.attention_mask, kept)
    return (velocity.float() - (noise - clean)).square().mean()
