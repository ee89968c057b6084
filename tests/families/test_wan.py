"""What is special to Wan: a picture among the keys, passes without a name, VACE's reference pictures."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

import tsattn
from tests.control.residue import residue
from tests.families.case import plan
from tests.families.wan import CASES, FRAMES, PICTURE, SIZE
from tsattn.control import ControlConfig, session
from tsattn.control.call import AttentionCall
from tsattn.control.registry import load
from tsattn.errors import ControlError

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture
def acts(monkeypatch):
    """Step, video rows, keys and grid of every attention call that acts."""
    found = []

    class Noting(AttentionCall):
        def act(self, query, key, *args, **kwargs):
            found.append((self.state.step, query.shape[1], key.shape[1], tuple(self.state.grid)))
            return super().act(query, key, *args, **kwargs)

    monkeypatch.setattr(session, "AttentionCall", Noting)
    return found


@pytest.mark.parametrize("name", ["wan-2.1-i2v", "wan-2.1-flf2v"])
def test_a_picture_among_the_keys_is_left_alone(name, acts):
    case = BY_NAME[name]
    with tsattn.control(case.pipe, plan()):
        case()
    assert {(rows, keys) for _, rows, keys, _ in acts} == {(48, 512)}


def test_with_a_picture_among_the_keys_the_text_has_512_columns():
    case = BY_NAME["wan-2.1-i2v"]
    before = residue(case.pipe)
    with (
        pytest.raises(ControlError, match="max_sequence_length is 256, but .* leave it at 512"),
        tsattn.control(case.pipe, plan()),
    ):
        case(max_sequence_length=256)
    assert residue(case.pipe) == before


def test_without_a_picture_among_the_keys_the_text_has_any_length(acts):
    case = BY_NAME["wan-2.2-a14b-i2v"]
    with tsattn.control(case.pipe, plan()):
        case(max_sequence_length=64)
    assert {keys for _, _, keys, _ in acts} == {64}


def test_controlled_steps_are_a_share_of_those_that_video_to_video_runs(acts):
    case = BY_NAME["wan-2.1-v2v"]
    with tsattn.control(case.pipe, plan()):
        case(num_inference_steps=20, strength=0.5)
    assert {step for step, *_ in acts} == {0, 1, 2, 3}  # 40 % of ten


@pytest.mark.parametrize("negative", ["a dog", None])
def test_video_to_video_without_guidance_and_with_a_negative_prompt(negative, acts):
    case = dataclasses.replace(BY_NAME["wan-2.1-v2v"], samples=1)
    with tsattn.control(case.pipe, plan(), config=ControlConfig(i2v_step_fraction=1.0)):
        case(negative_prompt=negative, guidance_scale=5.0 if negative else 1.0)
    assert len(acts) == case.sites * case.steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kept", [0, 5, 9])
def test_reference_pictures_are_told_from_frames_of_a_video(kept, dtype, acts):
    """However many pictures there are, and whether frames are to be kept or painted anew."""
    case = dataclasses.replace(BY_NAME["wan-vace-references"], steps=1)
    case.pipe.to(dtype)
    masks = [Image.new("L", (SIZE, SIZE), 255 * (k >= kept)) for k in range(9)]
    one, two = PICTURE, [PICTURE] * 2
    for references in (None, one, two, [[*two, one]]):
        with tsattn.control(case.pipe, plan()):
            case(video=FRAMES, mask=masks, reference_images=references)
    assert {(rows, grid) for _, rows, _, grid in acts} == {(48, (3, 4, 4))}


@pytest.mark.parametrize("released", [False, True])
def test_rows_of_reference_pictures_stay_as_they_are(released, monkeypatch):
    """The first call that acts gets what the model alone gets, and returns the same for the pictures' rows."""
    calls = []

    class Noting(AttentionCall):
        def __call__(self, query, key, value, attn_mask=None, **kwargs):
            out = super().__call__(query, key, value, attn_mask, **kwargs)
            if self.state.acting:
                calls.append((out, self.original(query, key, value, attn_mask, **kwargs)))
            return out

    monkeypatch.setattr(session, "AttentionCall", Noting)
    case = BY_NAME["wan-vace-references"]
    config = ControlConfig(erosion=1, released_code=released)
    with tsattn.control(case.pipe, plan(), config=config):
        case()
    ours, alone = calls[0]
    assert ours.shape == alone.shape
    assert torch.equal(ours[:, :32], alone[:, :32])
    assert not torch.equal(ours[:, 32:], alone[:, 32:])


def test_settings_are_those_of_the_version():
    wan = load("wan")
    assert wan.variant({"in_channels": 16}) == wan.variant({"in_channels": 36}) == {}
    assert wan.variant({"in_channels": 48}) == {"height": 704, "width": 1280, "frames": 121, "fps": 24.0}
