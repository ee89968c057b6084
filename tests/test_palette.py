from __future__ import annotations

import pytest

from tsattn.palette import BLACK, OKABE_ITO, WHITE, event_colour, ink_on


def luminance(colour: str) -> float:
    levels = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_events_have_different_colours_until_the_palette_repeats() -> None:
    colours = [event_colour(k) for k in range(2 * len(OKABE_ITO))]
    assert len(set(colours)) == len(OKABE_ITO)
    assert colours[: len(OKABE_ITO)] == colours[len(OKABE_ITO) :] == list(OKABE_ITO)


@pytest.mark.parametrize("colour", [*OKABE_ITO, BLACK, WHITE, "#777777", "#757575"])
def test_ink_is_the_more_readable_one_and_readable(colour: str) -> None:
    ink = ink_on(colour)
    assert contrast(ink, colour) == max(contrast(BLACK, colour), contrast(WHITE, colour))
    assert contrast(ink, colour) >= 4.5, "the contrast that WCAG 2.2 asks for"


@pytest.mark.parametrize("colour", ["red", "#FFF", "E69F00", "#E69F0G", ""])
def test_ink_refuses_what_is_no_colour(colour: str) -> None:
    with pytest.raises(ValueError):
        ink_on(colour)
