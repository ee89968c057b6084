"""The embedded model is a stock Wan pipeline of the stated size."""

import pytest
import torch
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from transformers import UMT5EncoderModel

from tsattn.generate import SHAPES_SETTINGS
from tsattn.shapes import MODEL
from tsattn.shapes.world import CHANGES, COLOURS, FPS, FRAMES, SHAPES, SIZE, WORDINGS


@pytest.fixture(scope="module")
def pipe():
    pipe = WanPipeline.from_pretrained(MODEL)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_it_is_made_of_stock_classes(pipe):
    assert type(pipe) is WanPipeline
    assert type(pipe.transformer) is WanTransformer3DModel
    assert type(pipe.vae) is AutoencoderKLWan
    assert type(pipe.text_encoder) is UMT5EncoderModel


def test_its_weights_are_small():
    assert sum(file.stat().st_size for file in MODEL.rglob("*.safetensors")) <= 25 * 2**20


def test_every_word_of_one_subject_is_one_token(pipe):
    sentences = [*COLOURS, *SHAPES, *(wording for event in CHANGES for wording in WORDINGS[event])]
    for word in {word for sentence in sentences for word in sentence.split()}:
        assert len(pipe.tokenizer(word).input_ids) == 2, "the word and </s>"


def test_its_clip_is_the_world_s(pipe):
    assert (SHAPES_SETTINGS.height, SHAPES_SETTINGS.width) == (SIZE, SIZE)
    assert (SHAPES_SETTINGS.frames, SHAPES_SETTINGS.fps) == (FRAMES, FPS)
    latents = pipe(
        "A red circle grows", height=SIZE, width=SIZE, num_frames=FRAMES, num_inference_steps=1,
        generator=torch.Generator().manual_seed(0), output_type="latent",
    ).frames  # fmt: skip
    assert latents.shape[2] >= 12, "latent frames"
    tokens = [
        side // patch for side, patch in zip(latents.shape[3:], pipe.transformer.config.patch_size[1:], strict=True)
    ]
    assert min(tokens) >= 8


def test_the_schedule_follows_the_resolution_rule(pipe):
    from training.package import flow_shift

    assert pipe.scheduler.config.flow_shift == flow_shift(pipe.vae)
