"""Attention that also tells the logarithm of its softmax's denominator, so that two parts of one softmax can be merged.

Each device has kernels that return it, every one with a signature of its own. Before a kernel is used it is tried against
the dense form on the device itself; where none passes, the dense form does the work, a chunk of rows at a time.
Source of the signatures: PyTorch `aten/src/ATen/native/native_functions.yaml` (2.13); only the CPU's has been run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tsattn.attention.region import computing_dtype

CHUNK_ELEMENTS = 1 << 20
"""Largest number of logits that the dense form holds at a time."""


class Partial(NamedTuple):
    """Attention over some of the keys: `values` (b, h, q, d) and the log-sum-exp of its logits, `lse` (b, h, q)."""

    values: Float[Tensor, "b h q d"]
    lse: Float[Tensor, "b h q"]


Backend = Callable[[Tensor, Tensor, Tensor, "Tensor | None", float], Partial]
"""Query, key and value (b, h, q or k, d), a bias (k,) on the logits or None, and the scale, to a `Partial`."""


def dense(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Partial:
    """The reference and the last resort: works on every device and in every dtype."""
    precise = computing_dtype(query.dtype)
    key, wide_value = key.to(precise), value.to(precise)
    values, lse = [], []
    rows = max(1, CHUNK_ELEMENTS // (query.shape[0] * query.shape[1] * key.shape[2]))
    for part in query.split(rows, dim=2):  # type: ignore[no-untyped-call]
        logits = (part.to(precise) * scale) @ key.transpose(-1, -2)
        if bias is not None:
            logits = logits + bias
        total = torch.logsumexp(logits, dim=-1)
        values.append((torch.exp(logits - total[..., None]) @ wide_value).to(value.dtype))
        lse.append(total)
    return Partial(torch.cat(values, dim=2), torch.cat(lse, dim=2))


def _cpu_flash(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Partial:
    mask = None if bias is None else bias.to(query.dtype).view(1, 1, 1, -1)
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=mask, scale=scale
    )
    return Partial(out, lse)


def _cuda_flash(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Partial:
    if bias is not None:
        raise NotImplementedError("this kernel takes no bias")
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, 0.0, False, scale=scale)
    return Partial(out, lse)


def _cuda_efficient(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Partial:
    mask = None
    if bias is not None:  # the kernel wants rows of a multiple of 8 elements in memory
        room = torch.zeros(-len(bias) % 8 + len(bias), dtype=query.dtype, device=bias.device)
        room[: len(bias)] = bias
        mask = room[: len(bias)].expand(query.shape[0], query.shape[1], query.shape[2], -1)
    out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, mask, True, 0.0, False, scale=scale
    )
    return Partial(out, lse[..., : query.shape[2]])  # it is padded to a multiple of 32


BACKENDS: dict[str, tuple[Backend, ...]] = {"cpu": (_cpu_flash,), "cuda": (_cuda_flash, _cuda_efficient)}
"""Kernels by device type, the fastest first."""


@functools.cache
def backend_for(device: torch.device, dtype: torch.dtype, width: int, *, biased: bool) -> Backend:
    """The fastest kernel that agrees with the dense form on this device, for heads of `width` dimensions."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, length, width, generator=generator) for length in (5, 9, 9))
    query, key, value = (x.to(device, dtype) for x in (query, key, value))
    bias = torch.tensor([0.0] * 8 + [-torch.inf], device=device) if biased else None
    expected = dense(query, key, value, bias, 0.3)
    # kernels return the log-sum-exp in single precision
    for backend in () if dtype == torch.float64 else BACKENDS.get(device.type, ()):
        try:
            found = backend(query, key, value, bias, 0.3)
        except (RuntimeError, NotImplementedError, AttributeError):
            continue
        if found.lse.shape == expected.lse.shape and all(
            torch.allclose(one.double(), other.double(), atol=torch.finfo(dtype).eps ** 0.5)
            for one, other in zip(found, expected, strict=True)
        ):
            return backend
    return dense


def merge(one: Partial, other: Partial) -> Tensor:
    """The attention over the keys of both parts, in the dtype of `one`. All terms are positive, so nothing cancels."""
    share = torch.sigmoid((other.lse - one.lse).to(computing_dtype(one.lse.dtype)))[..., None]
    return torch.lerp(one.values.to(share.dtype), other.values.to(share.dtype), share).to(one.values.dtype)
