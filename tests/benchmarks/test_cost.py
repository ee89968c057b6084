"""What TS-Attn adds to a cross-attention of Wan2.1-1.3B's size, counted: the same on every machine."""

from contextlib import nullcontext

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import tsattn
from benchmarks import models, scaling
from benchmarks.layers import IDLE, PROMPT, cogvideox_layer, cross_attention
from benchmarks.measure import Counter, PeakMemory, Stopwatch, inside, interleave
from tsattn.attention import split
from tsattn.attention.region import Grid
from tsattn.plan import parse

GRID = Grid(17, 8, 8)


@pytest.fixture(scope="module")
def pipe():
    return cross_attention("1.3B").pipe


def added(pipe, mode, *, events=3, length=40, grid=GRID, config=None):
    """What a mode counts in the layer alone, and in the layer under control."""
    plan = scaling.plan_of(events, length=length, tokenizer=pipe.tokenizer)
    layer, alone, controlled = pipe.transformer.blocks[0].attn2, mode(), mode()
    with torch.no_grad():
        with inside(layer, alone):
            models.run(pipe, plan, grid)
        with tsattn.control(pipe, plan, config=config), inside(layer, controlled):
            models.run(pipe, plan, grid)
    return alone, controlled


def test_work_does_not_grow_beyond_what_it_is(pipe):
    alone, controlled = added(pipe, Counter)
    assert controlled.work.gigabytes < 1.35 * alone.work.gigabytes
    assert controlled.work.operations - alone.work.operations <= 115
    assert controlled.work.gigaflops < 1.01 * alone.work.gigaflops


def test_one_event_more_costs_less_than_a_fiftieth_of_what_control_adds(pipe):
    found = (added(pipe, Counter, events=events, length=140) for events in (2, 16))
    few, many = (controlled.work.gigabytes - alone.work.gigabytes for alone, controlled in found)
    assert 0 < (many - few) / 14 < 0.02 * few


def test_the_cost_is_linear_in_the_tokens(pipe):
    sizes = [Grid(17, side, side) for side in (8, 16)]
    work = [added(pipe, Counter, grid=grid, config=tsattn.ControlConfig(region=False)) for grid in sizes]
    costs = [controlled.work.gigabytes - alone.work.gigabytes for alone, controlled in work]
    assert costs[1] < 1.02 * costs[0] * sizes[1].tokens / sizes[0].tokens


def test_memory_does_not_depend_on_the_number_of_events(pipe):
    for events in (2, 16):
        alone, controlled = added(pipe, PeakMemory, events=events, length=140)
        assert controlled.peak <= 1.05 * alone.peak


@pytest.fixture(scope="module")
def joint():
    return cogvideox_layer()


def joint_counts(layer, mode, config=None):
    """What a mode counts in joint attention, alone and under control."""
    plan, counts = parse(PROMPT), []
    for acting in (nullcontext, lambda: tsattn.control(layer.pipe, plan, config=config)):
        with torch.no_grad(), acting(), inside(layer.attention, mode()) as counted:
            models.run(layer.pipe, plan, Grid(5, 8, 8))
        counts.append(counted)
    return counts


def test_joint_attention_needs_no_more_memory_than_the_model_does(joint):
    alone, controlled = joint_counts(joint, PeakMemory)
    assert controlled.peak <= 1.05 * alone.peak


def test_joint_attention_does_little_more_work_than_the_model_does(joint):
    alone, controlled = (counted.work for counted in joint_counts(joint, Counter))
    assert controlled.gigabytes < 1.35 * alone.gigabytes
    assert controlled.gigaflops < 1.05 * alone.gigaflops
    assert controlled.operations - alone.operations <= 150


def test_idle_control_adds_no_operation(pipe, joint):
    alone, idle = added(pipe, Counter, config=IDLE)
    assert idle.work == alone.work
    alone, idle = joint_counts(joint, Counter, config=IDLE)
    assert idle.work == alone.work


def test_where_the_host_would_wait_few_operations_are_started(pipe, monkeypatch):
    """On a GPU starting one has its price; there all rows are computed, and chunks are large."""
    monkeypatch.setattr(split, "SYNCHRONOUS", set())
    monkeypatch.setattr(split, "CHUNK_ELEMENTS", {})
    alone, controlled = added(pipe, Counter)
    assert controlled.work.operations - alone.work.operations <= 115


def test_what_the_profiler_says_is_allocated(pipe):
    """Kernels' own buffers too, as the peak above does not."""
    plan, layer, bytes_of = (
        scaling.plan_of(3, length=40, tokenizer=pipe.tokenizer),
        pipe.transformer.blocks[0].attn2,
        [],
    )
    for acting in (nullcontext, lambda: tsattn.control(pipe, plan)):
        profiler = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
        hooks = [
            layer.register_forward_pre_hook(lambda *_, p=profiler: p.start()),
            layer.register_forward_hook(lambda *_, p=profiler: p.stop()),
        ]
        with torch.no_grad(), acting():
            models.run(pipe, plan, GRID)
        for hook in hooks:
            hook.remove()
        allocated = [event.self_cpu_memory_usage for event in profiler.events()]
        bytes_of.append(sum(size for size in allocated if size > 0))
    alone, controlled = bytes_of
    assert controlled < 1.1 * alone


def test_nothing_piles_up_over_a_hundred_steps():
    pipe, plan, alive = models.wan(1, 16, layers=2), parse(PROMPT), []
    memory = PeakMemory()

    def look(pipe, step, timestep, tensors):
        alive.append(memory.alive)
        return {}

    everywhere = tsattn.ControlConfig(t2v_step_fraction=1)
    with torch.no_grad(), tsattn.control(pipe, plan, config=everywhere), memory:
        pipe(plan.prompt, height=32, width=32, num_frames=5, num_inference_steps=100, guidance_scale=1.0,
             output_type="latent", callback_on_step_end=look)  # fmt: skip
    assert len(alive) == 100
    assert max(alive[10:]) <= max(alive[:10])


def test_variants_take_turns_and_the_first_is_the_measure():
    order = []

    def way(name, seconds):
        return lambda: order.append(name) or {"all": seconds}

    seconds, ratios = interleave({"a": way("a", 2.0), "b": way("b", 3.0)}, rounds=2)
    assert order == ["b", "a", "a", "b", "b", "a"], "to and fro; the first round is thrown away"
    assert seconds["b"]["all"] == 3
    assert ratios["b"]["all"] == (1.5, 1.5, 1.5)
    assert ratios["a"]["all"].median == 1


def test_a_stopwatch_leaves_nothing_behind():
    layer = torch.nn.Linear(4, 4)
    watch = Stopwatch(layer)
    layer(torch.ones(1, 4))
    watch.remove()
    taken = watch.seconds
    layer(torch.ones(1, 4))
    assert 0 < taken == watch.seconds
