"""What holds for every family and variant: one battery over tiny pipelines of the real diffusers classes."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import torch

import tsattn
from tests.control.residue import residue
from tests.control.waiting import NoWaiting
from tests.families.case import OTHER_PROMPT, PROMPT, Case, other_plan, plan
from tests.families.cases import CASES, ONE_OF_EACH
from tests.families.seen import inputs_of, note_calls
from tsattn.attention import split
from tsattn.attention.reference import dense_attention
from tsattn.attention.split import regions
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import family_of
from tsattn.errors import ControlError

ALL_STEPS = ControlConfig(t2v_step_fraction=1.0, i2v_step_fraction=1.0)


@pytest.fixture(params=CASES, ids=lambda case: case.name, scope="module")
def case(request) -> Case:
    return request.param


def test_control_changes_the_video_and_undo_leaves_nothing(case):
    alone, before = case.alone, residue(case.pipe)
    with tsattn.control(case.pipe, plan()):
        controlled = case()
    assert not torch.equal(controlled, alone)
    assert residue(case.pipe) == before
    assert torch.equal(case(), alone)


def test_the_first_run_of_a_pipeline_is_like_the_second(case):
    """Some pipelines change their tokenizer when they first encode a prompt; the plan's columns must not depend on it."""
    fresh = dataclasses.replace(case)
    with tsattn.control(fresh.pipe, plan()):
        assert torch.equal(fresh(), fresh())


def test_strength_zero_is_bit_identical(case):
    alone = case.alone
    with tsattn.control(case.pipe, plan(), config=ControlConfig(strength=0)):
        assert torch.equal(case(), alone)


def test_an_exception_in_the_run_leaves_nothing(case):
    alone, before = case.alone, residue(case.pipe)

    class Failing(AttentionCall):
        def act(self, *args, **kwargs):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "AttentionCall", Failing)
        with pytest.raises(KeyboardInterrupt), tsattn.control(case.pipe, plan()):
            case()
    assert residue(case.pipe) == before
    assert torch.equal(case(), alone)


def test_a_strange_processor_is_refused_and_leaves_nothing(case):
    module = family_of(case.pipe).sites(next(transformers(case.pipe)))[-1].module
    own, module.processor = module.processor, object()
    before = residue(case.pipe)
    with pytest.raises(ControlError, match="should have the processor"):
        tsattn.enable(case.pipe, plan())
    assert residue(case.pipe) == before
    module.processor = own


def test_every_declared_site_acts_in_every_controlled_pass(case, monkeypatch):
    acted = []

    class Counting(AttentionCall):
        def act(self, *args, **kwargs):
            acted.append(self.state.step)
            return super().act(*args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Counting)
    with tsattn.control(case.pipe, plan(), config=ALL_STEPS):
        case()
    assert [acted.count(step) for step in range(max(acted) + 1)] == [case.sites] * (max(acted) + 1)
    assert max(acted) + 1 == case.steps


def test_only_samples_with_the_prompt_change(case):
    """Of all samples that enter the transformer alike, with and without control, exactly the prompted one leaves changed."""

    def passes():
        found = []

        def note(module, args, kwargs, output):
            latents = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
            found.extend(zip(latents.clone(), output[0].clone(), strict=True))

        hooks = [t.register_forward_hook(note, with_kwargs=True) for t in transformers(case.pipe)]
        case()
        for hook in hooks:
            hook.remove()
        return found

    vanilla = passes()
    with tsattn.control(case.pipe, plan()):
        controlled = passes()
    both = zip(vanilla, controlled, strict=True)
    changed = [not torch.equal(out, other) for (latents, out), (same, other) in both if torch.equal(latents, same)]
    assert changed.count(True) == 1
    assert len(changed) == case.samples


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_controlled_attention_in_a_run_is_the_dense_reference(case, dtype, monkeypatch):
    calls, own = note_calls(monkeypatch), dataclasses.replace(case)  # rounded weights stay rounded
    own.pipe.to(dtype)
    with tsattn.control(own.pipe, plan(), config=ControlConfig(erosion=1)):
        own()
    check(calls, dtype)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_and_under_autocast(case, dtype, monkeypatch):
    calls = note_calls(monkeypatch)
    with torch.autocast("cpu", dtype), tsattn.control(case.pipe, plan(), config=ControlConfig(erosion=1)):
        case()
    check(calls, dtype)


