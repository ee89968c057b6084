"""The frames of a video that a judge sees."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image

from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.protocol import SIZE

JPEG_QUALITY = 95


class Clip(NamedTuple):
    """A video file before it is decoded: the SHA-256 of its bytes, and its number of frames."""

    digest: str
    frames: int


@dataclass(frozen=True)
class KeyFrames:
    """Frames in the order of time, each 512 x 320 pixels."""

    images: tuple[Image.Image, ...]

    @cached_property
    def data_urls(self) -> list[str]:
        """The frames as JPEG in addresses that hold them."""
        return [f"data:image/jpeg;base64,{base64.b64encode(_jpeg(image)).decode()}" for image in self.images]


def inspect(path: Path) -> Clip:
    """What a video file holds. Raises `EvaluationError` where it cannot be opened as a video."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"cannot read {path.name}: {error.strerror}") from None
    try:
        with av.open(io.BytesIO(content)) as container:
            stream = container.streams.video[0]
            frames = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    except (av.FFmpegError, IndexError) as error:
        raise EvaluationError(f"{path.name} is no video ({_reason(error)})") from None
    if not frames:
        raise EvaluationError(f"{path.name} is a video without frames")
    return Clip(hashlib.sha256(content).hexdigest(), frames)


def key_frames(path: Path, clip: Clip, choose: Callable[[int], Sequence[int]]) -> KeyFrames:
    """The frames whose numbers `choose` gives for the number of frames of a clip.

    Raises `EvaluationError` where the video breaks off or cannot be decoded.
    """
    wanted = choose(clip.frames)
    seen: dict[int, Image.Image] = {}
    number = -1
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    seen[number] = _resized(frame.to_image())
    except av.FFmpegError as error:
        raise EvaluationError(f"{path.name} breaks off after {number + 1} frames ({_reason(error)})") from None
    if number + 1 < clip.frames:
        raise EvaluationError(f"{path.name} breaks off after {number + 1} of {clip.frames} frames")
    return KeyFrames(tuple(seen[number] for number in wanted))


def _resized(image: Image.Image) -> Image.Image:
    """The mean of the pixels that fall together; where there are too few, lines between them."""
    shrinks = image.width >= SIZE[0] and image.height >= SIZE[1]
    return image.resize(SIZE, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "no picture in it"
