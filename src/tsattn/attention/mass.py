"""How much of each video token's attention goes to which words, without TS-Attn and with it. For looking on, not for acting.

A column's value is which groups of words it belongs to, so attention itself sums the probabilities: by the very code that
acts, within the region, and by the dense form everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.lse import dense
from tsattn.attention.region import computing_dtype
from tsattn.attention.rule import Rule
from tsattn.attention.split import Timeline, controlled_rows, place


class Mass(NamedTuple):
    """Share of every video token's attention that falls on each group of text columns, mean over the heads.

    `before` is by the model's own softmax of these queries and keys, `after` by that with what TS-Attn adds.
    """

    before: Float[Tensor, "q g"]
    after: Float[Tensor, "q g"]


def word_mass(
    query: Float[Tensor, "q h d"],
    key: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    groups: Bool[Tensor, "k g"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    *,
    scale: float,
    rule: Rule,
    raw: tuple[Float[Tensor, "q h d"], Float[Tensor, "k h d"]] | None = None,
    rest: Float[Tensor, "h q"] | None = None,
) -> Mass:
    """The mass of `groups` of the computed columns; all else as in `split.controlled_rows`.

    `rest` is the log-sum-exp of the logits on all other keys of the same softmax: in joint attention, on the video's.
    """
    precise = computing_dtype(query.dtype)
    value = groups.to(precise)[:, None].expand(-1, query.shape[1], -1)
    others = None if rest is None else rest.T.to(precise)
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    parts = dense(q, k, v, count.to(precise).log(), scale)
    before = _shares(parts.values[0].transpose(0, 1), parts.lse[0].T, others)
    if rule.strength == 0:
        return Mass(before, before)
    after = before.clone()
    for rows in controlled_rows(query, key, value, count, timelines, masks, scale=scale, rule=rule, raw=raw):
        place(after, rows, _shares(rows.values, rows.lse, None if others is None else others[rows.tokens]))
    return Mass(before, after)


def _shares(
    values: Float[Tensor, "r h g"], lse: Float[Tensor, "r h"], others: Float[Tensor, "r h"] | None
) -> Float[Tensor, "r g"]:
    return values.mean(1) if others is None else (values * torch.sigmoid(lse - others)[..., None]).mean(1)
