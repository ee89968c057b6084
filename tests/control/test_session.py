import copy

import pytest
import torch
from diffusers import WanPipeline

import tsattn
from tests.conftest import COLUMNS, PROMPT, plan_of, run, wan_pipeline
from tests.control.residue import residue
from tsattn.attention.reference import dense_attention
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.errors import ControlError, NothingControlledError, PlanError, SpanError, UnsupportedPipelineError

ALL_STEPS = ControlConfig(t2v_step_fraction=1.0)


@pytest.fixture
def clean(wan_of_either_kind):
    """A pipeline that has run once, its latents, and what it looked like then."""
    latents = run(wan_of_either_kind)
    return wan_of_either_kind, latents, residue(wan_of_either_kind)


def test_control_changes_the_video_and_undo_leaves_nothing(clean, plan):
    pipe, vanilla, before = clean
    with tsattn.control(pipe, plan) as same:
        assert same is pipe
        controlled = run(pipe)
    assert not torch.equal(controlled, vanilla)
    assert residue(pipe) == before
    assert torch.equal(run(pipe), vanilla)


def test_enable_and_disable_are_the_same_as_the_block(clean, plan):
    pipe, vanilla, before = clean
    with tsattn.control(pipe, plan):
        expected = run(pipe)
    tsattn.enable(pipe, plan)
    assert torch.equal(run(pipe), expected)
    assert torch.equal(run(pipe), expected), "a second run under the same control is a new run"
    tsattn.disable(pipe)
    assert residue(pipe) == before
    assert torch.equal(run(pipe), vanilla)


def test_strength_zero_and_no_steps_are_bit_identical(clean, plan):
    pipe, vanilla, before = clean
    for config in (ControlConfig(strength=0), ControlConfig(t2v_step_fraction=0)):
        with tsattn.control(pipe, plan, config=config):
            assert torch.equal(run(pipe), vanilla)
    assert residue(pipe) == before


def test_an_exception_in_the_run_leaves_nothing(clean, plan):
    pipe, vanilla, before = clean

    def fail(pipe, step, timestep, tensors):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), tsattn.control(pipe, plan):
        run(pipe, callback_on_step_end=fail)
    assert residue(pipe) == before
    assert torch.equal(run(pipe), vanilla)


def test_a_failed_attach_leaves_nothing(clean, plan):
    pipe, _, before = clean
    (pipe.transformer_2 or pipe.transformer).blocks[2].attn2.processor = object()
    before = residue(pipe)
    with pytest.raises(ControlError, match=r"blocks\.2\.attn2 should have the processor WanAttnProcessor"):
        tsattn.enable(pipe, plan)
    assert residue(pipe) == before


def outputs_of(pipe, **options):
    """Every output of the first transformer in a run, in order."""
    outputs = []
    handle = pipe.transformer.register_forward_hook(lambda module, args, output: outputs.append(output[0].clone()))
    run(pipe, **options)
    handle.remove()
    return outputs


def test_only_the_conditional_branch_of_the_first_steps_changes(wan, plan):
    vanilla = outputs_of(wan)
    with tsattn.control(wan, plan):
        controlled = outputs_of(wan)
    assert not torch.equal(vanilla[0], controlled[0]), "conditional, first step"
    assert torch.equal(vanilla[1], controlled[1]), "unconditional, first step: same input, untouched"