def check(calls, dtype):
    """That what was made in these calls is the dense reference within the budget of a dtype."""
    assert calls
    for one in calls:
        error = (one.made.double() - reference(one)).abs().max()
        # the logits' rounding carried through softmax, and the rounding of the outputs
        rounding = 50 * torch.finfo(torch.float32).eps * (1 + one.size) + 3 * torch.finfo(dtype).eps
        assert error <= (rounding * one.value.abs().max()).double()


def reference(seen):
    """What the dense float64 form gives for the first prompted sample of a call."""
    call, grid, scale = seen.call, seen.call.state.grid, seen.scale
    query, words, values, shown, video, subjects = inputs_of(seen)
    (index, count), timelines = call.state.sample(0, len(words), words.device)
    masks = regions(query, words[index], count, timelines, grid, scale=scale, rule=call.rule)
    return dense_attention(
        query, words, values, shown, subjects, grid,
        scale=scale, erosion=1, r_min=1.0, r_max=1.5, masks=masks, video=video,
    )  # fmt: skip


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
@pytest.mark.parametrize("options", [{}, {"threshold": 0.5, "segment_wise": True}], ids=["paper", "options"])
def test_nothing_that_acts_waits_for_the_device(case, options, monkeypatch):
    """After the first step, which finds out what holds for the run, and which kernels agree with the dense form."""
    watched = []

    class Watched(AttentionCall):
        def act(self, *args, **kwargs):
            if not self.state.step:
                return super().act(*args, **kwargs)
            watched.append(self.state.step)
            with NoWaiting():
                return super().act(*args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Watched)
    monkeypatch.setattr(split, "SYNCHRONOUS", set())
    with tsattn.control(case.pipe, plan(), config=dataclasses.replace(ALL_STEPS, **options)):
        case()
    assert watched


@pytest.mark.parametrize("case", [case for case in CASES if case.videos], ids=lambda case: case.name)
def test_several_videos_of_one_prompt(case):
    seeds = (5, 6)
    with tsattn.control(case.pipe, plan()):
        both = case(seeds=seeds, num_videos_per_prompt=2)
        singles = [case(seeds=(seed,)) for seed in seeds]
    torch.testing.assert_close(both, torch.cat(singles), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_without_guidance_the_only_pass_is_controlled(case):
    if "guidance_scale" not in inspect.signature(type(case.pipe).__call__).parameters:
        pytest.skip("a guider guides this pipeline")
    vanilla = case(guidance_scale=1.0)
    with tsattn.control(case.pipe, plan()):
        assert not torch.equal(case(guidance_scale=1.0), vanilla)


def test_text_and_video_stand_where_the_family_says(case, monkeypatch):
    """In the first joint attention the text does not depend on the start noise yet, and the video does.

    The first latent frame need not: it may be the given image.
    """
    if family_of(case.pipe).layout == "cross":
        pytest.skip("text has attention of its own")
    found = []

    class Recording(AttentionCall):
        def act(self, query, key, *rest):
            if self.state.acted == 0:
                frame = self.state.grid.rows * self.state.grid.columns
                found.append((key[0].clone(), *self._places(key), frame))
            return super().act(query, key, *rest)

    monkeypatch.setattr(session, "AttentionCall", Recording)
    for seed in (0, 1):
        with tsattn.control(case.pipe, plan()):
            case(seeds=(seed,))
    (one, video, text, frame), (other, *_) = found
    assert torch.equal(one[text], other[text])
    assert (one[video] != other[video])[frame:].flatten(1).any(1).all()


def test_a_batch_is_its_singles(case):
    if not case.batches:
        pytest.skip("this pipeline takes one prompt at a time, or mixes them")
    singles = []
    for prompt, own, seed in ((PROMPT, plan(), 3), (OTHER_PROMPT, other_plan(), 4)):
        with tsattn.control(case.pipe, own):
            singles.append(case(prompt, seeds=(seed,)))
    with tsattn.control(case.pipe, [plan(), other_plan()]):
        batch = case([PROMPT, OTHER_PROMPT], seeds=(3, 4))
    torch.testing.assert_close(batch, torch.cat(singles), rtol=1e-3, atol=1e-4)


def transformers(pipe):
    """Every transformer of a pipeline."""
    return (t for t in (getattr(pipe, name, None) for name in family_of(pipe).transformers) if t is not None)
