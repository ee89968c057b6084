"""What TS-Attn adds to a cross-attention of Wan2.1-1.3B's size, counted: the same on every machine."""

from contextlib import nullcontext

import pytest
import torch

import tsattn
from benchmarks import models, scaling
from benchmarks.layers import PROMPT, cogvideox_layer, cross_attention
from benchmarks.measure import Counter, PeakMemory, Stopwatch, inside, interleave
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


def test_more_events_cost_next_to_nothing(pipe):
    few, many = (added(pipe, Counter, events=events, length=140)[1].work.gigabytes for events in (2, 16))
    assert many - few < 14 * 0.01 * few, "14 events more for less than 1 % of the controlled layer each"


def test_the_cost_is_linear_in_the_tokens(pipe):
    sizes = [Grid(17, side, side) for side in (8, 16)]
    work = [added(pipe, Counter, grid=grid, config=tsattn.ControlConfig(region=False)) for grid in sizes]
    costs = [controlled.work.gigabytes - alone.work.gigabytes for alone, controlled in work]
    assert costs[1] < 1.02 * costs[0] * sizes[1].tokens / sizes[0].tokens


def test_memory_does_not_depend_on_the_number_of_events(pipe):
    for events in (2, 16):
        alone, controlled = added(pipe, PeakMemory, events=events, length=140)
        assert controlled.peak <= 1.05 * alone.peak


def test_joint_attention_needs_no_more_memory_than_the_model_does():
    layer, plan, peaks = cogvideox_layer(), parse(PROMPT), {}
    for name, acting in (("alone", nullcontext), ("controlled", lambda: tsattn.control(layer.pipe, plan))):
        with torch.no_grad(), acting(), inside(layer.attention, PeakMemory()) as memory:
            models.run(layer.pipe, plan, Grid(5, 8, 8))
        peaks[name] = memory.peak
    assert peaks["controlled"] <= 1.05 * peaks["alone"]


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
    assert order == ["a", "b"] * 3, "one round is thrown away"
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