@pytest.mark.parametrize(("steps", "controlled"), [(1, 1), (4, 1), (10, 2), (15, 3)])
def test_how_many_steps_act(wan, plan, monkeypatch, steps, controlled):
    calls = []

    class Counting(AttentionCall):
        def __call__(self, *args, **kwargs):
            calls.append((self.state.step, self.state.acting))
            return super().__call__(*args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Counting)
    with tsattn.control(wan, plan):
        run(wan, steps=steps)
    assert {step for step, acting in calls if acting} == set(range(controlled))
    assert sum(acting for _, acting in calls) == 3 * controlled, "three layers, conditional pass only"
    assert len(calls) == 2 * 3 * steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_controlled_attention_in_a_run_is_the_dense_reference(wan_of_either_kind, plan, monkeypatch, dtype):
    pipe = wan_of_either_kind.to(dtype)
    seen = []

    class Recording(AttentionCall):
        def __call__(self, query, key, value, *args, **kwargs):
            out = super().__call__(query, key, value, *args, **kwargs)
            if self.state.acting:
                seen.append((query[0], key[0], value[0], out[0]))
            return out

    monkeypatch.setattr(session, "AttentionCall", Recording)
    with tsattn.control(pipe, plan, config=ControlConfig(t2v_step_fraction=1.0, erosion=1)):
        run(pipe, steps=2)
    assert len(seen) == 6
    # "A cat runs across the grass , then jumps over a red fence , then sleeps" with "," as a token of its own
    offsets = [pipe.tokenizer.tokenize(plan.prompt).index(word) for word in ("▁cat", "▁runs", "▁jumps", "▁sleeps")]
    cat, runs, jumps, sleeps = offsets
    events = [range(runs, runs + 4), range(jumps, jumps + 5), range(sleeps, sleeps + 1)]
    for query, key, value, out in seen:
        assert key.shape[0] == COLUMNS
        expected = dense_attention(
            query, key, value, torch.ones(COLUMNS, dtype=torch.bool),
            [([cat], events, [(0, 1), (1, 2), (2, 3)])], (3, 4, 4),
            scale=12**-0.5, erosion=1, r_min=1.0, r_max=1.5,
        )  # fmt: skip
        eps = torch.finfo(dtype).eps
        largest = value.double().abs().max()
        # the pipeline's own kernel rounds its probabilities to the dtype as well, hence three roundings of the output
        assert (out.double() - expected).abs().max() <= (3 * eps + 1e3 * torch.finfo(torch.float32).eps) * largest


def test_a_batch_is_its_singles(wan, plan):
    other = plan_of("A red dog sleeps, then runs", "dog", "sleeps", "runs")
    plans = [plan, other]
    singles = []
    for number, one in enumerate(plans):
        with tsattn.control(wan, one, config=ALL_STEPS):
            singles.append(run(wan, one.prompt, seed=number))
    with tsattn.control(wan, plans, config=ALL_STEPS):
        batch = run(wan, [one.prompt for one in plans])
    torch.testing.assert_close(batch, torch.cat(singles), rtol=1e-3, atol=1e-4)


def test_several_videos_of_one_prompt(wan, plan):
    seeds = [torch.Generator().manual_seed(k) for k in range(2)]
    with tsattn.control(wan, plan):
        both = wan(PROMPT, height=64, width=64, num_frames=9, num_inference_steps=4, generator=seeds,
                   num_videos_per_prompt=2, max_sequence_length=COLUMNS, output_type="latent").frames  # fmt: skip
        one = run(wan, steps=4, seed=1)
    torch.testing.assert_close(both[1:], one, rtol=1e-3, atol=1e-4)


def test_guidance_off_still_acts(wan, plan):
    vanilla = run(wan, guidance_scale=1.0)
    with tsattn.control(wan, plan):
        assert not torch.equal(run(wan, guidance_scale=1.0), vanilla)


def test_only_chosen_layers_act(wan, plan):
    with tsattn.control(wan, plan, config=ControlConfig(layers=(1,))):
        one = run(wan)
    with tsattn.control(wan, plan):
        every = run(wan)
    assert not torch.equal(one, every)
    with pytest.raises(ControlError, match=r"blocks 0 to 2, but layers names \[7\]"):
        tsattn.enable(wan, plan, config=ControlConfig(layers=(1, 7)))


def test_control_twice_is_refused_and_harms_nothing(wan, plan):
    with tsattn.control(wan, plan):
        with pytest.raises(ControlError, match="already controlled"):
            tsattn.enable(wan, plan)
        run(wan)


