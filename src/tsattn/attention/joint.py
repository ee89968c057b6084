"""Joint attention under TS-Attn: video and text tokens are keys of one softmax, and only the text's logits are changed.

The softmax is split. The video tokens attend to the video by a kernel that returns the log-sum-exp, to the text likewise,
the rows of the motion region once more to the text with what TS-Attn adds, and the two parts are merged. That is exact and
costs about what the model's own attention costs; a mask of the size of the attention map is never formed.

"Vanilla output plus a correction of the event columns" would be shorter, but fails where a lowered column held most of a
row's mass: the small rest is then the difference of two large numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.lse import Partial, backend_for, merge
from tsattn.attention.region import computing_dtype
from tsattn.attention.rule import Rule
from tsattn.attention.split import Timeline, controlled_rows, place


def video_part(
    query: Float[Tensor, "q h d"], key: Float[Tensor, "q h d"], value: Float[Tensor, "q h d"], *, scale: float
) -> Partial:
    """What the video tokens of a sample see of the video; its batch is the one sample."""
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    return backend_for(q.device, q.dtype, q.shape[-1], biased=False)(q, k, v, None, scale)


def joint_attention(
    query: Float[Tensor, "q h d"],
    seen: Partial,
    text_key: Float[Tensor, "k h d"],
    text_value: Float[Tensor, "k h d"],
    count: Float[Tensor, " k"],
    timelines: Sequence[Timeline],
    masks: Bool[Tensor, "s q"],
    *,
    scale: float,
    rule: Rule,
    masked: bool,
) -> Float[Tensor, "q h d"]:
    """New outputs of all video tokens of a sample, by their queries and what they have `seen` of the video.

    `count` (k,) as in `controlled_rows`; `masked` says whether any of it may differ from 1, so that a kernel without a bias
    may be used where none does. `masks` are the regions of `split.regions`.
    """
    q, tk, tv = (x.transpose(0, 1)[None] for x in (query, text_key, text_value))
    bias = count.to(computing_dtype(q.dtype)).log() if masked else None
    read = backend_for(q.device, q.dtype, q.shape[-1], biased=masked)(q, tk, tv, bias, scale)
    values, lse = read.values.clone(), read.lse.clone()
    for rows in controlled_rows(
        query, text_key, text_value, count, timelines, masks, scale=scale, rule=rule, masked=masked, rest=seen.lse[0].T
    ):
        place(values[0].transpose(0, 1), rows, rows.values)
        place(lse[0].transpose(0, 1), rows, rows.lse.to(lse.dtype))
    return merge(seen, Partial(values, lse))[0].transpose(0, 1)
