"""What holds for every method on this engine, and every option: bit-identical where it does not act, gone when it is off."""

import dataclasses
import functools

import pytest
import torch

import tsattn
from tests.conftest import run
from tests.control.residue import residue
from tests.families.case import plan as three_events
from tests.families.cases import CASES, ONE_OF_EACH
from tests.families.seen import inputs_of, note_calls
from tsattn.attention.reference_methods import dense_hard_mask, dense_penalised, dense_prompt_relay
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.control.switch import SwitchedCall
from tsattn.errors import ControlError

PENALTIES = {"prompt-relay": dense_prompt_relay, "hard-mask": dense_hard_mask}
CONFIGS = {
    "prompt-relay": ControlConfig.prompt_relay(),
    "hard-mask": ControlConfig.hard_mask(),
    "kv-switch": ControlConfig.kv_switch(),
    "threshold": ControlConfig(threshold=0.5, erosion=1),
    "raise_subject": ControlConfig(raise_subject=True, erosion=1),
    "segment_wise": ControlConfig(segment_wise=True, erosion=1),
    "gentle": ControlConfig.gentle(),
}


@functools.cache
def paper(family):
    """What TS-Attn itself makes of the case of this name."""
    case = next(one for one in CASES if one.name == family)
    with tsattn.control(case.pipe, three_events(), config=ControlConfig(erosion=1)):
        return case()


@pytest.mark.parametrize("family", ["wan-2.2-a14b-t2v", "hunyuan-video-1.5-t2v"])
@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "kv-switch"])
def test_it_acts_in_a_way_of_its_own_and_undo_leaves_nothing(family, name):
    case = next(one for one in CASES if one.name == family)
    alone, plain, before = case.alone, paper(family), residue(case.pipe)
    with tsattn.control(case.pipe, three_events(), config=CONFIGS[name]):
        controlled = case()
        assert torch.equal(case(), controlled), "a second run under the same control is a new run"
    assert not torch.equal(controlled, alone)
    assert not torch.equal(controlled, plain)
    assert residue(case.pipe) == before
    assert torch.equal(case(), alone)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_attention_in_a_run_is_the_dense_reference(case, name, monkeypatch):
    calls = note_calls(monkeypatch)
    with tsattn.control(case.pipe, three_events(), config=CONFIGS[name]):
        case()
    assert calls
    for one in calls:
        query, key, value, shown, video, subjects = inputs_of(one)
        penalties = PENALTIES[name](subjects, one.call.state.grid.frames, len(key))
        expected = dense_penalised(query, key, value, shown, penalties, scale=one.scale, video=video)
        room = 50 * torch.finfo(torch.float32).eps * (10 + one.size) * one.value.abs().max()
        assert (one.made.double() - expected).abs().max() <= room.double()


@pytest.mark.parametrize("name", CONFIGS)
def test_strength_zero_and_no_steps_are_bit_identical(wan, plan, name):
    vanilla = run(wan, steps=2)
    for change in ({"strength": 0.0}, {"t2v_step_fraction": 0.0}):
        with tsattn.control(wan, plan, config=dataclasses.replace(CONFIGS[name], **change)):
            assert torch.equal(run(wan, steps=2), vanilla)


@pytest.mark.parametrize("policy", ["prompt-relay", "hard-mask", "kv-switch"])
def test_only_the_conditional_pass_of_the_chosen_steps_changes(wan, plan, policy, monkeypatch):
    acted = []

    def noting(kind):
        class Noting(kind):
            def act(self, *args):
                acted.append((self.state.step, self.state.branch))
                return super().act(*args)

        return Noting

    monkeypatch.setattr(session, "AttentionCall", noting(AttentionCall))
    monkeypatch.setattr(session, "SwitchedCall", noting(SwitchedCall))
    with tsattn.control(wan, plan, config=ControlConfig(policy=policy, t2v_step_fraction=0.4)):
        run(wan, steps=5)
    assert acted == [(step, "cond") for step in range(2) for _ in range(3)]


def test_a_recording_shows_what_a_method_hides(wan, plan):
    with tsattn.control(wan, plan, config=ControlConfig.hard_mask()), tsattn.record(wan) as recorder:
        run(wan, steps=1)
    record = recorder.record
    own = torch.eye(3, dtype=torch.bool).numpy()
    events = record.after[:, :, :3]  # steps, layers, events, latent frames
    assert (events[..., own] > 0).all()
    assert (events[..., ~own] == 0).all()
    assert (record.before[:, :, :3] > 0).all()


def test_the_switch_cannot_be_recorded(wan, plan):
    tsattn.enable(wan, plan, config=ControlConfig.kv_switch())
    with pytest.raises(ControlError, match="record another"), tsattn.record(wan):
        pass
    tsattn.disable(wan)


def test_statistics_without_pads_are_for_models_whose_pads_are_identical(wan, plan):
    vanilla = run(wan, steps=2)
    results = []
    for count_pads in (True, False):
        with tsattn.control(wan, plan, config=ControlConfig(count_pads=count_pads, erosion=1)):
            results.append(run(wan, steps=2))
    assert not torch.equal(results[1], vanilla)
    assert not torch.equal(*results)
    other = next(one for one in CASES if one.name == "hunyuan-video-1.5-t2v")
    with (
        pytest.raises(ControlError, match="count_pads=False is for models with identical pads"),
        tsattn.control(other.pipe, three_events(), config=ControlConfig(count_pads=False)),
    ):
        pass


def test_both_passes_are_controlled_where_that_is_asked_for(wan, plan, monkeypatch):
    acted = []

    class Noting(AttentionCall):
        def act(self, *args):
            acted.append((self.state.step, self.state.branch))
            return super().act(*args)

    monkeypatch.setattr(session, "AttentionCall", Noting)
    config = ControlConfig(unconditional=True, t2v_step_fraction=0.4)
    with tsattn.control(wan, plan, config=config):
        run(wan, steps=5)
        once = list(acted)
        with pytest.raises(ControlError, match="the negative prompt takes more than"):
            run(wan, steps=5, negative_prompt="a b c d e f g h i j k l m n o p q r s t u v w x y z" * 2)
    assert once == [(step, branch) for step in range(2) for branch in ("cond", "uncond") for _ in range(3)]
    for name in ("sana-video-t2v", "cogvideox-2b-t2v"):  # one cannot tell its passes apart, one has both in one batch
        other = next(one for one in CASES if one.name == name)
        with (
            pytest.raises(ControlError, match="unconditional=True is for models with a pass of its own"),
            tsattn.control(other.pipe, three_events(), config=config),
        ):
            pass