def test_disable_without_enable(wan):
    with pytest.raises(ControlError, match="not controlled"):
        tsattn.disable(wan)


def test_a_shared_transformer_is_refused(wan, plan):
    twin = WanPipeline(**wan.components, boundary_ratio=None)
    with tsattn.control(wan, plan):
        with pytest.raises(ControlError, match="ControlledProcessor"):
            tsattn.enable(twin, plan)
        run(wan)


def test_subclasses_and_strangers_are_refused(wan, plan):
    class MyPipeline(WanPipeline):
        pass

    with pytest.raises(UnsupportedPipelineError, match="MyPipeline; supported are exactly.*WanPipeline"):
        tsattn.enable(MyPipeline(**wan.components), plan)
    MyPipeline.__name__ = "WanPipeline"
    with pytest.raises(UnsupportedPipelineError, match="not diffusers' own"):
        tsattn.enable(MyPipeline(**wan.components), plan)
    with pytest.raises(UnsupportedPipelineError, match="str"):
        tsattn.enable("not a pipeline", plan)


def test_another_prompt_is_refused(wan, plan):
    with pytest.raises(PlanError, match="the plan is for the prompt"), tsattn.control(wan, plan):
        run(wan, "A dog sleeps")


def test_prompt_embeds_are_refused(wan, plan):
    embeds = torch.zeros(1, 512, 32)
    with pytest.raises(PlanError, match="prompt_embeds"), tsattn.control(wan, plan):
        wan(prompt_embeds=embeds, negative_prompt_embeds=embeds, height=64, width=64, num_frames=9)


def test_a_truncated_event_is_named(wan, plan):
    with pytest.raises(SpanError, match="sleeps"), tsattn.control(wan, plan):
        run(wan, max_sequence_length=16)


def test_more_events_than_latent_frames(wan, plan):
    with pytest.raises(PlanError, match="3 events, but the clip has only 2 latent frames"), tsattn.control(wan, plan):
        run(wan, num_frames=5)


def test_a_block_without_a_run_is_an_error(wan, plan):
    with pytest.raises(NothingControlledError, match="inside the"), tsattn.control(wan, plan):
        pass


def test_a_site_that_is_bypassed_is_noticed(wan, plan):
    with pytest.raises(NothingControlledError, match="acted 3 times.*did 2 times"), tsattn.control(wan, plan):
        attention = wan.transformer.blocks[1].attn2
        attention.forward = lambda hidden, *args: hidden
        try:
            run(wan)
        finally:
            del attention.forward


def test_a_processor_replaced_meanwhile_is_left_and_reported(wan, plan):
    stranger = copy.copy(wan.transformer.blocks[0].attn2.processor)
    tsattn.enable(wan, plan)
    wan.transformer.blocks[0].attn2.processor = stranger
    with pytest.raises(ControlError, match=r"WanAttention\.processor changed while tsattn was on"):
        tsattn.disable(wan)
    assert wan.transformer.blocks[0].attn2.processor is stranger
    assert "_tsattn" not in vars(wan)


def test_a_replaced_scheduler_is_noticed(wan, plan):
    with pytest.raises(ControlError, match="scheduler was replaced"), tsattn.control(wan, plan):
        wan.scheduler = type(wan.scheduler).from_config(wan.scheduler.config)
        run(wan)


def test_attention_unlike_the_family_s_is_refused(wan, plan, monkeypatch):
    from diffusers.models.transformers import transformer_wan

    genuine = transformer_wan.dispatch_attention_fn
    monkeypatch.setattr(transformer_wan, "dispatch_attention_fn", lambda *a, **k: genuine(*a, **{**k, "scale": 1.0}))
    with pytest.raises(ControlError, match="differs from tsattn's"):
        tsattn.enable(wan, plan)


