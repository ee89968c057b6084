"""The recorder on tiny pipelines of every kind: its numbers are the dense reference's, and the video stays what it is."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tsattn
from tests.conftest import PROMPT, plan_of, run, wan_pipeline
from tests.control.residue import residue
from tests.control.test_seam import graphs  # noqa: F401  (a fixture)
from tests.families.case import OTHER_PROMPT, Case, other_plan, plan
from tests.families.cases import CASES
from tsattn.attention.reference import dense_shares
from tsattn.attention.split import regions
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import family_of
from tsattn.errors import ControlError, OutputError
from tsattn.inspect.recorder import Recorder
from tsattn.plan.timeline import snap_plan

ALONE = ControlConfig(strength=0, erosion=1)
CONTROLLED = ControlConfig(erosion=1)
TABLES = ("before", "after", "inside_before", "inside_after", "region")


@pytest.fixture(params=CASES, ids=lambda case: case.name, scope="module")
def case(request) -> Case:
    return request.param


def recorded(pipe, call, *, plans=None, config=CONTROLLED, **options):
    """What a run gives, and its record."""
    with tsattn.control(pipe, plans or plan(), config=config), tsattn.record(pipe, **options) as recorder:
        made = call()
    return made, recorder.record


def test_recording_the_model_alone_changes_no_bit_and_names_layers_in_the_order_of_a_pass(case):
    transformer = next(t for name in family_of(case.pipe).transformers if (t := getattr(case.pipe, name, None)))
    sites, came = family_of(case.pipe).sites(transformer), []

    def note(name):
        return lambda module, args, kwargs: came.append(name)

    hooks = [site.module.register_forward_pre_hook(note(site.name), with_kwargs=True) for site in sites]
    alone = case()
    for hook in hooks:
        hook.remove()
    before = residue(case.pipe)
    made, record = recorded(case.pipe, case, config=ALONE, steps="all")
    assert torch.equal(made, alone)
    assert residue(case.pipe) == before
    assert record.steps == tuple(range(case.steps))
    assert not record.acted
    np.testing.assert_array_equal(record.after, record.before)
    assert list(record.layers) == came[: len(sites)]


def test_recording_control_changes_no_bit_and_the_numbers_are_the_dense_reference(case, monkeypatch):
    seen = []

    class Listening(AttentionCall):
        def act(self, query, key, value, mask, out, scale, first):
            if self.state.watched and first == 0:
                seen.append(expected(self, query[0], key[0], mask, scale))
            return super().act(query, key, value, mask, out, scale, first)

    monkeypatch.setattr(session, "AttentionCall", Listening)
    with tsattn.control(case.pipe, plan(), config=CONTROLLED):
        controlled = case()
    made, record = recorded(case.pipe, case, steps=(0, 2))
    assert torch.equal(made, controlled)
    assert record.steps == (0, 2)
    assert record.acted
    assert len(seen) == 2 * case.sites
    for name, tables in zip(TABLES, zip(*seen, strict=True), strict=True):
        found = getattr(record, name)
        np.testing.assert_allclose(found, np.stack(tables).reshape(found.shape), rtol=0, atol=2e-5, err_msg=name)
    changed = (record.after != record.before).any((1, 2, 3))
    assert tuple(changed) == record.acting == (True, False), "the first step is controlled, the third is not"


def expected(call, query, key, mask, scale):
    """What the dense float64 form gives for the first sample of a call, in the tables' order."""
    grid, text, rows = call.state.grid, call.state.texts[0], torch.ones(len(key), dtype=torch.bool)
    if mask is not None:
        rows = mask[-1, 0, 0] if mask.dtype == torch.bool else mask[-1, 0, 0] > -1000
    video, places = None, slice(0, len(key))
    if call.family.layout != "cross":
        at, places = call._places(key[None])
        query, video = query[at], key[at]
    words, rows = key[places], rows[places]
    stretches = snap_plan(text.plan, call.state.clip)
    subjects = [(columns.subject, columns.events, due) for columns, due in zip(text.columns, stretches, strict=True)]
    (index, count), timelines = call.state.sample(0, len(words), key.device)
    masks = regions(query, words[index], count, timelines, grid, scale=scale, rule=call.rule)
    maps = dense_shares(
        query, words, rows, subjects, grid, scale=scale, erosion=1, r_min=1.0, r_max=1.5, masks=masks, video=video
    )
    if not call.state.acting:
        maps = maps[0], maps[0]
    named = [column for columns in text.columns for row in (columns.subject, *columns.events) for column in row]
    rest = [column for column in range(len(words)) if column not in named]
    groups = (
        [row for columns in text.columns for row in columns.events] + [one.subject for one in text.columns] + [rest]
    )
    shares = [torch.stack([one[:, :, list(row)].sum(-1).mean(0) for row in groups]) for one in maps]
    frames = grid.frames, grid.rows * grid.columns
    before, after = (one.view(-1, *frames) for one in shares)
    own = masks[0].view(frames).double()  # the plan has one subject, so the region of every group is its region
    inside = [(one * own).sum(-1) / own.sum(-1) for one in (before, after)]
    found = before.mean(-1), after.mean(-1), *inside, own.mean(-1)[None]
    return [one.numpy() for one in found]


