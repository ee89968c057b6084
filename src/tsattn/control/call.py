"""The attention call that takes the place of the model's own while control is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from tsattn.attention.split import controlled_rows, regions
from tsattn.control.config import ControlConfig
from tsattn.control.state import State

if TYPE_CHECKING:
    from torch import Tensor


def attention_call(original: Callable[..., Tensor], state: State, config: ControlConfig) -> Callable[..., Tensor]:
    """The model's attention, followed by TS-Attn on the rows of the motion region while `state.acting`.

    Tensors are (b, q, h, d) for queries and (b, k, h, d) for keys and values, as in diffusers' attention dispatch.
    """

    def controlled_attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        out = original(query, key, value, *args, **kwargs)
        if not state.acting:
            return out
        state.acted += 1
        out = out.clone() if out.requires_grad else out
        scale = kwargs.get("scale") or query.shape[-1] ** -0.5
        # autocast would quietly take everything below back to half precision
        with torch.autocast(query.device.type, enabled=False):
            for number in range(len(query)):
                (positions, counts), timelines, grid = state.sample(number, key.shape[1], key.device)
                q, k, v = query[number], key[number, positions], value[number, positions]
                masks = regions(q, k, timelines, grid, scale=scale, erosion=config.erosion)
                for rows in controlled_rows(
                    q, k, v, counts, timelines, masks, grid,
                    scale=scale, r_min=config.r_min, r_max=config.r_max, strength=config.strength,
                ):  # fmt: skip
                    out[number, rows.tokens] = rows.values.to(out.dtype)
        return out

    return controlled_attention
