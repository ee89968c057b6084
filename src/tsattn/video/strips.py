"""Pictures are stacks of strips: every function returns one as wide as its page, and knows not where on it it ends up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from PIL import Image, ImageDraw

from tsattn.palette import event_colour, ink_on
from tsattn.plan.timeline import Clip
from tsattn.video.mp4 import Frames
from tsattn.video.page import Lane, Page, Theme
from tsattn.video.text import fitted, font_of, wrapped


def title(page: Page, prompt: str) -> Image.Image:
    """The prompt, on as many lines as it takes."""
    font = font_of(page.size * 6 // 5)
    lines = wrapped(prompt, font, page.width - 2 * page.size)
    step = page.size * 8 // 5
    strip = page.blank(step * len(lines))
    draw = ImageDraw.Draw(strip)
    for k, line in enumerate(lines):
        draw.text((page.size, step * k + step // 2), line, page.theme.ink, font, anchor="lm")
    return strip


def headings(page: Page, labels: Iterable[str], places: Iterable[int], width: int) -> Image.Image:
    """A label of at most `width` at each of these places."""
    strip, font = page.blank(page.size * 2), font_of(page.size)
    for label, x in zip(labels, places, strict=True):
        text = fitted(label, font, width)
        ImageDraw.Draw(strip).text((x, strip.height // 2), text, page.theme.ink, font, anchor="lm")
    return strip


def beside(page: Page, pictures: Sequence[Image.Image], places: Iterable[int]) -> Image.Image:
    """A picture at each of these places."""
    strip = page.blank(max(picture.height for picture in pictures))
    for picture, x in zip(pictures, places, strict=True):
        strip.paste(picture, (x, 0))
    return strip


def bar(page: Page, lane: Lane) -> Image.Image:
    """The subject's words left of the timeline where there is room, and a coloured segment with its words per event."""
    high, font = page.size * 8 // 5, font_of(page.size * 9 // 10)
    strip = page.blank(high + max(2, page.size // 6))
    draw = ImageDraw.Draw(strip)
    subject = fitted(lane.subject, font_of(page.size), page.left - 2 * page.size)
    draw.text((page.size, high // 2), subject, page.theme.ink, font_of(page.size), anchor="lm")
    draw.rectangle((page.left, 0, page.right - 1, high - 1), page.theme.track)
    for due in lane.events:
        first, last, colour = page.at(due.first), page.at(due.last), event_colour(due.number)
        draw.rectangle((first, 0, last - 1 - 2 * (last < page.right), high - 1), colour)
        text = fitted(due.text, font, last - first - page.size)
        draw.text(((first + last) // 2, high // 2), text, ink_on(colour), font, anchor="mm")
    return strip


def playhead(page: Page, strip: Image.Image, now: int) -> Image.Image:
    """The strip, changed: with a line where frame `now` stands."""
    x, half = page.at(now + 0.5), max(1, page.size // 12)
    draw = ImageDraw.Draw(strip)
    draw.rectangle((x - 2 * half, 0, x + 2 * half, strip.height), page.theme.paper)
    draw.rectangle((x - half, 0, x + half, strip.height), page.theme.ink)
    return strip


def due_now(page: Page, lanes: Iterable[Lane], now: int) -> Image.Image:
    """A subject's words, and after them those of its events that are due."""
    strip, font, gap = page.blank(page.size * 2), font_of(page.size), page.size // 3
    draw, middle = ImageDraw.Draw(strip), page.size
    x = page.left
    for lane in lanes:
        name = fitted(lane.subject, font, (page.right - page.left) // 3)
        draw.text((x, middle), name, page.theme.ink, font, anchor="lm")
        x += round(font.getlength(name)) + gap * bool(name)
    now_due = [due for lane in lanes for due in lane.events if due.first <= now < due.last]
    for waiting, due in zip(range(len(now_due), 0, -1), now_due, strict=True):
        text = fitted(due.text, font, (page.right - x) // waiting - 3 * gap)
        end = x + round(font.getlength(text)) + 2 * gap
        colour, half = event_colour(due.number), page.size * 3 // 4
        draw.rounded_rectangle((x, middle - half, end, middle + half), gap, colour)
        draw.text((x + gap, middle), text, ink_on(colour), font, anchor="lm")
        x = end + gap
    return strip


def ticks(page: Page, clip: Clip) -> Image.Image:
    """Seconds under the timeline, at a round step that leaves room for the numbers."""
    font, notch = font_of(page.size * 4 // 5), max(2, page.size // 4)
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


def film(page: Page, label: str, video: Frames, columns: int) -> Image.Image:
    """A label and frames of a video, each around the moment that it shows."""
    cell = (page.right - page.left) // columns
    gap = max(1, cell // 32)
    moments = ((2 * k + 1) * len(video) // (2 * columns) for k in range(columns))
    pictures = [_resized(video[moment], cell - gap) for moment in moments]
    strip = beside(page, pictures, (page.left + k * cell + gap // 2 for k in range(columns)))
    font, step = font_of(page.size), page.size * 5 // 4
    lines = wrapped(label, font, page.left - 2 * page.size, most=max(1, strip.height // step))
    for k, line in enumerate(lines):
        y = strip.height // 2 + round((k - (len(lines) - 1) / 2) * step)
        ImageDraw.Draw(strip).text((page.size, y), line, page.theme.ink, font, anchor="lm")
    return strip


def verdicts(page: Page, lane: Lane, done: Sequence[bool]) -> Image.Image:
    """Under each event's time, a mark in its colour and, where there is room, the word for it."""
    strip, font = page.blank(page.size * 8 // 5), font_of(page.size * 4 // 5)
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
def _mark(size: int, colour: str, theme: Theme, *, done: bool) -> Image.Image:
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
