"""Attention calls of a run, as the dense references take them."""

from typing import Any, NamedTuple

import torch

from tsattn.control import session
from tsattn.control.call import AttentionCall
from tsattn.plan.timeline import snap_plan


class Seen(NamedTuple):
    """The first prompted sample of a call, and what was made of it."""

    call: AttentionCall
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    made: torch.Tensor
    scale: float

    @property
    def size(self):
        """What no logit of the call is above."""
        return self.scale * (self.query.double().norm(dim=-1).max() * self.key.double().norm(dim=-1).max())


class Inputs(NamedTuple):
    """Queries of the video, the text's keys and values, which of these the model sees, and the video's keys and values."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    shown: torch.Tensor
    video: tuple[torch.Tensor, torch.Tensor] | None
    subjects: list[Any]


def note_calls(monkeypatch) -> list[Seen]:
    """A list that fills with the calls of all runs under a control that is switched on from now on."""
    seen = []

    class Noting(AttentionCall):
        def act(self, query, key, value, mask, out, scale, first):
            made = super().act(query, key, value, mask, out, scale, first)
            seen.append(Seen(self, query[0], key[0], value[0], mask, made[0].clone(), scale))
            return made

    monkeypatch.setattr(session, "AttentionCall", Noting)
    return seen


def inputs_of(seen: Seen) -> Inputs:
    """The parts of a call."""
    call, query, key, value, mask, _, _ = seen
    text = call.state.texts[0]
    stretches = snap_plan(text.plan, call.state.clip)
    subjects = [(columns.subject, columns.events, due) for columns, due in zip(text.columns, stretches, strict=True)]
    shown = torch.ones(len(key), dtype=torch.bool)
    if mask is not None:
        row = mask[-1, 0, 0]
        shown = row if row.dtype == torch.bool else row > -1000
    video, places = None, slice(0, len(key))
    if call.family.layout != "cross":
        at, places = call._places(key[None])
        query, video = query[at], (key[at], value[at])
    return Inputs(query, key[places], value[places], shown[places], video, subjects)
