"""What is special to CogVideoX: fused projections, rows of two latent frames, skipped steps."""

from __future__ import annotations

import pytest

import tsattn
from tests.control.residue import residue
from tests.families.case import Case, plan
from tests.families.cogvideox import CASES, from_text
from tsattn.control import session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import load
from tsattn.errors import ControlError, NothingControlledError, UnsupportedPipelineError
from tsattn.plan.timeline import Clip

BY_NAME = {case.name: case for case in CASES}
FAMILY = load("cogvideox")


def test_fused_projections_are_refused_with_the_remedy():
    pipe = from_text()
    pipe.fuse_qkv_projections()
    before = residue(pipe)
    with pytest.raises(UnsupportedPipelineError, match="fused; call pipe.transformer.unfuse_qkv_projections"):
        tsattn.enable(pipe, plan())
    assert residue(pipe) == before
    pipe.transformer.unfuse_qkv_projections()
    with tsattn.control(pipe, plan()):
        _run(pipe)


def test_fusing_while_on_is_noticed():
    pipe = from_text()
    tsattn.enable(pipe, plan())
    pipe.transformer.fuse_qkv_projections()
    with pytest.raises(NothingControlledError, match="fusing projections"):
        _run(pipe)
    with pytest.raises(ControlError, match="off before fusing projections"):
        tsattn.disable(pipe)


def _run(pipe):
    return pipe(plan().prompt, num_inference_steps=2, **BY_NAME["cogvideox-2b-t2v"].options, output_type="latent")


@pytest.mark.parametrize(
    ("name", "frames"), [("cogvideox-2b-t2v", 9), ("cogvideox-1.5-t2v", 25), ("cogvideox-1.5-i2v", 33)]
)
def test_the_timing_is_that_of_the_decoded_video(name, frames):
    case: Case = BY_NAME[name]
    with tsattn.control(case.pipe, plan()):
        made = case(num_frames=frames, output_type="pt")[0]
        clip = case.pipe._tsattn.state.clip
    assert len(made) == clip.frames == frames
    timing = FAMILY.timing(case.pipe.vae.config, case.pipe.transformer.config)
    assert clip == Clip.made(frames, 1.0, *timing)


def test_settings_are_those_of_the_version():
    assert FAMILY.variant(from_text().transformer.config) == {}
    assert FAMILY.variant(BY_NAME["cogvideox-1.5-t2v"].pipe.transformer.config)["frames"] == 81


def test_controlled_steps_are_a_share_of_those_that_video_to_video_runs(monkeypatch):
    steps = set()

    class Counting(AttentionCall):
        def act(self, *args, **kwargs):
            steps.add(self.state.step)
            return super().act(*args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Counting)
    case = BY_NAME["cogvideox-5b-v2v"]
    with tsattn.control(case.pipe, plan()):
        case(num_inference_steps=20, strength=0.5)
    assert steps == {0, 1, 2, 3}  # 40 % of ten