def test_a_transformer_replaced_meanwhile_is_noticed(wan, plan):
    other = wan_pipeline().transformer
    with pytest.raises(NothingControlledError, match="did not act"), tsattn.control(wan, plan):
        wan.transformer = other
        run(wan)


def test_interruption_and_another_size_under_one_control(wan, plan):
    def interrupt(pipe, step, timestep, tensors):
        pipe._interrupt = step == 1
        return {}

    with tsattn.control(wan, plan):
        expected = run(wan)
        run(wan, callback_on_step_end=interrupt)
        run(wan, num_frames=13, height=96)
        assert torch.equal(run(wan), expected)


def test_a_pass_cut_short_leaves_the_next_untouched(wan, plan):
    class Stop(BaseException):
        pass

    def stop(module, args):
        raise Stop

    inputs = {"hidden_states": torch.randn(1, 16, 3, 8, 8), "timestep": torch.tensor([500])}
    inputs["encoder_hidden_states"] = torch.randn(1, 512, 32)
    vanilla = wan.transformer(**inputs).sample
    tsattn.enable(wan, plan)
    handle = wan.transformer.blocks[1].register_forward_pre_hook(stop)
    with pytest.raises(Stop):
        run(wan)
    handle.remove()
    assert torch.equal(wan.transformer(**inputs).sample, vanilla)
    tsattn.disable(wan)


def test_the_cache_that_mixes_the_branches_is_refused(wan, plan):
    from diffusers import PyramidAttentionBroadcastConfig

    wan.transformer.enable_cache(
        PyramidAttentionBroadcastConfig(
            cross_attention_block_skip_range=2,
            cross_attention_timestep_skip_range=(0, 1000),
            current_timestep_callback=lambda: wan.current_timestep,
        )
    )
    with pytest.raises(ControlError, match="pyramid attention broadcast"):
        tsattn.enable(wan, plan)
    wan.transformer.disable_cache()
    with tsattn.control(wan, plan):
        run(wan)


def test_seconds_need_a_frame_rate(wan, plan):
    timed = plan.with_segments([tsattn.Segment(start=k, end=k + 1, unit="seconds") for k in range(3)])
    with pytest.raises(PlanError, match="pass fps="):
        tsattn.enable(wan, timed)
    with tsattn.control(wan, timed, fps=3):
        in_seconds = run(wan)
    with tsattn.control(wan, plan):
        assert torch.equal(run(wan), in_seconds), "9 frames at 3 per second: thirds"
    with pytest.raises(PlanError, match="fps must be above 0"):
        tsattn.enable(wan, timed, fps=0)


@pytest.mark.parametrize("wrong", [{}, {"strength": 0}, "paper"], ids=str)
def test_what_is_no_config_is_refused(wan, plan, wrong):
    with pytest.raises(ControlError, match="expected a ControlConfig"):
        tsattn.enable(wan, plan, config=wrong)


@pytest.mark.parametrize("wrong", ["8", 0, float("inf")], ids=str)
def test_what_is_no_rate_is_refused(wan, plan, wrong):
    with pytest.raises(PlanError, match="fps must be above 0"):
        tsattn.enable(wan, plan, fps=wrong)


@pytest.mark.parametrize("wrong", ["a prompt", [], None, 3], ids=str)
def test_what_is_no_plan_is_refused(wan, wrong):
    with pytest.raises(PlanError, match="expected a Plan"):
        tsattn.enable(wan, wrong)


def test_autocast_does_not_coarsen_what_is_added(wan, plan, monkeypatch):
    from tsattn.attention import split

    seen, genuine = [], split.event_bias

    def event_bias(logits, *args, **options):
        seen.append(logits.dtype)
        return genuine(logits, *args, **options)

    monkeypatch.setattr(split, "event_bias", event_bias)
    with torch.autocast("cpu", torch.bfloat16), tsattn.control(wan, plan, config=ControlConfig(erosion=1)):
        run(wan, steps=2)
    assert set(seen) == {torch.float32}
