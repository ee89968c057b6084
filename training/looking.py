"""What the denoiser is taught about where to look, beside the loss of flow matching.

Large models come to look at the things that words name. In a few hours on a CPU a tiny one does not, and then neither a
subject's region nor the time of an event can be read from its attention, which are the premises of TS-Attn. The true scenes
are known here, so they are taught, in the blocks `BLOCKS`:

* where: the mean logit over the heads and the words of a subject is above its mean over the clip inside the subject's
  place, and below it elsewhere. A place is the object's tokens and their neighbours, which erosion takes off again;
* when: in a subject's place, attention goes to the words of the subject and of its event that is due.

A share of the captions keeps no columns but those of its events and its background, so that the states of event words
come to carry whose event they are, as those of a large text encoder do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from training.data import Batch, happening, role
from tsattn.attention.region import erode
from tsattn.shapes.world import BACKGROUNDS, FRAMES, MIN_EVENT, WORDINGS, Actor, Role, coverage, track

BLOCKS = (1, 2, 3, 4)
"""Blocks whose attention is taught. Queries of the first have seen too little of the clip."""
WHERE, WHEN = 0.02, 0.03
"""Weights of the two losses beside that of flow matching. With .02 for both, 1,000 steps taught where, and nothing of when;
1,000 more with .1 taught hardly anything of it, and 1,100 with these, on one subject, no more."""
STEEPNESS = 4.0
"""What a standard deviation of a subject's map counts for in the loss of its place."""
BARE = 0.3
"""Share of captions that keep the columns of events and background only."""
COVERED = 0.5
"""A token is the object's if it covers so much of its pixels, as in `tsattn.evaluate.shapes.attention`."""
MOST_EVENTS = (FRAMES - 1) // MIN_EVENT
"""Events of a subject at the most."""
SIDE = 8
"""Rows and columns of tokens in a frame."""


class Told(NamedTuple):
    """Where a caption tells of a subject: the character spans of its words and of its events, in order."""

    subject: tuple[int, int]
    events: list[tuple[int, int]]


class Look(NamedTuple):
    """Where to look, for batches of clips with up to two subjects; q are the tokens of a stretch, row-major.

    `words` (b, s, k) marks a subject's columns, `events` (b, s, e, k) those of its events, `place` (b, s, q) its tokens and
    their neighbours, `due` (b, s, e, q) those of them where and when an event happens. `kept` (b, k) is 0 on columns that are
    left out, `there` (b, s) whether there is such a subject.
    """

    words: torch.Tensor
    events: torch.Tensor
    place: torch.Tensor
    due: torch.Tensor
    kept: torch.Tensor
    there: torch.Tensor


def told(caption: str, roles: Sequence[Role]) -> list[Told]:
    """Where a caption tells of each role. Raises `ValueError` where it does not."""
    text, found = caption.lower(), []
    for asked in roles:
        first = text.index(f"{asked.colour} {asked.shape}")
        at = first + len(f"{asked.colour} {asked.shape}")
        subject, events = (first, at), []
        for event in asked.events:
            places = [(text.find(wording, at), wording) for wording in WORDINGS[event]]
            start, wording = min(place for place in places if place[0] >= 0)
            at = start + len(wording)
            events.append((start, at))
        found.append(Told(subject, events))
    return found


def look_at(batch: Batch, tokens: PreTrainedTokenizerFast, columns: int, rng: np.random.Generator) -> Look:
    """Where to look in the stretches of a batch under their captions; an empty one tells of nothing."""
    size, count, most = len(batch.scenes), batch.latents.shape[2], MOST_EVENTS
    words = torch.zeros(size, 2, columns)
    events = torch.zeros(size, 2, most, columns)
    place = torch.zeros(size, 2, count * SIDE * SIDE, dtype=torch.bool)
    due = torch.zeros(size, 2, most, count * SIDE * SIDE, dtype=torch.bool)
    kept, there = torch.ones(size, columns), torch.zeros(size, 2, dtype=torch.bool)
    offsets = tokens(batch.captions, return_offsets_mapping=True)["offset_mapping"]
    for b, (caption, scene) in enumerate(zip(batch.captions, batch.scenes, strict=True)):
        if caption == "":
            continue
        needed = torch.zeros(columns)
        spans = told(caption, [role(actor, count) for actor in scene.actors])
        for s, (actor, where) in enumerate(zip(scene.actors, spans, strict=True)):
            there[b, s] = True
            words[b, s, _columns(offsets[b], where.subject)] = 1
            mine = _place(actor, count)
            place[b, s] = mine.flatten()
            times = _times(actor, count)
            for e, span in enumerate(where.events):
                events[b, s, e, _columns(offsets[b], span)] = 1
                due[b, s, e] = (mine & times[e][:, None, None]).flatten()
            needed += events[b, s].sum(0)
        if rng.uniform() < BARE:
            kept[b] = (needed + _background(caption, offsets[b], columns) > 0).float()
            words[b] *= kept[b]
    return Look(words, events, place, due, kept, there)