def test_what_is_held_does_not_grow_with_tokens_times_steps():
    """Over 100 steps, the recorder holds its small tables and nothing else."""
    pipe = wan_pipeline(num_layers=2)

    def held(steps):
        gc.collect()
        before = _tensors()
        with tsattn.control(pipe, plan(), config=ALONE), tsattn.record(pipe, steps="all") as recorder:
            run(pipe, steps=steps, guidance_scale=1.0)
            gc.collect()
            running = _tensors() - before
        record = recorder.record
        assert record.steps == tuple(range(steps))
        return running, sum(getattr(record, name).nbytes for name in TABLES)

    (few, small), (many, large) = held(10), held(100)
    assert large == 10 * small
    assert large / 100 < 1000, "bytes of tables for a step of this model: 2 layers, 5 groups, 3 latent frames"
    assert many - few < 10_000, "no tensor outlives its step"


def _tensors():
    """Bytes of all tensors that are alive."""
    with torch.no_grad():
        return sum(one.nbytes for one in gc.get_objects() if type(one) is torch.Tensor)


def test_off_costs_nothing(monkeypatch):
    """Without `record`, not one function of the recorder is called."""

    def called(*args, **kwargs):
        raise AssertionError("the recorder worked")

    monkeypatch.setattr(Recorder, "note", called)
    monkeypatch.setattr(Recorder, "wants", called)
    monkeypatch.setattr("tsattn.attention.mass.word_mass", called)
    pipe = wan_pipeline()
    with tsattn.control(pipe, plan()):
        run(pipe, steps=2)
    with tsattn.control(pipe, plan()), tsattn.record(pipe), pytest.raises(AssertionError):
        run(pipe, steps=2)


@pytest.mark.parametrize("config", [CONTROLLED, ALONE, ControlConfig(t2v_step_fraction=0.5, erosion=1)], ids=str)
def test_recorded_by_default_are_the_steps_that_are_controlled(config):
    pipe = wan_pipeline()
    _, record = recorded(pipe, lambda: run(pipe, steps=8), config=config)
    assert record.steps == tuple(range(4 if config.t2v_step_fraction == 0.5 else 1))
    assert record.total_steps == 8


def test_a_second_run_is_recorded_afresh():
    pipe, other = wan_pipeline(), wan_pipeline()
    _, expected = recorded(pipe, lambda: run(pipe, seed=1))
    _, found = recorded(other, lambda: [run(other, seed=seed) for seed in (0, 1)])
    for name in TABLES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.where, expected.where)


def test_a_sample_of_a_batch_is_recorded_like_its_single():
    pipe = wan_pipeline()
    _, single = recorded(pipe, lambda: run(pipe, OTHER_PROMPT, seed=1), plans=other_plan())
    plans = [plan(), other_plan()]
    _, batch = recorded(pipe, lambda: run(pipe, [PROMPT, OTHER_PROMPT]), plans=plans, sample=1)
    assert batch.plan == other_plan()
    for name in TABLES:
        np.testing.assert_allclose(getattr(batch, name), getattr(single, name), rtol=0, atol=1e-4)


