"""Joint attention under TS-Attn: video and text tokens are keys of one softmax, and only the text's logits are changed.

The softmax is split. The video tokens attend to the video by a kernel that returns the log-sum-exp, to the text likewise but
for the rows of the motion region, which attend to it with what TS-Attn adds, and the two parts are merged, row by row. That
is exact and costs about what the model's own attention costs; a mask of the size of the attention map is never formed.

"Vanilla output plus a correction of the event columns" would be shorter, but fails where a lowered column held most of a
row's mass: the small rest is then the difference of two large numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from tsattn.attention.lse import Partial, backend_for, merge
from tsattn.attention.region import computing_dtype
from tsattn.attention.rule import Rule
from tsattn.attention.split import Rows, Timeline, controlled_rows, inside_of

ROWS = {"cpu": 512}
"""Rows that read the text at a time where nothing is changed, by device type; a kernel wants many, and memory few."""
MANY_ROWS = 1 << 14
"""The same on all other devices, where each operation has a start-up cost."""


def video_part(
    query: Float[Tensor, "q h d"], key: Float[Tensor, "q h d"], value: Float[Tensor, "q h d"], *, scale: float
) -> Partial:
    """What the video tokens of a sample see of the video; its batch is the one sample."""
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    return backend_for(q.device, q.dtype, q.shape[-1], biased=False)(q, k, v, None, scale)


def joint_rows(
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
) -> Iterator[Rows]:
    """New outputs of all video tokens of a sample, by their queries and what they have `seen` of the video, chunk by chunk.

    Each row comes once, so that the caller may put it over what was seen. `count` (k,) as in `controlled_rows`; `masked` says
    whether any of it may differ from 1, so that a kernel without a bias may be used where none does. `masks` are the regions of
    `split.regions`.
    """
    values, lse = seen.values[0].transpose(0, 1), seen.lse[0].T

    def merged(rows: Rows) -> Rows:
        video, text = Partial(values[rows.tokens], lse[rows.tokens]), Partial(rows.values, rows.lse)
        return rows._replace(values=merge(video, text))

    for rows in controlled_rows(
        query, text_key, text_value, count, timelines, masks, scale=scale, rule=rule, masked=masked
    ):
        yield merged(rows)
    q, tk, tv = (x.transpose(0, 1)[None] for x in (query, text_key, text_value))
    bias = count.to(computing_dtype(q.dtype)).log() if masked else None
    read = backend_for(q.device, q.dtype, q.shape[-1], biased=masked)
    for tokens, inside in inside_of(~masks.any(0), ROWS.get(q.device.type, MANY_ROWS)):
        if not len(tokens):  # kernels need rows
            continue
        part = read(q[:, :, tokens], tk, tv, bias, scale)
        yield merged(Rows(tokens, part.values[0].transpose(0, 1), part.lse[0].T, inside))
