"""Fingerprints: of a model, the same for the same files wherever they are, another for any change; of code, another for any but in words."""

import shutil
from types import SimpleNamespace

import pytest

from tsattn import fingerprint as module
from tsattn.errors import ModelError
from tsattn.fingerprint import code_fingerprint, fingerprint
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


CODE = '''"""What it is."""

from math import pi  # of a circle

TEXT = """not # a comment

and no docstring"""
"""About it."""


def area(radius):
    """Of a circle,

    in squares."""
    # as every child knows
    return f"{pi * radius**2:.1f} {{m}}"
'''


def code(folder, text):
    (folder / "code.py").write_text(text)
    return code_fingerprint([str(folder / "code.py")])


def test_words_about_code_do_not_count_and_code_does(tmp_path):
    before = code(tmp_path, CODE)
    for same in (
        CODE.replace("What it is.", "What it was.\n"), CODE.replace("  # of a circle", ""),
        CODE.replace("    # as every child knows\n", "\n\n"), CODE.replace("Of a circle,\n", "Of one"),
    ):  # fmt: skip
        assert same != CODE
        assert code(tmp_path, same) == before
    for other in (
        CODE.replace("**2", "**3"), CODE.replace("not #", "no #"), CODE.replace("{{m}}", "{{cm}}"),
        CODE.replace("return", "yield"),
    ):  # fmt: skip
        assert code(tmp_path, other) != before
    assert code_fingerprint([]) != before


def test_a_fingerprint_of_code_is_the_same_in_every_version_of_python(tmp_path):
    """What an interpreter makes of a file differs from version to version; this is what 3.10, 3.11, 3.12 and 3.13 gave."""
    assert code(tmp_path, CODE)[:12] == "c9d8b6bf7eb5"
