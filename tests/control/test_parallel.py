"""Context parallelism: several processes give the video of one."""

from __future__ import annotations

import inspect
import os
import socket
from pathlib import Path

import pytest
import torch

import tsattn
from tests.conftest import PROMPT, plan_of, run, wan_pipeline
from tsattn.attention.lse import dense
from tsattn.control import ControlConfig, parallel
from tsattn.errors import UnsupportedPipelineError

PLAN = plan_of(PROMPT, "cat", "runs across the grass", "jumps over a red fence", "sleeps")
CONFIG = ControlConfig(t2v_step_fraction=0.5)
HEADS = {"num_attention_heads": 4, "attention_head_dim": 12}
DEGREES = [{"ulysses_degree": 2}, {"ring_degree": 2}, {"ulysses_degree": 4}, {"ring_degree": 4}]


def both(pipe):
    """Latents without control and with it, which acts in the first of two steps."""
    vanilla = run(pipe, steps=2, width=96)
    with tsattn.control(pipe, PLAN, config=CONFIG):
        return vanilla, run(pipe, steps=2, width=96)


def with_lse(forward):
    """Diffusers' native attention, which has no log-sum-exp on a CPU, with one: ring attention needs it."""

    signature = inspect.signature(forward)

    def call(ctx, query, key, value, *args, **kwargs):
        if not signature.bind(ctx, query, key, value, *args, **kwargs).arguments.get("return_lse"):
            return forward(ctx, query, key, value, *args, **kwargs)
        heads_first = (x.transpose(1, 2) for x in (query, key, value))
        out, lse = dense(*heads_first, None, query.shape[-1] ** -0.5)
        return out.transpose(1, 2), lse.transpose(1, 2)

    return call


def work(rank: int, world: int, port: int, degrees: dict[str, int], folder: Path) -> None:
    """One process of several: writes what it finds to a file of its own."""
    from diffusers import ContextParallelConfig
    from diffusers.models import attention_dispatch

    attention_dispatch._native_attention_forward_op = with_lse(attention_dispatch._native_attention_forward_op)
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # a machine without a network may have no other name that resolves
    torch.accelerator.device_count = lambda: 1  # diffusers divides by it, and a CPU counts as none
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    pipe = wan_pipeline(**HEADS)
    pipe.transformer.set_attention_backend("native")
    pipe.transformer.enable_parallelism(config=ContextParallelConfig(**degrees))
    torch.save(both(pipe), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def name_of(degrees: dict[str, int]) -> str:
    return "-".join(f"{name.removesuffix('_degree')}-{n}" for name, n in degrees.items())


def work_in_turn(_: int, folder: Path) -> None:
    """All ways to share the work, one after another, in forks of this process: what takes long to import is here once."""
    torch.set_num_threads(1)  # a process with threads cannot be forked safely
    wan_pipeline(**HEADS)  # imports what is imported late
    for degrees in DEGREES:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (found := folder / name_of(degrees)).mkdir()
        world = max(degrees.values())
        torch.multiprocessing.start_processes(work, (world, port, degrees, found), nprocs=world, start_method="fork")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each way to share the work, with what each of its processes found."""
    folder = tmp_path_factory.mktemp("shared")
    torch.multiprocessing.spawn(work_in_turn, (folder,), nprocs=1)
    return folder


@pytest.fixture(scope="module")
def alone() -> tuple[torch.Tensor, torch.Tensor]:
    """What one process finds."""
    return both(wan_pipeline(**HEADS))


@pytest.mark.slow
@pytest.mark.parametrize("degrees", DEGREES, ids=name_of)
def test_several_processes_give_the_video_of_one(shared, alone, degrees):
    assert not torch.equal(*alone)
    found = [torch.load(file) for file in (shared / name_of(degrees)).iterdir()]
    assert len(found) == max(degrees.values())
    for vanilla, controlled in found:
        torch.testing.assert_close(vanilla, alone[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(controlled, alone[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("world", [2, 3, 5])
def test_shares_are_those_of_tensor_split(monkeypatch, world):
    values = torch.arange(14.0)
    parts = values.tensor_split(world)
    longest = len(parts[0])
    for rank, part in enumerate(parts):

        class Mesh:
            @staticmethod
            def get_group():
                return None

            @staticmethod
            def size(world=world):
                return world

        config = type("Config", (), {"_flattened_mesh": Mesh})
        monkeypatch.setattr(parallel, "spread", lambda transformer, config=config: config)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda group, rank=rank: rank)

        def all_gather(out, mine, group):
            for target, source in zip(out, parts, strict=True):
                target[: len(source)] = source
            assert len(mine) == longest

        monkeypatch.setattr(torch.distributed, "all_gather", all_gather)
        shard = parallel.shard_of(None, len(values))
        assert torch.equal(values[shard.first : shard.first + shard.tokens], part)
        assert torch.equal(shard.gather(part), values)


def test_what_cannot_be_followed_is_refused(monkeypatch):
    pipe = wan_pipeline()
    monkeypatch.setattr(parallel, "spread", lambda transformer: object())
    with pytest.raises(UnsupportedPipelineError, match="one process only"):
        tsattn.enable(pipe, PLAN, config=ControlConfig.released())
