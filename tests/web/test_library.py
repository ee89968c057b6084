"""Runs on disk: whose they are, how many, and what is left of those that fail."""

import pytest

from tsattn.errors import PlanError, TsattnError
from tsattn.web.library import MOST_KEPT, Library
from tsattn.web.making import loaded


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "runs")


def fill(folder):
    (folder / "run.json").write_text("{}")
    return None, ()


def test_a_browser_sees_its_own_runs_only(library):
    mine = library.add("me", fill)
    assert library.find("me", mine.id) is mine and library.find("you", mine.id) is None
    assert library.file("me", mine.id, "run.json").read_text() == "{}"
    assert library.file("you", mine.id, "run.json") is None


@pytest.mark.parametrize("name", ["../run.json", "..", "", ".", "/etc/passwd", "missing.mp4"])
def test_only_files_of_the_run_can_be_had(library, name):
    mine = library.add("me", fill)
    (mine.folder.parent / "secret").write_text("x")
    assert library.file("me", mine.id, name) is None
    assert library.file("me", "..", "secret") is None


def test_what_fails_leaves_nothing(library, tmp_path):
    def fails(folder):
        (folder / "half.mp4").write_bytes(b"x")
        raise PlanError("no")

    with pytest.raises(PlanError):
        library.add("me", fails)
    assert not list((tmp_path / "runs").iterdir()) and not library.of("me")


def test_the_oldest_runs_go(library, tmp_path):
    made = [library.add("me", fill) for _ in range(MOST_KEPT + 2)]
    assert library.of("me") == made[:1:-1]
    assert len(list((tmp_path / "runs").iterdir())) == MOST_KEPT


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\x00\x00\x00\x20ftypisom", b"{", b"{}", b'{"format": 1}', b"\xff{", b"[" * 10**6]
)
def test_files_that_are_no_runs_are_refused_and_leave_nothing(library, tmp_path, content):
    with pytest.raises(TsattnError):
        loaded(library, "me", content)
    assert not library.of("me")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    "clip", [{"frames": 10**12}, {"compression": 0}, {"fps": 0.0}, {"opening": 99}, {"frames": -1}]
)
def test_clips_that_cannot_be_are_refused(library, clip):
    import json
    from dataclasses import asdict

    from tsattn.control import ControlConfig
    from tsattn.generate import SHAPES_SETTINGS
    from tsattn.plan import parse

    whole = {"frames": 25, "fps": 8.0, "compression": 4, "opening": 1}
    run = {
        "format": 1,
        "plan": parse("A red circle grows").model_dump(mode="json"),
        "model": "shapes",
        "settings": asdict(SHAPES_SETTINGS),
        "control": asdict(ControlConfig()),
        "image": None,
        "versions": {},
        "sha256": {"controlled": ""},
    }
    assert loaded(library, "me", json.dumps({**run, "clip": whole}).encode()).loaded
    with pytest.raises(TsattnError):
        loaded(library, "me", json.dumps({**run, "clip": {**whole, **clip}}).encode())
