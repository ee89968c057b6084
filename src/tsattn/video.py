"""Videos on disk, and pictures of them against their plan: two side by side, or a sheet of frames.

Axes: f frames, y rows, x columns. Pictures are stacks of strips: every drawing function returns one strip as wide as
its page, and nothing knows where on the page it ends up.
"""

from __future__ import annotations

import os
import unicodedata
import uuid
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tsattn.errors import OutputError
from tsattn.palette import event_colour, ink_on
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip, snap_plan

Frames = NDArray[np.uint8]
"""A video as 8-bit RGB, shape (f, y, x, 3)."""

CONTAINER_KEYS = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Metadata that the MP4 container writes about itself."""
X264 = {"crf": "14", "preset": "medium", "threads": "4"}
"""Visually lossless. The number of threads is fixed because the encoded bytes depend on it."""


# files


def write_mp4(
    path: str | Path, frames: Frames, *, fps: float, scale: int = 1, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a video as H.264 that plays everywhere, with any metadata, in one step: the file is complete or absent.

    Each pixel becomes a square of `scale` pixels; where a side is then odd, its last row or column is repeated, as the
    format needs even sides. `fps` is in frames per second. The same input gives the same bytes.

    Raises `ValueError` unless frames are uint8 of shape (f, y, x, 3), fps and scale are positive and the metadata leave
    out `CONTAINER_KEYS`, and `OutputError` where the file cannot be written.
    """
    _check(frames)
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
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise OutputError(f"{path} holds no video; expected a file such as `write_mp4` makes")
            promised = container.streams.video[0].frames
            metadata = {key: value for key, value in container.metadata.items() if key not in CONTAINER_KEYS}
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except av.FFmpegError as error:
        raise OutputError(f"cannot read the video {path}: {error.strerror}; expected a complete MP4 file") from error
    if len(frames) < max(promised, 1):
        raise OutputError(
            f"{path} is cut off: it holds {len(frames)} of {promised} frames; expected a complete MP4 file"
        )
    return np.stack(frames).astype(np.uint8, copy=False), metadata


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
        if part.exists():
            part.unlink()


def _enlarged(frame: Frames, scale: int) -> Frames:
    """The frame (y, x, 3) with each pixel repeated, its sides padded to even."""
    frame = frame.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def _check(frames: Frames, *, count: int | None = None) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(f"expected frames as uint8 of shape (f, y, x, 3), but got {frames.dtype} {frames.shape}")
    if count is not None and len(frames) != count:
        raise ValueError(f"the clip has {count} frames, but a video of {len(frames)} was given")


# pictures


class Row(NamedTuple):
    """One video of a contact sheet: its label, its frames, and whether each event happened.

    `done` is in the order of the plan's subjects and their events; None where there is no verdict.
    """

    label: str
    video: Frames
    done: list[bool] | None


