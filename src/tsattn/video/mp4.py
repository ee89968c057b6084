"""Videos on disk, with metadata; files appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from tsattn.errors import OutputError

Frames = NDArray[np.uint8]
"""A video as 8-bit RGB, shape (f, y, x, 3)."""

CONTAINER_KEYS = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Metadata that the MP4 container writes about itself."""
X264 = {"crf": "14", "preset": "medium", "threads": "4"}
"""Visually lossless. The number of threads is fixed because the encoded bytes depend on it."""
LONGEST_NAME = 255 - len("..01234567.part")
"""Bytes of the longest name that `moved_into_place` can write, on systems that know names of up to 255."""
SMALLEST_SIDE = 256
"""Videos smaller than this are shown enlarged, a whole number of times."""


def enlargement(height: int, width: int) -> int:
    """How many times a video of this size is enlarged for people to see."""
    return max(1, -(-SMALLEST_SIDE // min(height, width)))


def write_mp4(
    path: str | Path, frames: Frames, *, fps: float, scale: int = 1, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a video as H.264 that plays everywhere, with any metadata, in one step: the file is complete or absent.

    Each pixel becomes a square of `scale` pixels; where a side is then odd, its last row or column is repeated, as the
    format needs even sides. `fps` is in frames per second. The same input gives the same bytes.

    Raises `ValueError` unless frames are uint8 of shape (f, y, x, 3), fps and scale are positive and the metadata leave
    out `CONTAINER_KEYS`, and `OutputError` where the file cannot be written.
    """
    check_frames(frames)
    metadata = metadata or {}
    if scale < 1 or fps <= 0:
        raise ValueError(f"fps and scale must be positive, but got fps={fps} and scale={scale}")
    if reserved := sorted(CONTAINER_KEYS & metadata.keys()):
        raise ValueError(f"the container writes its own {', '.join(reserved)}; choose other names for the metadata")
    flags = {"movflags": "+faststart+use_metadata_tags", "fflags": "+bitexact"}
    with (
        moved_into_place(Path(path)) as part,
        av.open(str(part), "w", format="mp4", container_options=flags) as container,
    ):
        container.metadata.update(metadata)
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=X264)
        height, width = (side * scale + side * scale % 2 for side in frames.shape[1:3])
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(_enlarged(frame, scale), format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode())


def read_mp4(path: str | Path) -> tuple[Frames, dict[str, str]]:
    """All frames of a video, shape (f, y, x, 3), and the metadata that its author gave it.

    Raises `OutputError` where the file is missing or cut off, or holds no video that can be decoded.
    """
    with _opened(Path(path)) as container:
        promised, metadata = container.streams.video[0].frames, _own(container.metadata)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if len(frames) < max(promised, 1):
        raise OutputError(
            f"{path} is cut off: it holds {len(frames)} of {promised} frames; expected a complete MP4 file"
        )
    return np.stack(frames).astype(np.uint8, copy=False), metadata


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata alone, without decoding a frame. Raises `OutputError` as `read_mp4` does."""
    with _opened(Path(path)) as container:
        return _own(container.metadata)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise OutputError(f"{path} holds no video; expected a file such as `write_mp4` makes")
            yield container
    except av.FFmpegError as error:
        raise OutputError(f"cannot read the video {path}: {error.strerror}; expected a complete MP4 file") from error


def _own(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key not in CONTAINER_KEYS}


@contextmanager
def moved_into_place(path: Path) -> Iterator[Path]:
    """A name beside the target to write to; moved to the target on success, removed on any exception."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a folder that exists, has room and may be written to"
        ) from error
    finally:
        if os.path.exists(part):  # of a name that is too long, Path.exists would raise another error
            part.unlink()


def sweep(folder: Path, names: str) -> None:
    """Remove what a killed run had begun to write in a folder, to files whose names are like `names`, a glob.

    Only for a folder that this run holds, as the parts of one at work look the same. Raises `OutputError` where it cannot.
    """
    try:
        for part in folder.glob(f".{names}.{'[0-9a-f]' * 8}.part"):
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot remove {error.filename}, which a run that was killed left behind: {error.strerror}; remove it by hand"
        ) from error


def _enlarged(frame: Frames, scale: int) -> Frames:
    """The frame (y, x, 3) with each pixel repeated, its sides padded to even."""
    frame = frame.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def check_frames(frames: Frames, *, count: int | None = None) -> None:
    """Raise `ValueError` unless these are frames, `count` of them where that is given."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(f"expected frames as uint8 of shape (f, y, x, 3), but got {frames.dtype} {frames.shape}")
    if count is not None and len(frames) != count:
        raise ValueError(f"the clip has {count} frames, but a video of {len(frames)} was given")
