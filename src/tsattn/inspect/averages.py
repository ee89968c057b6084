"""From one attention call to the few numbers that are kept of it: tensors in, tensors out, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.mass import word_mass
from tsattn.attention.region import Grid, subject_map
from tsattn.control.state import Sight
from tsattn.plan.spans import SubjectColumns


class Maps(NamedTuple):
    """One sample of one call, token by token; the groups of words are those of `inspect.store`."""

    before: Float[Tensor, "q g"]
    after: Float[Tensor, "q g"]
    region: Bool[Tensor, "s q"]
    looks: Float[Tensor, "s q"]


class Means(NamedTuple):
    """The same, averaged over the tokens of each latent frame; fields as in `inspect.store.Record`."""

    before: Float[Tensor, "g f"]
    after: Float[Tensor, "g f"]
    inside_before: Float[Tensor, "g f"]
    inside_after: Float[Tensor, "g f"]
    region: Float[Tensor, "s f"]


def maps_of(sight: Sight, columns: Sequence[SubjectColumns], grid: Grid) -> Maps:
    """Recompute what an attention call does, for looking on: subject maps and mass."""
    judged = sight.raw or (sight.query, sight.key)
    looks = [subject_map(*judged, timeline.subject, scale=sight.scale) for timeline in sight.timelines]
    groups = groups_of(columns, len(sight.key)).to(sight.key.device)
    mass = word_mass(
        sight.query, sight.key, sight.counts, groups, sight.timelines, sight.masks,
        scale=sight.scale, rule=sight.rule, raw=sight.raw, rest=sight.rest,
    )  # fmt: skip
    return Maps(*mass, sight.masks, torch.stack(looks))


def groups_of(columns: Sequence[SubjectColumns], length: int) -> Bool[Tensor, "k g"]:
    """Which of the computed text columns are in which group: events, subjects, the rest."""
    rows = [event for one in columns for event in one.events] + [one.subject for one in columns]
    groups = torch.zeros(length, len(rows) + 1, dtype=torch.bool)
    for number, row in enumerate(rows):
        groups[list(row), number] = True
    groups[:, -1] = ~groups.any(1)
    return groups


def means_of(maps: Maps, columns: Sequence[SubjectColumns], grid: Grid) -> Means:
    """Average over the tokens of each frame, and over those of them that are in the region of a group's subject."""
    owners = [number for number, one in enumerate(columns) for _ in one.events] + list(range(len(columns)))
    frames = grid.frames, grid.rows * grid.columns
    inside = torch.cat([maps.region[owners], maps.region.any(0, keepdim=True)]).view(-1, *frames)
    before, after = (mass.T.reshape(-1, *frames) for mass in (maps.before, maps.after))
    count = inside.sum(-1)  # no token makes 0 / 0, which is not a number
    return Means(
        before.mean(-1),
        after.mean(-1),
        (before * inside).sum(-1) / count,
        (after * inside).sum(-1) / count,
        maps.region.view(-1, *frames).float().mean(-1),
    )
