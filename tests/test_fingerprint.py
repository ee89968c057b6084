"""The fingerprint of a model: the same for the same files wherever they are, another for any change."""

import shutil
from types import SimpleNamespace

import pytest

from tsattn import fingerprint as module
from tsattn.errors import ModelError
from tsattn.fingerprint import fingerprint
from tsattn.shapes import MODEL


def of(folder):
    return fingerprint(SimpleNamespace(name="mine", source=str(folder)))


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(MODEL, tmp_path / "copy")


def test_the_place_of_a_folder_and_what_is_not_the_model_do_not_count(copy):
    (copy / "README.md").write_text("words")
    (copy / ".cache").mkdir()
    (copy / ".cache" / "x.json").write_text("{}")
    assert of(copy) == of(MODEL)


@pytest.mark.parametrize("name", ["vae/config.json", "scheduler/scheduler_config.json", "model_index.json"])
def test_any_byte_of_a_configuration_counts(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    assert of(copy) != of(MODEL)


def test_a_missing_file_counts(copy):
    (copy / "model_index.json").unlink()
    assert of(copy) != of(MODEL)


@pytest.mark.parametrize("where", [0, 7 * 2**18, -1])
def test_large_files_are_sampled_from_end_to_end(tmp_path, where, monkeypatch):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(7 * 2**19))
    before = of(tmp_path)
    changed = bytearray(weights.read_bytes())
    changed[where : where + 2**18 if where >= 0 else None] = b"\1" * len(
        changed[where : where + 2**18 if where >= 0 else None]
    )
    weights.write_bytes(changed)
    assert of(tmp_path) != before
    assert weights.stat().st_size > module.READ_WHOLE


def test_a_hub_id_is_known_by_its_commit(tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--some--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    (repo / "snapshots" / commit).mkdir(parents=True)
    (repo / "snapshots" / commit / "model_index.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert of("some/model") == commit
    with pytest.raises(ModelError, match="'mine' is not in the hub's cache"):
        of("some/other")
