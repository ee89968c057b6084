"""A mode that fails on whatever would make the host wait for a device, so that a CPU can tell."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

ATEN = torch.ops.aten
READING = {
    ATEN._local_scalar_dense, ATEN.nonzero, ATEN.equal, ATEN.is_nonzero, ATEN.masked_select, ATEN._unique2,
    ATEN.unique_dim, ATEN.unique_consecutive, ATEN.bincount,
}  # fmt: skip
"""Operations whose result, or its size, the host has to know: `item`, `bool`, `int` and `tolist` are the first."""
INDEXING = {ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_}


class NoWaiting(TorchDispatchMode):
    """Raises `AssertionError` on an operation that reads numbers of a tensor, or is indexed by a mask."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        indices = args[1] if function._overloadpacket in INDEXING else ()
        masks = [index for index in indices if index is not None and index.dtype == torch.bool]
        lengths = function == ATEN.repeat_interleave.Tensor and not (kwargs or {}).get("output_size")
        assert function._overloadpacket not in READING and not masks and not lengths, f"{function} waits for the device"
        return function(*args, **(kwargs or {}))
