"""What a judge sees of a video file, and files that are none."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluate.storyeval.making import make_video
from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.frames import inspect, key_frames
from tsattn.evaluate.storyeval.protocol import GPT4O, LLAVA
from tsattn.video import write_mp4


def grey(path: Path, frames: int, size: int = 16) -> Path:
    """Frame k is grey of level 10 k."""
    levels = np.arange(frames, dtype=np.uint8) * 10
    write_mp4(path, np.broadcast_to(levels[:, None, None, None], (frames, size, size, 3)).copy(), fps=8)
    return path


@pytest.mark.parametrize("size", [16, 640])
def test_frames_are_resized_and_in_order(tmp_path: Path, size: int) -> None:
    path = grey(tmp_path / "a.mp4", 18, size)
    clip = inspect(path)
    assert clip.frames == 18
    seen = key_frames(path, clip, GPT4O.indices)
    assert {image.size for image in seen.images} == {(512, 320)}
    levels = [np.asarray(image).mean() for image in seen.images]
    assert levels == pytest.approx([0, 50, 110, 170], abs=3)
    pictures = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in seen.data_urls]
    assert [(picture.format, picture.size) for picture in pictures] == [("JPEG", (512, 320))] * 4


def test_a_short_clip_fills_the_frames_of_a_judge_that_wants_many(tmp_path: Path) -> None:
    path = grey(tmp_path / "a.mp4", 3)
    assert len(key_frames(path, inspect(path), LLAVA.indices).images) == 32
    assert len(key_frames(path, inspect(path), GPT4O.indices).images) == 3


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    one, same, other = (
        make_video(tmp_path / "a.mp4"),
        make_video(tmp_path / "b.mp4"),
        make_video(tmp_path / "c.mp4", seed=1),
    )
    assert inspect(one).digest == inspect(same).digest != inspect(other).digest


def test_files_that_are_no_whole_video_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=24)
    whole = path.read_bytes()
    clip = inspect(path)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert inspect(path).frames == 24, "its head is whole"
    with pytest.raises(EvaluationError, match=r"a\.mp4 breaks off after \d+ "):
        key_frames(path, clip, GPT4O.indices)
    for content in (b"", b"no video", whole[:100]):
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=r"a\.mp4 is no video"):
            inspect(path)
    with pytest.raises(EvaluationError, match="cannot read none.mp4: No such file"):
        inspect(tmp_path / "none.mp4")
