"""The motion region on the video: where in each frame the model looked for the subject, in the colour of what was due."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from tsattn.inspect.store import Array, Due, Record
from tsattn.video import Frames, Row, contact_sheet, enlargement

TINT = 0.55
"""How much of the colour there is where a token was always in the region."""
DIMMED = 0.45
"""Brightness outside the region."""


def region_video(record: Record, frames: Frames) -> Frames:
    """The video (f, y, x, 3), dark outside the motion regions, tinted inside with the colours of the events that are due.

    The tint is the stronger in the more of the recorded steps and layers a token was in the region. Raises `ValueError`
    where the video is not of the record's clip.
    """
    _check(record, frames)
    size = frames.shape[2], frames.shape[1]
    made = []
    for number, frame in enumerate(frames):
        latent = _latent(record, number)
        inside = np.zeros(frame.shape[:2], np.float32)
        tint, weight = np.zeros(frame.shape, np.float32), np.zeros(frame.shape[:2], np.float32)
        for due in _due_in(record, latent):
            share = _enlarged(record.where[due.subject, latent], size)
            tint += share[..., None] * np.array(ImageColor.getrgb(due.colour), np.float32)
            weight += share
            inside = np.maximum(inside, share)
        colour = tint / np.maximum(weight, 1e-6)[..., None]
        lit = frame * (DIMMED + (1 - DIMMED) * inside)[..., None]
        made.append(lit * (1 - TINT * inside)[..., None] + colour * (TINT * inside)[..., None])
    return np.stack(made).round().clip(0, 255).astype(np.uint8)


def looks_video(record: Record, subject: int, shape: tuple[int, ...]) -> Frames:
    """A subject's map as a grey video of the shape (f, y, x, 3), light where the model looks for the subject most."""
    table = record.looks[subject]
    low, high = float(table.min()), float(table.max())
    scaled = (table - low) / max(high - low, 1e-6)
    pictures = [_enlarged(frame, (shape[2], shape[1])) for frame in scaled]
    made = [pictures[_latent(record, number)] for number in range(shape[0])]
    return np.repeat((255 * np.stack(made))[..., None], 3, axis=-1).round().astype(np.uint8)


def sheet(record: Record, frames: Frames, *, done: list[bool] | None = None) -> Image.Image:
    """Evenly spaced frames of the video, under them the regions on the same frames and every subject's map."""
    frames = larger(frames)
    rows = [Row("video", frames, done), Row("motion region", region_video(record, frames), None)]
    for number, subject in enumerate(record.plan.subjects):
        rows.append(Row(f"map of '{subject.text}'", looks_video(record, number, frames.shape), None))
    return contact_sheet(rows, plan=record.plan, clip=record.clip)


def larger(frames: Frames) -> Frames:
    """A small video with each pixel repeated, so that outlines of tokens and letters show."""
    scale = enlargement(*frames.shape[1:3])
    return frames.repeat(scale, axis=1).repeat(scale, axis=2)


def _due_in(record: Record, latent: int) -> list[Due]:
    return [due for due in record.events if due.stretch.first <= latent < due.stretch.last]


def _enlarged(table: Array, size: tuple[int, int]) -> Array:
    """Values of tokens (y, x) as those of pixels, for a frame of `size` (width, height)."""
    picture = Image.fromarray(np.asarray(table, np.float32))
    values: NDArray[np.float32] = np.asarray(picture.resize(size, Image.Resampling.NEAREST), np.float32)
    return values


def _latent(record: Record, frame: int) -> int:
    """The latent frame that covers a frame."""
    clip = record.clip
    return 0 if frame < clip.opening else min(1 + (frame - clip.opening) // clip.compression, record.grid.frames - 1)


def _check(record: Record, frames: Frames) -> None:
    if len(frames) != record.clip.frames:
        raise ValueError(f"the record is of {record.clip.frames} frames, but a video of {len(frames)} was given")
