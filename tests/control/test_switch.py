"""Keys and values of each segment's own prompt, against runs on those prompts and plain attention."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

import tsattn
from tests.conftest import COLUMNS, PROMPT, plan_of, run, wan_pipeline
from tests.control.residue import residue
from tests.families.case import OTHER_PROMPT, other_plan
from tests.families.case import plan as three_events
from tests.families.cases import CASES, ONE_OF_EACH
from tsattn.control import ControlConfig, parallel, session
from tsattn.control.registry import family_of
from tsattn.control.switch import SwitchedCall
from tsattn.errors import ControlError, UnsupportedPipelineError

SWITCH = ControlConfig.kv_switch()
OWN = ["A cat runs across the grass", "A cat jumps over a red fence", "A cat sleeps"]


@pytest.fixture
def calls(monkeypatch):
    """What the attention calls under control were given, and what they made of it."""
    seen = []

    class Recording(SwitchedCall):
        def __call__(self, query, key, value, *args, **kwargs):
            out = super().__call__(query, key, value, *args, **kwargs)
            if self.state.acting:
                seen.append((query.clone(), key.clone(), value.clone(), out.clone()))
            return out

    monkeypatch.setattr(session, "SwitchedCall", Recording)
    return seen


def keys_of(pipe, prompt):
    """Keys of the first conditional pass on a prompt, for each layer."""
    found = []
    hooks = [
        block.attn2.norm_k.register_forward_hook(lambda module, args, output: found.append(output.clone()))
        for block in pipe.transformer.blocks
    ]
    run(pipe, prompt, steps=1, guidance_scale=1.0)
    for hook in hooks:
        hook.remove()
    return [x.unflatten(2, (2, -1)) for x in found]


def test_each_segment_attends_to_what_a_run_on_its_own_prompt_would_have(wan, plan, calls):
    with tsattn.control(wan, plan, config=SWITCH):
        run(wan, steps=1)
    assert len(calls) == 3
    alone = [keys_of(wan, prompt) for prompt in (PROMPT, *OWN)]
    for layer, (query, key, value, out) in enumerate(calls):
        assert key.shape[1] == 4 * COLUMNS
        columns = [slice(number * COLUMNS, (number + 1) * COLUMNS) for number in range(4)]
        for part, keys in zip(columns, alone, strict=True):
            torch.testing.assert_close(key[:, part], keys[layer], rtol=1e-4, atol=1e-5)
        for frame in range(3):
            rows, own = slice(16 * frame, 16 * (frame + 1)), columns[frame + 1]
            parts = (query[:, rows], key[:, own], value[:, own])
            expected = scaled_dot_product_attention(*(x.transpose(1, 2).double() for x in parts)).transpose(1, 2)
            torch.testing.assert_close(out[:, rows].double(), expected, rtol=0, atol=1e-5)


def test_frames_in_which_nothing_is_due_attend_to_the_whole_prompt(wan, plan, calls):
    segments = [tsattn.Segment(start=k, end=k + 1, unit="latent_frames") for k in (0, 2, 4)]
    with tsattn.control(wan, plan.with_segments(segments), config=SWITCH):
        run(wan, steps=1, num_frames=17)
    query, key, value, out = calls[0]
    for frame in (1, 3):
        rows = slice(16 * frame, 16 * (frame + 1))
        parts = (query[:, rows], key[:, :COLUMNS], value[:, :COLUMNS])
        expected = scaled_dot_product_attention(*(x.transpose(1, 2).double() for x in parts)).transpose(1, 2)
        torch.testing.assert_close(out[:, rows].double(), expected, rtol=0, atol=1e-5)


def test_where_all_is_due_everywhere_nothing_changes(wan):
    plan = plan_of("A cat sleeps", "cat", "sleeps")
    vanilla = run(wan, plan.prompt, steps=2)
    with tsattn.control(wan, plan, config=SWITCH):
        assert torch.equal(run(wan, plan.prompt, steps=2), vanilla)


def test_own_prompts_are_encoded_once_in_a_run(wan, plan, monkeypatch):
    encoded, genuine = [], type(wan)._get_t5_prompt_embeds

    def noting(self, prompt, *args, **kwargs):
        encoded.append(prompt)
        return genuine(self, prompt, *args, **kwargs)

    monkeypatch.setattr(type(wan), "_get_t5_prompt_embeds", noting)
    with tsattn.control(wan, plan, config=SWITCH):
        first = run(wan, steps=2)
        assert encoded.count(OWN) == 1
        assert torch.equal(run(wan, steps=2), first)
    assert encoded.count(OWN) == 2


def test_a_batch_is_its_singles_with_several_videos_each(wan):
    plans = [three_events(), other_plan()]
    singles = []
    for number, one in enumerate(plans):
        with tsattn.control(wan, one, config=SWITCH):
            singles.append(run(wan, one.prompt, steps=2, seed=number))
    with tsattn.control(wan, plans, config=SWITCH):
        batch = run(wan, [PROMPT, OTHER_PROMPT], steps=2)
    torch.testing.assert_close(batch, torch.cat(singles), rtol=1e-3, atol=1e-4)
    case = next(one for one in CASES if one.name == "wan-2.1-t2v")
    with tsattn.control(case.pipe, three_events(), config=SWITCH):
        both = case(seeds=(5, 6), num_videos_per_prompt=2)
        apart = [case(seeds=(seed,)) for seed in (5, 6)]
    torch.testing.assert_close(both, torch.cat(apart), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_it_acts_and_is_undone_or_is_refused(case):
    family, before = family_of(case.pipe), residue(case.pipe)
    fits = family.layout == "cross" and family.identical_pads and case.name != "skyreels-v2-i2v"
    if not fits:
        with pytest.raises(ControlError, match="kv-switch"):
            tsattn.enable(case.pipe, three_events(), config=SWITCH)
        assert residue(case.pipe) == before
        return
    alone, before = case.alone, residue(case.pipe)  # the first run leaves diffusers' own hook
    with tsattn.control(case.pipe, three_events(), config=SWITCH):
        assert not torch.equal(case(), alone)
    assert residue(case.pipe) == before
    assert torch.equal(case(), alone)


def test_reference_pictures_in_front_attend_to_the_whole_prompt(calls):
    case = next(one for one in CASES if one.name == "wan-vace-references")
    with tsattn.control(case.pipe, three_events(), config=SWITCH):
        case()
    query, key, value, out = calls[0]
    parts = (query[:, :32], key[:, :COLUMNS], value[:, :COLUMNS])
    expected = scaled_dot_product_attention(*(x.transpose(1, 2).double() for x in parts)).transpose(1, 2)
    torch.testing.assert_close(out[:, :32].double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["wan-2.1-i2v", "wan-2.1-flf2v"])
def test_a_model_without_room_behind_its_picture_is_refused(name):
    case = next(one for one in CASES if one.name == name)
    with pytest.raises(ControlError, match="exactly 512 text columns"):
        tsattn.enable(case.pipe, three_events(), config=SWITCH)


def test_embeddings_in_place_of_a_prompt_are_refused(wan, plan):
    columns = tsattn.columns(wan, plan)
    embeddings, negative = wan.encode_prompt(PROMPT, max_sequence_length=512)
    with (
        pytest.raises(ControlError, match="prompt_embeds"),
        tsattn.control(wan, plan, config=SWITCH, columns=columns),
    ):
        run(wan, None, prompt_embeds=embeddings, negative_prompt_embeds=negative)


@pytest.mark.parametrize("way", ["model", "sequential"])
def test_cpu_offload(plan, way):
    """The text encoder is needed once more when the transformer's turn has come."""
    import accelerate

    with tsattn.control(eager := wan_pipeline(), plan, config=SWITCH):
        expected = run(eager, steps=2)
    pipe = wan_pipeline()
    if way == "model":
        pipe.enable_model_cpu_offload(device="cpu")
    else:
        accelerate.cpu_offload(pipe.transformer, torch.device("cpu"))
    with tsattn.control(pipe, plan, config=SWITCH):
        assert torch.equal(run(pipe, steps=2), expected)


def test_several_processes_are_refused(wan, plan, monkeypatch):
    monkeypatch.setattr(parallel, "spread", lambda transformer: object())
    with pytest.raises(UnsupportedPipelineError, match="'kv-switch' work in one process only"):
        tsattn.enable(wan, plan, config=SWITCH)


def test_compiled_blocks():
    torch._dynamo.reset()
    made = []

    def backend(module, inputs):
        made.append(module)
        return module.forward

    plan, half = three_events(), ControlConfig.kv_switch(0.5)
    eager, pipe = wan_pipeline(), wan_pipeline()
    with tsattn.control(eager, plan, config=half):
        expected = run(eager, steps=4)
    pipe.transformer.compile_repeated_blocks(fullgraph=True, backend=backend)
    with tsattn.control(pipe, plan, config=half):
        torch.testing.assert_close(run(pipe, steps=4), expected, rtol=1e-4, atol=1e-5)
        assert len(made) == 2, "one graph while acting, one while not"
        run(pipe, steps=4)
        assert len(made) == 2, "a second run compiles nothing"
    torch._dynamo.reset()