def test_wan_22_is_recorded_through_both_its_transformers():
    pipe = wan_pipeline(two=True)
    _, record = recorded(pipe, lambda: run(pipe, steps=6), steps="all")
    assert record.steps == tuple(range(6))


def test_the_released_rule_is_recorded():
    pipe = wan_pipeline()
    with tsattn.control(pipe, plan(), config=ControlConfig.released()):
        plain = run(pipe)
    made, record = recorded(pipe, lambda: run(pipe), config=ControlConfig.released())
    assert torch.equal(made, plain)
    assert record.layers == ("blocks.1.attn2",)
    assert (record.after != record.before).any()


def test_maps_on_request_average_to_the_tables(tmp_path):
    pipe = wan_pipeline()
    _, record = recorded(pipe, lambda: run(pipe, steps=5), maps=tmp_path / "maps", steps=(0, 3))
    names = [f"step-{step:03d}-layer-{layer:02d}.safetensors" for step in (0, 3) for layer in range(3)]
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == names
    maps = [load_file(tmp_path / "maps" / name) for name in names]
    for name in ("before", "after"):
        means = torch.stack([one[name].mean((-2, -1)) for one in maps]).view(2, 3, 5, 3)
        np.testing.assert_allclose(getattr(record, name), means, atol=1e-6)
    np.testing.assert_allclose(record.where, torch.stack([one["region"].float() for one in maps]).mean(0), atol=1e-6)
    np.testing.assert_allclose(record.looks, torch.stack([one["looks"] for one in maps]).mean(0), atol=1e-6)


def test_compiled_blocks_are_recorded_alike(graphs):  # noqa: F811
    _, backend = graphs
    eager, pipe = wan_pipeline(), wan_pipeline()
    latents, expected = recorded(eager, lambda: run(eager, steps=4), steps="all")
    pipe.transformer.compile_repeated_blocks(fullgraph=True, backend=backend)
    found, record = recorded(pipe, lambda: run(pipe, steps=4), steps="all")
    torch.testing.assert_close(found, latents, rtol=1e-4, atol=1e-5)
    for name in TABLES:
        np.testing.assert_allclose(getattr(record, name), getattr(expected, name), rtol=0, atol=1e-4)


def test_steps_in_which_a_cache_skips_blocks_are_left_out_and_named():
    import diffusers

    pipe = wan_pipeline()
    pipe.transformer.enable_cache(
        diffusers.MagCacheConfig(num_inference_steps=8, retention_ratio=0.2, mag_ratios=[1.0] * 8)
    )
    _, record = recorded(pipe, lambda: run(pipe, steps=8), steps="all")
    assert record.skipped
    assert sorted((*record.steps, *record.skipped)) == list(range(8))
    assert len(record.before) == len(record.steps) and np.isfinite(record.before).all()


def test_what_cannot_be_recorded(tmp_path):
    pipe, own = wan_pipeline(), plan_of(PROMPT, "cat", "runs across the grass", "sleeps")
    with pytest.raises(ControlError, match="is not controlled"), tsattn.record(pipe):
        pass
    with tsattn.control(pipe, own), tsattn.record(pipe) as recorder:
        with pytest.raises(ControlError, match="recorded already"), tsattn.record(pipe):
            pass
        with pytest.raises(ControlError, match="nothing was recorded"):
            _ = recorder.record
        run(pipe, steps=2)
        assert recorder.record.steps == (0,)
    with tsattn.control(pipe, own), tsattn.record(pipe, sample=3) as recorder:
        run(pipe, steps=2)
    with pytest.raises(ControlError, match=r"a sample= that is made \(asked for: 3\)"):
        _ = recorder.record
    (tmp_path / "file").touch()
    with (
        tsattn.control(pipe, own, config=ALONE),
        pytest.raises(OutputError, match="cannot make the folder"),
    ):
        run(pipe, steps=1)
        with tsattn.record(pipe, maps=tmp_path / "file" / "maps"):
            pass
