"""The seam leaves everything else working: compilation, memory savers, adapters, quantised weights, caches."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch._inductor.config
from diffusers import attention_backend
from torch._dynamo.testing import CompileCounterWithBackend

import tsattn
from tests.conftest import PROMPT, plan_of, run, wan_pipeline
from tests.families.cases import CASES
from tsattn.control import ControlConfig
from tsattn.control.call import AttentionCall
from tsattn.errors import ControlError

PLAN = plan_of(PROMPT, "cat", "runs across the grass", "jumps over a red fence", "sleeps")
LONG = ControlConfig(t2v_step_fraction=0.5, erosion=1)


def both(pipe, *, steps=2, **options):
    """Latents of a run without control and of one with it, which acts in half of its steps."""
    vanilla = run(pipe, steps=steps, **options)
    with tsattn.control(pipe, PLAN, config=LONG):
        controlled = run(pipe, steps=steps, **options)
    return vanilla, controlled


def fresh(name, **changes):
    """A contract case with a pipeline of its own."""
    return dataclasses.replace(next(case for case in CASES if case.name == name), **changes)


def assert_works(pipe, *, steps=2):
    """Control acts, and the pipeline is afterwards what it was."""
    vanilla, controlled = both(pipe, steps=steps)
    assert not torch.equal(vanilla, controlled)
    assert torch.equal(run(pipe, steps=steps), vanilla)
    return controlled


@pytest.fixture
def graphs():
    """Counts the graphs that are compiled during a test."""
    torch._dynamo.reset()
    made = []

    def backend(module, inputs):
        made.append(module)
        return module.forward

    yield made, backend
    torch._dynamo.reset()


@pytest.mark.parametrize("first", ["compile", "control"])
def test_compiled_blocks_one_graph_for_all_layers_and_steps(graphs, first):
    made, backend = graphs
    expected = both(wan_pipeline(), steps=4)
    pipe = wan_pipeline()

    def compiled():
        pipe.transformer.compile_repeated_blocks(fullgraph=True, backend=backend)

    if first == "compile":
        compiled()
        torch.testing.assert_close(run(pipe, steps=4), expected[0], rtol=1e-4, atol=1e-5)
        assert len(made) == 1
    with tsattn.control(pipe, PLAN, config=LONG):
        if first == "control":
            compiled()
        made.clear()
        found = run(pipe, steps=4)
        torch.testing.assert_close(found, expected[1], rtol=1e-4, atol=1e-5)
        assert len(made) == 2, "one graph while acting, one while not, for all layers and all steps"
        assert torch.equal(run(pipe, steps=4), found)
        assert len(made) == 2, "a second run compiles nothing"
    torch.testing.assert_close(run(pipe, steps=4), expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cogvideox-2b-t2v", "hunyuan-video-t2v", "ltx-t2v"])
def test_compiled_blocks_of_other_families(graphs, name):
    made, backend = graphs
    eager, case = fresh(name), fresh(name)
    expected = [eager()]
    with tsattn.control(eager.pipe, PLAN, config=LONG):
        expected.append(eager())
    compile_blocks(case.pipe.transformer, backend)
    torch.testing.assert_close(case(), expected[0], rtol=1e-3, atol=1e-4)
    alone = len(made)  # several where blocks are of two kinds, or the first one's input has strides of its own
    made.clear()
    with tsattn.control(case.pipe, PLAN, config=LONG):
        torch.testing.assert_close(case(), expected[1], rtol=1e-3, atol=1e-4)
        assert len(made) <= 2 * alone, "no more than the model alone has, while acting and while not"
        made.clear()
        case()
        assert not made, "a second run compiles nothing"
    torch.testing.assert_close(case(), expected[0], rtol=1e-3, atol=1e-4)


def compile_blocks(transformer, backend):
    """Compile every block by itself; not all models say which ones repeat."""
    if transformer._repeated_blocks:
        transformer.compile_repeated_blocks(fullgraph=True, backend=backend)
    else:
        for block in transformer.transformer_blocks:
            block.compile(fullgraph=True, backend=backend)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "alone"), [("wan-2.1-t2v", 1), ("cogvideox-2b-t2v", 2), ("ltx-t2v", 1)])
@torch._inductor.config.patch(compile_threads=1)  # starting more takes longer than the work
def test_compiled_with_inductor(graphs, name, alone):
    eager, case, inductor = fresh(name), fresh(name), CompileCounterWithBackend("inductor")
    with tsattn.control(eager.pipe, PLAN, config=LONG):
        expected = eager()
    compile_blocks(case.pipe.transformer, inductor)
    with tsattn.control(case.pipe, PLAN, config=LONG):
        torch.testing.assert_close(case(), expected, rtol=1e-3, atol=1e-4)
    assert inductor.frame_count == 2 * alone, "while acting and while not, for all layers and all steps"


def test_group_offload():
    expected, pipe = both(wan_pipeline()), wan_pipeline()
    cpu = torch.device("cpu")
    pipe.transformer.enable_group_offload(onload_device=cpu, offload_device=cpu, offload_type="leaf_level")
    for one, other in zip(both(pipe), expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("way", ["model", "sequential"])
def test_cpu_offload(way):
    """On a CPU nothing is saved, but the same hooks move the same weights, which are on no device in between."""
    import accelerate

    expected, pipe = both(wan_pipeline()), wan_pipeline()
    if way == "model":
        pipe.enable_model_cpu_offload(device="cpu")
    else:  # diffusers does this to every component, but accelerate fails on the text encoder's on a CPU
        accelerate.cpu_offload(pipe.transformer, torch.device("cpu"))
    for one, other in zip(both(pipe), expected, strict=True):
        assert torch.equal(one, other)


def test_layerwise_casting():
    pipe = wan_pipeline()
    pipe.transformer.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float32)
    assert_works(pipe)


def test_lora_loaded_before_and_unloaded_after():
    import peft

    pipe, plain = wan_pipeline(), both(wan_pipeline())
    torch.manual_seed(1)
    pipe.transformer.add_adapter(
        peft.LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=False), "style"
    )
    controlled = assert_works(pipe)
    assert not torch.equal(controlled, plain[1]), "the adapter acts under control"
    with tsattn.control(pipe, PLAN, config=LONG):
        pipe.transformer.disable_adapters()
        assert torch.equal(run(pipe, steps=2), plain[1])
        pipe.transformer.enable_adapters()
        assert torch.equal(run(pipe, steps=2), controlled)


def test_lora_loaded_and_unloaded_meanwhile():
    import peft

    pipe, (vanilla, plain) = wan_pipeline(), both(wan_pipeline())
    adapter = peft.LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=False)
    with tsattn.control(pipe, PLAN, config=LONG):
        pipe.transformer.add_adapter(adapter, "style")
        assert not torch.equal(run(pipe, steps=2), plain)
        pipe.unload_lora_weights()
        assert torch.equal(run(pipe, steps=2), plain)
    assert torch.equal(run(pipe, steps=2), vanilla)


def test_int8_weights():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    pipe = wan_pipeline()
    quantize_(pipe.transformer.blocks, Int8WeightOnlyConfig())
    assert_works(pipe)


@pytest.mark.parametrize("first", ["fuse", "control"])
def test_fused_projections(first):
    expected, pipe = both(wan_pipeline()), wan_pipeline()
    if first == "fuse":
        pipe.transformer.fuse_qkv_projections()
        for one, other in zip(both(pipe), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        return
    with tsattn.control(pipe, PLAN, config=LONG):
        pipe.transformer.fuse_qkv_projections()
        torch.testing.assert_close(run(pipe, steps=2), expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", ["backend", "control"])
def test_another_attention_backend(first):
    expected, pipe = both(wan_pipeline()), wan_pipeline()
    with attention_backend("native"):  # a model's backend becomes the one of all; this ends with the block
        if first == "backend":
            pipe.transformer.set_attention_backend("_native_math")
        with tsattn.control(pipe, PLAN, config=LONG):
            if first == "control":
                pipe.transformer.set_attention_backend("_native_math")
            found = run(pipe, steps=2)
    torch.testing.assert_close(found, expected[1], rtol=1e-4, atol=1e-5)
    assert pipe.transformer.blocks[0].attn2.processor._attention_backend is not None, "the choice outlives control"


def caches():
    import diffusers

    return {
        "first-block": diffusers.FirstBlockCacheConfig(threshold=0.05),
        "mag": diffusers.MagCacheConfig(num_inference_steps=4, retention_ratio=0.5, mag_ratios=[1.0] * 4),
        "taylor": diffusers.TaylorSeerCacheConfig(cache_interval=2, disable_cache_before_step=1),
    }


@pytest.mark.parametrize("name", caches())
def test_caches(name):
    pipe = wan_pipeline()
    pipe.transformer.enable_cache(caches()[name])
    assert_works(pipe, steps=4)


def test_faster_cache():
    import diffusers

    case = fresh("cogvideox-2b-t2v", steps=8)
    config = diffusers.FasterCacheConfig(
        spatial_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=(-1, 901),
        unconditional_batch_skip_range=2,
        unconditional_batch_timestep_skip_range=(-1, 901),
        attention_weight_callback=lambda module: 0.5,
        current_timestep_callback=lambda: case.pipe.current_timestep,
        tensor_format="BFCHW",
    )
    case.pipe.transformer.enable_cache(config)
    vanilla = case()
    with tsattn.control(case.pipe, PLAN, config=LONG):
        assert not torch.equal(case(), vanilla)
    assert torch.equal(case(), vanilla)


def test_two_pipelines_at_once():
    one, two = wan_pipeline(), wan_pipeline(two=True)
    expected = both(one)[1], both(two)[1]
    with tsattn.control(one, PLAN, config=LONG), tsattn.control(two, PLAN, config=LONG):
        assert torch.equal(run(one, steps=2), expected[0])
        assert torch.equal(run(two, steps=2), expected[1])
        assert torch.equal(run(one, steps=2), expected[0])


def test_second_guidance_scale():
    pipe = wan_pipeline(two=True)
    vanilla, controlled = both(pipe, guidance_scale_2=2.0)
    assert not torch.equal(vanilla, controlled)


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_few_steps(steps):
    pipe = wan_pipeline()
    vanilla = run(pipe, steps=steps)
    with tsattn.control(pipe, PLAN, config=ControlConfig(erosion=1)):
        assert not torch.equal(run(pipe, steps=steps), vanilla)


def test_identical_verbs_of_two_subjects_bind_to_their_own_words():
    prompt = "A cat runs, then a dog sleeps, then the cat sleeps, then the dog runs"
    rows = {
        "cat": [("runs", prompt.index("runs")), ("sleeps", prompt.rindex("sleeps"))],
        "dog": [("sleeps", prompt.index("sleeps")), ("runs", prompt.rindex("runs"))],
    }
    subjects = [
        {
            "text": name, "span": (prompt.index(name), prompt.index(name) + 3),
            "events": [{"text": word, "span": (at, at + len(word))} for word, at in events],
        }
        for name, events in rows.items()
    ]  # fmt: skip
    pipe, seen = wan_pipeline(), []
    act = AttentionCall.act

    def recording(self, *args):
        if self.state.texts:  # the trial before the run has none
            seen.append(self.state.texts[0].columns)
        return act(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AttentionCall, "act", recording)
        with tsattn.control(pipe, tsattn.Plan.model_validate({"prompt": prompt, "subjects": subjects})):
            run(pipe, prompt, steps=1)
    words = pipe.tokenizer.tokenize(prompt)
    for subject, (name, events) in zip(seen[0], rows.items(), strict=True):
        assert [words[k] for k in subject.subject] == ["▁" + name]
        assert [[words[k] for k in event] for event in subject.events] == [["▁" + word] for word, _ in events]
    places = [event for subject in seen[0] for event in subject.events]
    assert len({tuple(place) for place in places}) == 4, "each verb at its own place"


def test_nested_control_names_what_to_do():
    pipe = wan_pipeline()
    with pytest.raises(ControlError, match="already controlled"), tsattn.control(pipe, PLAN):
        tsattn.enable(pipe, PLAN)


def test_no_graph_of_kernels_is_captured_through_what_acts():
    """A replay would do again what one step and one region asked for (mode "reduce-overhead", on a GPU)."""
    if not hasattr(torch.Tag, "cudagraph_unsafe"):
        pytest.skip("this PyTorch cannot be told")
    assert torch.Tag.cudagraph_unsafe in torch.ops.tsattn.attention.default.tags
