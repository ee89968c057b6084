"""Which video tokens this process holds, where diffusers' context parallelism spreads them over several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsattn.attention.shard import Shard, whole
from tsattn.control.config import ControlConfig
from tsattn.control.family import Family
from tsattn.errors import UnsupportedPipelineError

if TYPE_CHECKING:
    from torch import Tensor


def spread(transformer: Any) -> Any | None:
    """The context-parallel configuration of a transformer, or None where it runs in one process."""
    return getattr(getattr(transformer, "_parallel_config", None), "context_parallel_config", None)


def check_spread(transformer: Any, family: Family, config: ControlConfig) -> None:
    """Raise `UnsupportedPipelineError` where a transformer is spread over processes in a way that tsattn cannot follow."""
    if spread(transformer) is None:
        return
    if not family.context_parallel:
        raise UnsupportedPipelineError(
            f"context parallelism is on, but tsattn knows only for Wan how the tokens are spread, not for the {family.name} "
            "family; run it in one process"
        )
    for what, asked in (
        ("the released code's settings", config.released_code),
        ("the prompts of the policy 'kv-switch'", config.policy == "kv-switch"),
        ("segment_wise logits", config.segment_wise),
    ):
        if asked:
            raise UnsupportedPipelineError(f"{what} work in one process only; switch context parallelism off")


def shard_of(transformer: Any, tokens: int) -> Shard:
    """The stretch of a sample's `tokens` video tokens in this process: an equal share, or one more if they do not divide."""
    config = spread(transformer)
    if config is None:
        return whole(tokens)
    import torch.distributed
    from torch.nn.functional import pad

    group = config._flattened_mesh.get_group()
    rank, world = torch.distributed.get_rank(group), config._flattened_mesh.size()
    lengths = [len(part) for part in torch.arange(tokens).tensor_split(world)]

    def gather(values: Tensor) -> Tensor:
        mine = pad(values, (0, lengths[0] - len(values)))
        parts = [torch.empty_like(mine) for _ in lengths]
        torch.distributed.all_gather(parts, mine.contiguous(), group=group)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    return Shard(sum(lengths[:rank]), lengths[rank], gather)
