"""The attention call that takes the place of the model's own while control is on.

Inside compiled blocks the part that is ours is one opaque operator: its work depends on data (how large the region is) and
on the state of the run, which a compiler would otherwise bake in or guard on.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tsattn.attention.joint import joint_rows, video_part
from tsattn.attention.region import Grid
from tsattn.attention.rule import Rule
from tsattn.attention.split import controlled_rows, place, regions
from tsattn.control.family import Family
from tsattn.control.state import Sight, State

SMALLEST_LOGIT = -1000.0
"""An additive mask below this hides its column; models use the dtype's minimum, or -10000."""
_HANDLES = itertools.count()
_CALLS: weakref.WeakValueDictionary[int, AttentionCall] = weakref.WeakValueDictionary()


class AttentionCall:
    """A model's attention, under TS-Attn while `state.acting`; tensors are (b, q, h, d) as in diffusers' dispatch."""

    def __init__(self, original: Callable[..., Tensor], family: Family, state: State, rule: Rule) -> None:
        self.original, self.family, self.state, self.rule = original, family, state, rule
        self.handle = next(_HANDLES)
        _CALLS[self.handle] = self

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Tensor:
        """As the model's attention."""
        kwargs = {**dict(zip(("dropout_p", "is_causal", "scale"), args, strict=False)), **kwargs}
        if not (self.state.acting or self.state.watched):
            return self.original(query, key, value, attn_mask, **kwargs)
        negative, first = self._negative(len(query))
        if negative == len(query) or not self._mixes(key):
            return self.original(query, key, value, attn_mask, **kwargs)
        scale = kwargs.get("scale") or query.shape[-1] ** -0.5
        query, key, value = (_as_autocast_has_it(x) for x in (query, key, value))
        if len(key) < len(query):  # given embeddings of one prompt serve all its videos
            key, value = (x.expand(len(query), -1, -1, -1) for x in (key, value))
        mask = None if attn_mask is None else attn_mask[negative:] if len(attn_mask) > 1 else attn_mask
        q, k, v = (x[negative:] for x in (query, key, value))
        if self.family.layout == "cross" or not self.state.acting:
            out = self.plain(query, key, value, attn_mask, **kwargs)
            rest, own = out[:negative], out[negative:]
            at = self._rows(query, key)
            asked = q[:, at] if self.family.layout == "cross" else q
            ours = self._ours(asked, k, v, mask, own[:, at], scale, first)
            if ours.shape != own.shape:
                ours = torch.cat([own[:, : at.start], ours, own[:, at.stop :]], dim=1)
        else:
            ours = self._joint(q, k, v, mask, scale, first, **kwargs)
            masked = None if attn_mask is None else attn_mask[:negative] if len(attn_mask) > 1 else attn_mask
            others = [x[:negative] for x in (query, key, value)]
            rest = self.original(*others, masked, **kwargs) if negative else ours[:0]
        return torch.cat([rest, ours]) if negative else ours

    def plain(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """What the model computes by itself."""
        return self.original(query, key, value, *args, **kwargs)

    def _mixes(self, key: Tensor) -> bool:
        """Whether a call mixes video with the prompt; image embeddings may have calls of their own."""
        assert self.state.grid is not None
        if self.family.layout == "cross":
            return key.shape[1] == self.state.text
        return key.shape[1] > self.state.grid.tokens

    def _negative(self, samples: int) -> tuple[int, int]:
        """How many samples at the front of a call carry no prompt, and the number of the first that does."""
        if not self.family.one_by_one:
            return samples - self.state.prompted, 0
        number = self.state.turn - (self.state.samples - self.state.prompted)
        self.state.turn = (self.state.turn + 1) % self.state.samples
        return int(number < 0), number

    def _joint(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, first: int, **kwargs: Any
    ) -> Tensor:
        """Text tokens attend as ever, the video's tokens as TS-Attn has it."""
        video, text = self._places(key)
        by_row = mask if mask is None or mask.shape[-2] == 1 else mask[..., text, :]
        parts = {
            video.start: self._ours(query, key, value, mask, query[:, video], scale, first),
            text.start: self.original(query[:, text], key, value, by_row, **kwargs),
        }
        return torch.cat([parts[start] for start in sorted(parts)], dim=1)

    def _rows(self, query: Tensor, key: Tensor) -> slice:
        """Where the video's tokens stand among the rows of a call."""
        return slice(self.state.leading, query.shape[1]) if self.family.layout == "cross" else self._places(key)[0]

    def _places(self, key: Tensor) -> tuple[slice, slice]:
        """Where video and text stand among the keys of joint attention."""
        assert self.state.grid is not None
        video, text = self.state.grid.tokens, key.shape[1] - self.state.grid.tokens
        if self.family.layout == "video_first":
            return slice(0, video), slice(video, video + text)
        return slice(text, text + video), slice(0, text)

    def _ours(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, scale: float, first: int
    ) -> Tensor:
        if not torch.compiler.is_compiling():
            return self.act(query, key, value, mask, out, scale, first)
        ours: Tensor = torch.ops.tsattn.attention(query, key, value, mask, out, scale, first, self.handle)
        return ours

    def act(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, scale: float, first: int
    ) -> Tensor:
        """The video tokens' attention for samples that carry the prompts `first` and following.

        For cross-attention, `out` is what the model computed, and is changed inside the regions only: overwritten, unless
        gradients may need it. For joint attention it is what is returned where nothing acts.
        """
        self.state.acted += 1
        made: list[Tensor] = []
        if self.family.layout == "cross" and out.requires_grad:
            out = out.clone()
        # autocast would quietly take everything below back to half precision
        with torch.autocast(query.device.type, enabled=False):
            for k in range(len(query)):
                sample = query[k], key[k], value[k], _seen(mask, k)
                if self.family.layout == "cross":
                    self._cross(*sample, out[k], scale, first + k)
                elif (joined := self._joined(*sample, scale, first + k)) is not None:
                    made.append(joined)
        if not made:
            return out
        return torch.stack(made) if len(made) > 1 else made[0][None]

    def _cross(
        self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, out: Tensor, scale: float, number: int
    ) -> None:
        (positions, count), timelines = self.state.sample(number, len(key), key.device)
        count = count if seen is None else count * seen[positions]
        key, value = key[positions], value[positions]
        raw = query, key
        if self.rule.released:
            raw_query, raw_key = (self.state.raw[name][number].view(-1, *query.shape[1:]) for name in ("query", "key"))
            raw = raw_query[self.state.leading :], raw_key[positions]
        shard = self.state.shard
        masks = regions(*raw, count, timelines, self._grid, scale=scale, rule=self.rule, shard=shard)
        if self.state.watched and self.state.observer:
            judged = raw if self.rule.released else None
            sight = Sight(number, query, key, count, timelines, scale, self.rule, masks, raw=judged)
            self.state.observer.note(sight)
        if not self.state.acting:
            return
        for rows in controlled_rows(
            query, key, value, count, timelines, masks, scale=scale, rule=self.rule,
            masked=seen is not None, raw=raw if self.rule.released else None,
            first=shard.first if shard else 0, whole_tokens=self._grid.tokens,
        ):  # fmt: skip
            place(out, rows, rows.values.to(out.dtype))

    def _joined(
        self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, scale: float, number: int
    ) -> Tensor | None:
        """What the video tokens see in a sample's joint attention (q, h, d); None where nothing acts."""
        video, text = self._places(key[None])
        (_, count), timelines = self.state.sample(number, text.stop - text.start, key.device)
        count = count if seen is None else count * seen[text]
        part = video_part(query[video], key[video], value[video], scale=scale)
        masks = regions(query[video], key[text], count, timelines, self._grid, scale=scale, rule=self.rule)
        if self.state.watched and self.state.observer:
            sight = Sight(number, query[video], key[text], count, timelines, scale, self.rule, masks, rest=part.lse[0])
            self.state.observer.note(sight)
        if not self.state.acting:
            return None
        out = part.values[0].transpose(0, 1)
        if out.requires_grad:  # the kernel's own backward pass reads what it gave
            out = out.clone()
        for rows in joint_rows(
            query[video], part, key[text], value[text], count, timelines, masks,
            scale=scale, rule=self.rule, masked=seen is not None,
        ):  # fmt: skip
            place(out, rows, rows.values)
        return out

    @property
    def _grid(self) -> Grid:
        assert self.state.grid is not None
        return self.state.grid


def _as_autocast_has_it(tensor: Tensor) -> Tensor:
    """A tensor in the dtype in which autocast, where it is on, gives it to PyTorch's kernels: some may come in float32."""
    kind = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else tensor


def _seen(mask: Tensor | None, sample: int) -> Tensor | None:
    """The keys (k,) that the video tokens of a sample attend to, by a boolean or additive mask (b, h or 1, q or 1, k)."""
    if mask is None:
        return None
    row = mask[min(sample, len(mask) - 1), 0, 0]
    return row if row.dtype == torch.bool else row > SMALLEST_LOGIT


# a captured graph would replay the kernels of one step and region, without the state that says when to act
_UNCAPTURED: Any = {"tags": (torch.Tag.cudagraph_unsafe,)} if hasattr(torch.Tag, "cudagraph_unsafe") else {}


@torch.library.custom_op("tsattn::attention", mutates_args=(), **_UNCAPTURED)
def _opaque(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, scale: float, first: int, handle: int
) -> Tensor:
    call = _CALLS[handle]
    if call.family.layout == "cross" or not call.state.acting:
        out = out.clone(memory_format=torch.contiguous_format)
    return call.act(query, key, value, mask, out, scale, first).contiguous()


@_opaque.register_fake
def _shape(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, scale: float, first: int, handle: int
) -> Tensor:
    return torch.empty_like(out, memory_format=torch.contiguous_format)
