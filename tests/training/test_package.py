import pytest
import torch
from diffusers import DiffusionPipeline, WanImageToVideoPipeline, WanPipeline

from tests.shapes.sibling import untrained
from training.common import scene_of
from training.package import check_target
from tsattn.generate import SHAPES_SETTINGS
from tsattn.shapes import MODEL
from tsattn.shapes.world import first_frame


def latents(pipe, **given):
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        prompt="A red circle grows", height=SHAPES_SETTINGS.height, width=SHAPES_SETTINGS.width, num_inference_steps=1,
        num_frames=SHAPES_SETTINGS.frames, generator=torch.Generator().manual_seed(0), output_type="latent", **given,
    ).frames  # fmt: skip


def test_the_sibling_is_a_stock_pipeline_and_before_training_it_makes_what_its_start_makes(tmp_path):
    pipe = DiffusionPipeline.from_pretrained(untrained(tmp_path))
    assert type(pipe) is WanImageToVideoPipeline
    assert pipe.image_encoder is None and pipe.transformer.config.image_dim is None
    assert not pipe.config.expand_timesteps
    assert (pipe.transformer.config.in_channels, pipe.transformer.config.out_channels) == (10, 4)
    expected = latents(WanPipeline.from_pretrained(MODEL))
    assert torch.allclose(latents(pipe, image=first_frame(scene_of(0, stage=97))), expected, atol=1e-4)


def test_nothing_but_a_pipeline_is_replaced(tmp_path):
    target = tmp_path / "target"
    check_target(target)
    target.mkdir()
    check_target(target)
    (target / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="holds no pipeline"):
        check_target(target)
    (target / "model_index.json").write_text("{}")
    check_target(target)
