"""Videos on disk: what is written is read, and files are whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsattn.errors import OutputError
from tsattn.shapes.world import FPS, FRAMES
from tsattn.video import LONGEST_NAME, Frames, moved_into_place, read_metadata, read_mp4, sweep, write_mp4
from tsattn.video import mp4 as writing


def psnr(one: Frames, other: Frames) -> float:
    """Peak signal-to-noise ratio, dB."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize(("scale", "least"), [(1, 33), (2, 44), (5, 40)], ids=["half colour", "aligned", "odd"])
def test_what_is_written_is_read(tmp_path: Path, clip: Frames, scale: int, least: float) -> None:
    """Colour has half the resolution of brightness, so only an even scale keeps it to each pixel."""
    metadata = {"prompt": 'A "café"\n日本', "seed": "7", "title": "clip", "plan": "{}" * 5000, "empty": ""}
    write_mp4(tmp_path / "clip.mp4", clip, fps=FPS, scale=scale, metadata=metadata)
    frames, found = read_mp4(tmp_path / "clip.mp4")
    assert frames.dtype == np.uint8 and frames.shape == (FRAMES, 64 * scale, 64 * scale, 3)
    assert psnr(frames, clip.repeat(scale, 1).repeat(scale, 2)) > least
    assert found == read_metadata(tmp_path / "clip.mp4") == metadata


def test_colours_survive(tmp_path: Path) -> None:
    colours = np.array([(230, 38, 38), (38, 190, 50), (0, 0, 255), (240, 215, 38), (255, 255, 255), (0, 0, 0)])
    flat = np.broadcast_to(colours[:, None, None], (len(colours), 32, 32, 3)).astype(np.uint8)
    write_mp4(tmp_path / "flat.mp4", flat, fps=8)
    frames, _ = read_mp4(tmp_path / "flat.mp4")
    assert np.abs(frames.astype(int) - flat).max() <= 4, "8-bit YUV of limited range, and no shift of hue"


@pytest.mark.parametrize(("height", "width"), [(33, 35), (32, 35), (33, 32), (1, 1)])
def test_odd_sides_repeat_their_last_pixels(tmp_path: Path, height: int, width: int) -> None:
    frames = np.full((3, height, width, 3), 90, np.uint8)
    write_mp4(tmp_path / "odd.mp4", frames, fps=8)
    found, _ = read_mp4(tmp_path / "odd.mp4")
    assert found.shape == (3, height + height % 2, width + width % 2, 3)
    assert np.abs(found.astype(int) - 90).max() <= 3


@pytest.mark.parametrize("fps", [8, 16, 23.976, 12.5])
def test_plays_everywhere_and_from_the_first_byte(tmp_path: Path, clip: Frames, fps: float) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, clip, fps=fps)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.frames) == ("h264", "yuv420p", FRAMES)
        assert float(stream.average_rate or 0) == pytest.approx(fps, rel=1e-4)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_same_input_same_bytes(tmp_path: Path, clip: Frames) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_mp4(tmp_path / name, clip, fps=FPS, scale=2, metadata={"seed": "7"})
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, clip: Frames, monkeypatch: pytest.MonkeyPatch, exception: type[BaseException]
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"the one before")
    enlarged, calls = writing._enlarged, iter(range(FRAMES))

    def interrupted(frame: Frames, scale: int) -> Frames:
        if next(calls) == 5:
            raise exception
        return enlarged(frame, scale)

    monkeypatch.setattr(writing, "_enlarged", interrupted)
    with pytest.raises(exception):
        write_mp4(path, clip, fps=FPS)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"] and path.read_bytes() == b"the one before"


def test_a_place_that_cannot_be_written_to(tmp_path: Path, clip: Frames) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "clip.mp4", tmp_path / "file" / "clip.mp4", tmp_path / "folder"):
        with pytest.raises(OutputError, match=r"cannot write .*; choose a folder"):
            write_mp4(path, clip, fps=FPS)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


def test_what_cannot_be_written(tmp_path: Path, clip: Frames) -> None:
    wrong: list[Any] = [clip.astype(np.float32), clip[0], clip[..., :1], clip[:0]]
    for frames in wrong:
        with pytest.raises(ValueError, match=r"expected frames as uint8 of shape \(f, y, x, 3\)"):
            write_mp4(tmp_path / "clip.mp4", frames, fps=FPS)
    for fps, scale in ((0, 1), (-8, 1), (8, 0)):
        with pytest.raises(ValueError, match="must be positive"):
            write_mp4(tmp_path / "clip.mp4", clip, fps=fps, scale=scale)
    with pytest.raises(ValueError, match="the container writes its own encoder"):
        write_mp4(tmp_path / "clip.mp4", clip, fps=FPS, metadata={"encoder": "mine"})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read(tmp_path: Path, clip: Frames) -> None:
    write_mp4(tmp_path / "whole.mp4", clip, fps=FPS)
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 3 // 4])
    (tmp_path / "hollow.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    for name in ("missing.mp4", "text.mp4", "empty.mp4", "."):
        with pytest.raises(OutputError, match="cannot read the video"):
            read_mp4(tmp_path / name)
        with pytest.raises(OutputError, match="cannot read the video"):
            read_metadata(tmp_path / name)
    with pytest.raises(OutputError, match="expected a complete MP4 file"):
        read_mp4(tmp_path / "cut.mp4")
    with pytest.raises(OutputError, match=f"cut off: it holds 0 of {FRAMES} frames"):
        read_mp4(tmp_path / "hollow.mp4")


def test_the_longest_name_is_the_longest_that_can_be_written(tmp_path: Path) -> None:
    with moved_into_place(tmp_path / ("x" * LONGEST_NAME)) as part:
        part.touch()
    longer = tmp_path / ("x" * (LONGEST_NAME + 1))
    with pytest.raises(OutputError, match="File name too long"), moved_into_place(longer) as part:
        part.touch()


def test_parts_are_swept_and_nothing_else(tmp_path: Path) -> None:
    left = []
    for name in ("a.json", "[b].json", "c.mp4"):
        with moved_into_place(tmp_path / name) as part:
            part.touch()
        left.append(part)
        part.touch()  # as if the run had been killed before it was moved
    others = [tmp_path / name for name in (".a.json.part", ".a.json.0123456g.part", "a.json.01234567.part")]
    for path in others:
        path.touch()
    sweep(tmp_path, "*.json")
    assert [path.exists() for path in left] == [False, False, True]
    assert all(path.exists() for path in (*others, tmp_path / "a.json", tmp_path / "[b].json"))
    sweep(tmp_path / "none", "*")
