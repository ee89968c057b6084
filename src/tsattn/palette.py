"""The colours of events, the same in the terminal, in pictures and on the web page.

The palette is that of Okabe and Ito, made to be told apart with any common form of colour blindness
("Color Universal Design", 2008, https://jfly.uni-koeln.de/color/), in its own order. Its black is left out: it is text.
"""

from __future__ import annotations

OKABE_ITO = (
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#009E73",  # bluish green
    "#F0E442",  # yellow
    "#0072B2",  # blue
    "#D55E00",  # vermillion
    "#CC79A7",  # reddish purple
)
BLACK, WHITE = "#000000", "#FFFFFF"


def event_colour(index: int) -> str:
    """The colour `#RRGGBB` of an event, counted from 0 over all subjects in order. After the last they repeat."""
    return OKABE_ITO[index % len(OKABE_ITO)]


def ink_on(colour: str) -> str:
    """Black or white, whichever has the higher contrast (WCAG 2.2) against the colour `#RRGGBB`.

    Raises `ValueError` for anything but a colour of that form.
    """
    light = _luminance(colour)
    return BLACK if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) else WHITE


def _luminance(colour: str) -> float:
    """Relative luminance in [0, 1], by WCAG 2.2 for sRGB."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"expected a colour such as '#E69F00', but got {colour!r}")
    levels = (value / 255 for value in bytes.fromhex(colour[1:]))
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
