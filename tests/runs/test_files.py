"""Writing a run's folder where that cannot be done."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tsattn import runs
from tsattn.errors import OutputError
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS, describe
from tsattn.plan import parse


@pytest.fixture
def run() -> runs.Run:
    """A run of grey frames."""
    recipe = runs.Recipe(plan=parse("A red circle moves right, then grows"), model=EMBEDDED, settings=SHAPES_SETTINGS)
    clip = describe(EMBEDDED).clip(recipe.settings)
    frames = np.full((clip.frames, 16, 16, 3), 90, np.uint8)
    videos = {name: runs.Video(frames=frames) for name in ("baseline", "controlled")}
    return runs.Run(recipe=recipe, clip=clip, versions={"tsattn": "0"}, videos=videos, image=Image.new("RGB", (16, 16)))


@pytest.mark.parametrize(
    "step",
    ["tempfile.mkdtemp", "tsattn.video.write_mp4", "PIL.Image.Image.save", "pathlib.Path.write_text", "os.replace"],
)
def test_a_full_disk_is_an_error_of_one_line_and_leaves_nothing(
    run: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "run.json").write_text("of an earlier run")
    monkeypatch.setattr(step, full)
    with pytest.raises(OutputError, match=r"No space left on device; choose a folder that .*has room") as raised:
        runs.write(tmp_path, run)
    assert str(tmp_path) in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "of an earlier run"


def test_an_error_that_says_no_more_than_words_is_told_with_them(
    run: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("encoder error -2 when writing image file")

    monkeypatch.setattr("PIL.Image.Image.save", broken)
    with pytest.raises(OutputError, match="encoder error -2"):
        runs.write(tmp_path, run)