def looking_losses(logits: Sequence[torch.Tensor], look: Look) -> tuple[torch.Tensor, torch.Tensor]:
    """How far attention, logits (b, h, q, k) of each block, is away from where and from when it should look; mean over blocks."""
    place_loss = time_loss = logits[0].new_zeros(())
    named = look.there & (look.words.sum(-1) > 0)
    for each in logits:
        seen = torch.einsum("bhqk,bsk->bsq", each, look.words) / each.shape[1]
        seen = seen / look.words.sum(-1, keepdim=True).clamp_min(1)
        standard = (seen - seen.mean(-1, keepdim=True)) / (seen.std(-1, keepdim=True) + 1e-4)
        inside, outside = look.place.float(), (~look.place).float()
        wrong = _mean(torch.nn.functional.softplus(-STEEPNESS * standard), inside)
        wrong = wrong + _mean(torch.nn.functional.softplus(STEEPNESS * standard), outside)
        place_loss = place_loss + _mean(wrong / 2, named.float(), everywhere=True)
        share = each.softmax(-1).mean(1)
        of_subject = torch.einsum("bqk,bsk->bsq", share, look.words)
        of_event = (torch.einsum("bqk,bsek->bseq", share, look.events) * look.due).sum(2)
        acting = look.due.any(2).float()
        missed = -(of_event + 1e-4).log() - (of_subject + 1e-4).log() * named[..., None]
        time_loss = time_loss + _mean(_mean(missed / 2, acting), (acting.sum(-1) > 0).float(), everywhere=True)
    return place_loss / len(logits), time_loss / len(logits)


def _mean(values: torch.Tensor, weights: torch.Tensor, *, everywhere: bool = False) -> torch.Tensor:
    """The weighted mean over the last axis, or over all; 0 where there is no weight."""
    axes = tuple(range(values.ndim)) if everywhere else (-1,)
    return (values * weights).sum(axes) / weights.sum(axes).clamp_min(1)


def _columns(offsets: Sequence[tuple[int, int]], span: tuple[int, int]) -> list[int]:
    first, last = span
    return [k for k, (a, b) in enumerate(offsets) if a < last and b > first and b > a]


def _background(caption: str, offsets: Sequence[tuple[int, int]], columns: int) -> torch.Tensor:
    marked = torch.zeros(columns)
    for kind in BACKGROUNDS:
        at = caption.find(f"{kind} background")
        if at >= 0:
            marked[_columns(offsets, (at, at + len(f"{kind} background")))] = 1
    return marked


def _frames(latent: int) -> tuple[int, int]:
    """The frames of a latent frame: the first holds one, every other one two."""
    return max(0, 2 * latent - 1), 2 * latent + 1


def _place(actor: Actor, count: int) -> torch.Tensor:
    """An object's tokens and their neighbours (f, y, x)."""
    cover = coverage(actor.role.shape, track(actor, slice(0, _frames(count - 1)[1])))
    side = cover.shape[1] // SIDE
    tokens: NDArray[np.float64] = cover.reshape(len(cover), SIDE, side, SIDE, side).mean((2, 4))
    joined = [tokens[slice(*_frames(latent))].mean(0) for latent in range(count)]
    return ~erode(~torch.from_numpy(np.stack(joined) >= COVERED))


def _times(actor: Actor, count: int) -> list[torch.Tensor]:
    """For each event that a caption of a stretch tells of, in which of the stretch's latent frames (f,) it happens."""
    middle = torch.tensor([max(0.25, 2 * latent - 0.5) for latent in range(count)])
    return [(middle > actor.bounds[k]) & (middle <= actor.bounds[k + 1]) for k in happening(actor, count)]
