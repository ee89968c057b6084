"""Words on pictures, in the space there is, in the one font that is always there."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from functools import lru_cache

from PIL import ImageFont


@lru_cache(maxsize=16)
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow, in pixels of height."""
    font = ImageFont.load_default(size=max(size, 6))
    assert isinstance(font, ImageFont.FreeTypeFont)  # always, where a size is given
    return font


def legible(text: str) -> str:
    """One line in letters that the built-in font has: it lacks accents and dashes."""
    text = "".join("-" if unicodedata.category(char) == "Pd" else char for char in unicodedata.normalize("NFKD", text))
    return " ".join("".join(char for char in text if not unicodedata.combining(char)).split())


def fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text on one line, cut and ended by an ellipsis where it is too long, empty where not a letter fits."""
    text = legible(text)
    if font.getlength(text) <= width:
        return text
    room = width - font.getlength("…")
    kept = bisect_right(range(1, len(text)), room, key=lambda end: font.getlength(text[:end]))
    return text[:kept].rstrip(" ,.;") + "…" if kept else ""


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float, *, most: int | None = None) -> list[str]:
    """The text on lines no longer than the width, `most` of them at most, and what is too long for that cut."""
    lines: list[str] = []
    for word in legible(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (font.getlength(longer) <= width or len(lines) == most):
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitted(line, font, width) for line in lines]
