"""How much of a GPU a worker is given, by weights on disk."""

import pytest
import torch
from safetensors.torch import save_file

from tests.batch.toys import job
from tsattn.batch.placement import RUN, RUN_BY_PIXEL, memory_needed, needs, numbers_in, share
from tsattn.errors import ModelError
from tsattn.generate import EMBEDDED, describe, open_model

GIB = 2**30


@pytest.fixture
def folder(tmp_path):
    for part, shape in {"transformer": (10, 100), "text_encoder": (50,), "vae": (20, 10)}.items():
        (tmp_path / part).mkdir()
        save_file({"weight": torch.zeros(shape)}, tmp_path / part / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def test_weights_count_as_they_are_loaded_and_the_run_by_its_pixels(folder):
    assert memory_needed(folder, 0) == (1000 + 50) * 2 + 200 * 4 + RUN
    assert memory_needed(folder, 7) - memory_needed(folder, 0) == 7 * RUN_BY_PIXEL


def test_unknown_without_safetensors(tmp_path):
    assert memory_needed(tmp_path, 100) is None


def test_broken_weights_are_named(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"12345678{")
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        numbers_in(tmp_path / "broken.safetensors")


@pytest.mark.parametrize(
    ("needed", "capacity", "expected"),
    [(10, 80, 1 / 8), (30, 80, 1 / 2), (41, 80, 1), (80, 80, 1), (200, 80, 1), (None, 80, 1), (10, None, 1)],
)
def test_as_many_workers_share_a_gpu_as_fit_it(needed, capacity, expected):
    assert share(needed and needed * GIB, capacity and capacity * GIB) == pytest.approx(expected)


def test_the_embedded_models_numbers_are_counted_right():
    pipe = open_model(describe(EMBEDDED)).pipe
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    vae = sum(weight.numel() for weight in pipe.vae.state_dict().values())
    rest = sum(weight.numel() for module in modules for weight in module.state_dict().values()) - vae
    pixels = 64 * 64 * 25
    expected = 2 * rest + 4 * vae + RUN + RUN_BY_PIXEL * pixels
    # tied weights are on disk once
    assert needs([job("x", source=EMBEDDED)]) == pytest.approx(expected, rel=0.01)


def test_a_worker_must_hold_the_largest_video():
    tall = job("tall", source=EMBEDDED)
    wide = job("wide", source=EMBEDDED, settings=tall.settings.__class__(**{**tall.settings.__dict__, "width": 6400}))
    assert needs([tall, wide]) == needs([wide]) > needs([tall])