def side_by_side(left: Frames, right: Frames, *, labels: tuple[str, str], plan: Plan, clip: Clip, scale: int) -> Frames:
    """Two videos of the same clip next to each other, with the plan's timeline beneath and the events that are due.

    Both videos have shape (f, y, x, 3) with f the clip's frames; their pixels become squares of `scale` pixels.
    Returns frames of shape (f, page y, page x, 3). Raises `ValueError` where the videos do not fit each other or the
    clip, and `PlanError` where the plan does not fit the clip.
    """
    for video in (left, right):
        _check(video, count=clip.frames)
    if left.shape != right.shape or scale < 1:
        raise ValueError(f"expected videos of one size and scale >= 1, but got {left.shape}, {right.shape} and {scale}")
    lanes = _lanes(plan, clip)
    wide = left.shape[2] * scale
    size = min(max(2 * wide // 36, 12), 32)
    page = _Page(2 * wide + 3 * size, size, 2 * wide + 2 * size, clip.frames, size, _DARK)
    places = (size, wide + 2 * size)
    head, ticks = _headings(page, labels, places, wide), _ticks(page, clip)
    bars, space = [_bar(page, lane) for lane in lanes], page.blank(size // 2)
    frames = []
    for now, pair in enumerate(zip(left, right, strict=True)):
        videos = [Image.fromarray(frame.repeat(scale, axis=0).repeat(scale, axis=1)) for frame in pair]
        strips = [space, head, _beside(page, videos, places), space]
        for lane, bar in zip(lanes, bars, strict=True):
            if lane.subject:
                strips.append(_due_now(page, [other for other in lanes if other.owner == lane.owner], now))
            strips.append(_playhead(page, bar.copy(), now))
        frames.append(np.asarray(_stacked([*strips, ticks, space])))
    return np.stack(frames)


def contact_sheet(rows: Sequence[Row], *, plan: Plan, clip: Clip, columns: int = 13, cell: int = 128) -> Image.Image:
    """Evenly spaced frames of each video, one row each, under the prompt and the timeline of its events.

    Frames are `cell` pixels wide and stand where their time is on the timeline; text grows with them. Under a row with
    verdicts, each event is marked done or missed. Raises `ValueError` where a row does not fit the clip or the plan,
    and `PlanError` where the plan does not fit the clip.
    """
    lanes = _lanes(plan, clip)
    events = sum(len(lane.events) for lane in lanes)
    for row in rows:
        _check(row.video, count=clip.frames)
        if row.done is not None and len(row.done) != events:
            raise ValueError(f"the plan has {events} events, but {row.label!r} has {len(row.done)} verdicts")
    if columns < 1 or cell < 32:
        raise ValueError(f"a sheet needs at least 1 column of 32 pixels, but got columns={columns} and cell={cell}")
    columns, size = min(columns, clip.frames), cell // 5
    names = [_legible(name) for name in (*(row.label for row in rows), *(lane.subject for lane in lanes))]
    left = 2 * size + min(2 * cell, round(max(_font(size).getlength(name) for name in names)) + 1)
    page = _Page(left + columns * cell + size, left, left + columns * cell, clip.frames, size, _LIGHT)
    space = page.blank(size // 2)
    strips = [space, _title(page, plan.prompt), page.blank(size // 3)]
    strips += [*(_bar(page, lane) for lane in lanes), _ticks(page, clip)]
    for row in rows:
        strips += [space, _film(page, row, columns)]
        if row.done is not None:
            strips += [_verdicts(page, lane, row.done) for lane in lanes]
    return _stacked([*strips, space])


class _Theme(NamedTuple):
    paper: str
    ink: str
    faint: str
    track: str


_LIGHT = _Theme("#FFFFFF", "#1F2328", "#656D76", "#EAEEF2")
_DARK = _Theme("#16181D", "#E8EAED", "#9AA1AB", "#2B2F37")


class _Page(NamedTuple):
    """A page across which time runs: its width, where its frames begin and end, its text size, all in pixels."""

    width: int
    left: int
    right: int
    frames: int
    size: int
    theme: _Theme

    def at(self, frame: float) -> int:
        """Where a moment stands."""
        return self.left + round((self.right - self.left) * frame / self.frames)

    def blank(self, height: int) -> Image.Image:
        """An empty strip."""
        return Image.new("RGB", (self.width, height), self.theme.paper)


class _Due(NamedTuple):
    """An event, due from frame `first` up to but not including `last`; `number` counts over all subjects."""

    number: int
    text: str
    first: int
    last: int


class _Lane(NamedTuple):
    """Events of one subject that do not overlap. Only the first lane of a subject bears its name."""

    owner: int
    subject: str
    events: list[_Due]


def _lanes(plan: Plan, clip: Clip) -> list[_Lane]:
    """The timeline: one lane for each subject, and more for events that overlap those before them."""
    lanes: list[_Lane] = []
    number = 0
    for owner, (subject, stretches) in enumerate(zip(plan.subjects, snap_plan(plan, clip), strict=True)):
        own: list[_Lane] = []
        for event, (first, last) in zip(subject.events, stretches, strict=True):
            due = _Due(number, event.text, clip.first_frame(first), clip.first_frame(last))
            free = next((lane for lane in own if lane.events[-1].last <= due.first), None)
            if free is None:
                own.append(free := _Lane(owner, "" if own else subject.text, []))
            free.events.append(due)
            number += 1
        lanes += own
    return lanes


# strips


def _title(page: _Page, prompt: str) -> Image.Image:
    font = _font(page.size * 6 // 5)
    lines = _wrapped(prompt, font, page.width - 2 * page.size)
    step = page.size * 8 // 5
    strip = page.blank(step * len(lines))
    draw = ImageDraw.Draw(strip)
    for k, line in enumerate(lines):
        draw.text((page.size, step * k + step // 2), line, page.theme.ink, font, anchor="lm")
    return strip


def _headings(page: _Page, labels: Iterable[str], places: Iterable[int], width: int) -> Image.Image:
    strip, font = page.blank(page.size * 2), _font(page.size)
    for label, x in zip(labels, places, strict=True):
        text = _fitted(label, font, width)
        ImageDraw.Draw(strip).text((x, strip.height // 2), text, page.theme.ink, font, anchor="lm")
    return strip


def _beside(page: _Page, pictures: Sequence[Image.Image], places: Iterable[int]) -> Image.Image:
    strip = page.blank(max(picture.height for picture in pictures))
    for picture, x in zip(pictures, places, strict=True):
        strip.paste(picture, (x, 0))
    return strip


def _bar(page: _Page, lane: _Lane) -> Image.Image:
    """The subject's words left of the timeline where there is room, and a coloured segment with its words per event."""
    high, font = page.size * 8 // 5, _font(page.size * 9 // 10)
    strip = page.blank(high + max(2, page.size // 6))
    draw = ImageDraw.Draw(strip)
    subject = _fitted(lane.subject, _font(page.size), page.left - 2 * page.size)
    draw.text((page.size, high // 2), subject, page.theme.ink, _font(page.size), anchor="lm")
    draw.rectangle((page.left, 0, page.right - 1, high - 1), page.theme.track)
    for due in lane.events:
        first, last, colour = page.at(due.first), page.at(due.last), event_colour(due.number)
        draw.rectangle((first, 0, last - 1 - 2 * (last < page.right), high - 1), colour)
        text = _fitted(due.text, font, last - first - page.size)
        draw.text(((first + last) // 2, high // 2), text, ink_on(colour), font, anchor="mm")
    return strip


def _playhead(page: _Page, strip: Image.Image, now: int) -> Image.Image:
    x, half = page.at(now + 0.5), max(1, page.size // 12)
    draw = ImageDraw.Draw(strip)
    draw.rectangle((x - 2 * half, 0, x + 2 * half, strip.height), page.theme.paper)
    draw.rectangle((x - half, 0, x + half, strip.height), page.theme.ink)
    return strip


def _due_now(page: _Page, lanes: Iterable[_Lane], now: int) -> Image.Image:
    """A subject's words, and after them those of its events that are due."""
    strip, font, gap = page.blank(page.size * 2), _font(page.size), page.size // 3
    draw, middle = ImageDraw.Draw(strip), page.size
    x = page.left
    for lane in lanes:
        name = _fitted(lane.subject, font, (page.right - page.left) // 3)
        draw.text((x, middle), name, page.theme.ink, font, anchor="lm")
        x += round(font.getlength(name)) + gap * bool(name)
    now_due = [due for lane in lanes for due in lane.events if due.first <= now < due.last]
    for waiting, due in zip(range(len(now_due), 0, -1), now_due, strict=True):
        text = _fitted(due.text, font, (page.right - x) // waiting - 3 * gap)
        end = x + round(font.getlength(text)) + 2 * gap
        colour, half = event_colour(due.number), page.size * 3 // 4
        draw.rounded_rectangle((x, middle - half, end, middle + half), gap, colour)
        draw.text((x + gap, middle), text, ink_on(colour), font, anchor="lm")
        x = end + gap
    return strip


def _ticks(page: _Page, clip: Clip) -> Image.Image:
    """Seconds under the timeline, at a round step that leaves room for the numbers."""
    font, notch = _font(page.size * 4 // 5), max(2, page.size // 4)
    strip = page.blank(notch + page.size * 5 // 4)
    draw = ImageDraw.Draw(strip)
    least = 6 * page.size * clip.seconds / (page.right - page.left)
    steps = (digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5))
    step = next((step for step in steps if step >= least), clip.seconds)
    for k in range(int(clip.seconds / step + 1e-9) + 1):
        text, x = f"{k * step:g} s", page.at(k * step * clip.fps)
        draw.line((x, 0, x, notch), page.theme.faint, max(1, page.size // 12))
        half = round(font.getlength(text) / 2) + 1
        x = min(max(x, half), page.width - half)
        draw.text((x, notch), text, page.theme.faint, font, anchor="ma")
    return strip


def _film(page: _Page, row: Row, columns: int) -> Image.Image:
    """The row's label and its frames, each around the moment that it shows."""
    cell = (page.right - page.left) // columns
    gap = max(1, cell // 32)
    moments = ((2 * k + 1) * len(row.video) // (2 * columns) for k in range(columns))
    pictures = [_resized(row.video[moment], cell - gap) for moment in moments]
    strip = _beside(page, pictures, (page.left + k * cell + gap // 2 for k in range(columns)))
    font, step = _font(page.size), page.size * 5 // 4
    lines = _wrapped(row.label, font, page.left - 2 * page.size, most=max(1, strip.height // step))
    for k, line in enumerate(lines):
        y = strip.height // 2 + round((k - (len(lines) - 1) / 2) * step)
        ImageDraw.Draw(strip).text((page.size, y), line, page.theme.ink, font, anchor="lm")
    return strip


def _verdicts(page: _Page, lane: _Lane, done: Sequence[bool]) -> Image.Image:
    """Under each event's time, a mark in its colour and, where there is room, the word for it."""
    strip, font = page.blank(page.size * 8 // 5), _font(page.size * 4 // 5)
    draw, middle, gap = ImageDraw.Draw(strip), strip.height // 2, page.size // 3
    for due in lane.events:
        first, last, colour = page.at(due.first), page.at(due.last), event_colour(due.number)
        mark = _mark(page.size * 11 // 10, colour, page.theme, done=done[due.number])
        text = "done" if done[due.number] else "missed"
        width = round(font.getlength(text)) + gap
        if width + mark.width + 2 * gap > last - first:
            text, width = "", 0
        x = (first + last - mark.width - width) // 2
        for start, end in ((first, x - gap), (x + mark.width + width + gap, last - 3)):
            if end - start >= page.size:
                draw.line((start, middle, end, middle), colour, max(2, page.size // 8))
        strip.paste(mark, (x, middle - mark.height // 2), mark)
        draw.text((x + mark.width + gap, middle), text, page.theme.ink, font, anchor="lm")
    return strip


@lru_cache(maxsize=64)
def _mark(size: int, colour: str, theme: _Theme, *, done: bool) -> Image.Image:
    """A disc of the colour with a tick or a ring with a cross, drawn large and reduced for smooth edges."""
    big = 8 * size
    tile = Image.new("RGBA", (big, big))
    draw = ImageDraw.Draw(tile)
    fill, ink = (colour, ink_on(colour)) if done else (theme.paper, theme.ink)
    draw.ellipse((0, 0, big - 1, big - 1), fill, colour, big // 8)
    tick, cross = ((0.25, 0.52), (0.43, 0.70), (0.76, 0.33)), (((0.3, 0.3), (0.7, 0.7)), ((0.3, 0.7), (0.7, 0.3)))
    for stroke in (tick,) if done else cross:
        draw.line([(x * big, y * big) for x, y in stroke], ink, big // 8, joint="curve")
    return tile.resize((size, size), Image.Resampling.LANCZOS)


def _resized(frame: Frames, width: int) -> Image.Image:
    picture = Image.fromarray(frame)
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _stacked(strips: Sequence[Image.Image]) -> Image.Image:
    picture = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)))
    y = 0
    for strip in strips:
        picture.paste(strip, (0, y))
        y += strip.height
    return picture


# text


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=max(size, 6))
    assert isinstance(font, ImageFont.FreeTypeFont)  # always, where a size is given
    return font


def _legible(text: str) -> str:
    """One line in letters that the built-in font has: it lacks accents and dashes."""
    text = "".join("-" if unicodedata.category(char) == "Pd" else char for char in unicodedata.normalize("NFKD", text))
    return " ".join("".join(char for char in text if not unicodedata.combining(char)).split())


def _fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text on one line, cut and ended by an ellipsis where it is too long, empty where not a letter fits."""
    text = _legible(text)
    if font.getlength(text) <= width:
        return text
    room = width - font.getlength("…")
    kept = bisect_right(range(1, len(text)), room, key=lambda end: font.getlength(text[:end]))
    return text[:kept].rstrip(" ,.;") + "…" if kept else ""


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float, *, most: int | None = None) -> list[str]:
    """The text on lines no longer than the width, `most` of them at most, and what is too long for that cut."""
    lines: list[str] = []
    for word in _legible(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (font.getlength(longer) <= width or len(lines) == most):
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fitted(line, font, width) for line in lines]
