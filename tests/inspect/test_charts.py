"""Charts: what they show is what the record says, in the colours that events have everywhere."""

from __future__ import annotations

import io
import sys
import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tests.inspect.making import plan, record
from tsattn.errors import RunError
from tsattn.inspect import charts
from tsattn.palette import event_colour
from tsattn.plan.spans import Tokens

ALONE = record(before=((0.03, 0.03), (0.03, 0.03)), acting=False)
SWAPPED = record(((0.1, 0.4), (0.4, 0.1)))


def strips(figure):
    """For each named strip of the attention chart, the colours of its latent frames."""
    axis = figure.axes[0]
    names = {
        round(place, 2): label.get_text()
        for place, label in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)
    }
    found = {name: {} for name in names.values()}
    for bar in axis.patches:
        name, colour = names[round(bar.get_y() + bar.get_height() / 2, 2)], to_hex(bar.get_facecolor())
        for frame in range(int(bar.get_x()), int(bar.get_x() + bar.get_width())):
            if colour.upper() != charts.TRACK:
                found[name][frame] = colour.upper()
    return {name: [frames.get(k) for k in range(7)] for name, frames in found.items()}


def test_strips_show_the_plan_and_who_leads():
    first, second = event_colour(0), event_colour(1)
    due = [first] * 4 + [second] * 3
    assert strips(charts.attention(record(), record(acting=False))) == {
        "plan": due, "model alone": due, "before control": due, "under control": due
    }  # fmt: skip
    assert strips(charts.attention(SWAPPED))["under control"] == [second] * 4 + [first] * 3
    assert set(strips(charts.attention(ALONE))) == {"plan", "model alone"}


def test_the_paler_the_closer():
    def strength(made):
        return max(bar.get_alpha() or 0 for bar in charts.attention(made).axes[0].patches if bar.get_width() == 1)

    close, clear = record(((0.5, 0.49), (0.49, 0.5)), ((0, 0), (0, 0))), record(before=((0, 0), (0, 0)))
    assert strength(close) < 0.5 < strength(clear) == 1


def test_curves_are_the_shares_in_per_cent():
    axis = charts.attention(record(), ALONE).axes[2]
    values = [line.get_data().values for line in axis.patches if hasattr(line, "get_data")]
    expected = [np.full(7, 3.0), [2] * 4 + [3] * 3, [1] * 4 + [50] * 3]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    shaded = next(patch for patch in axis.patches if not hasattr(patch, "get_data"))
    assert (shaded.get_x(), shaded.get_x() + shaded.get_width()) == (4, 7)
    assert to_hex(shaded.get_facecolor()).upper() == event_colour(1)


@pytest.mark.parametrize("wide", [True, False])
def test_axes_have_names_and_units(wide):
    attention = charts.attention(record(), ALONE, wide=wide)
    assert attention.axes[-1].get_xlabel() == "latent frame / seconds"
    assert any("%" in axis.get_ylabel() for axis in attention.axes)
    ticks = [label.get_text() for label in attention.axes[-1].get_xticklabels()]
    assert ticks[0] == "0\n0.00" and ticks[-1] == "7\n3.12"
    layers = charts.layers(record())
    assert layers.axes[0].get_ylabel() == "attention layer"
    assert layers.axes[0].get_xlabel() == "denoising step, of 10"
    assert {axis.get_ylabel() for axis in layers.axes[2:]} == {"percentage points", "% of video tokens"}


def test_where_control_bites():
    made = record()
    made.inside_after[1, 2] = made.inside_before[1, 2]
    image = charts.layers(made).axes[0].images[0].get_array()
    np.testing.assert_allclose(image, [[47, 47], [47, 47], [47, 0]], atol=1e-3)


def test_tokens_are_marked_with_their_events():
    figure = charts.words(record())
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[1:13:2] == ["A", "cat", "runs", ",", "then", "jumps"]
    colours = [to_hex(patch.get_facecolor()).upper() for patch in figure.axes[0].patches]
    assert colours.count(event_colour(0)) == colours.count(event_colour(1)) == 1
    assert "9 further columns are padding" in texts[-1]
    given = record(tokens=Tokens("A cat runs, then jumps", ((0, 0),) * 6, 6))
    assert [text.get_text() for text in charts.words(given).axes[0].texts][1::2][:3] == ["·"] * 3


@pytest.mark.parametrize(
    ("words", "wide"), [("costs $5 and $6 or $x_1$", True), ("sagt “Straße”, ruft 中", False), ("x" * 300, False)]
)
def test_any_words_can_be_drawn_inside_the_picture(words, wide):
    of = plan(f"A cat {words} then jumps", events=(words, "jumps"))
    made = record(of=of)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pages = [charts.png(charts.attention(made, ALONE, wide=wide), dpi=60)]
        if len(words) < 100:
            pages.append(charts.png(charts.words(made, wide=wide), dpi=60))
    for page in pages:
        pixels = np.asarray(Image.open(io.BytesIO(page)).convert("RGB"))
        assert (pixels[:, -2:] == 255).all(), "nothing is cut off at the right"


def test_sizes_and_formats():
    figure = charts.attention(record())
    assert Image.open(io.BytesIO(charts.png(figure, dpi=100))).width == 900
    assert Image.open(io.BytesIO(charts.png(charts.attention(record(), wide=False), dpi=100))).width == 420
    assert charts.svg(charts.attention(record())) == charts.svg(figure)
    assert charts.svg(figure).startswith("<?xml")


def test_frames_without_a_region_are_left_open():
    made = record(region=np.r_[0.2, 0.2, 0, 0.2, 0.2, 0.2, 0.2])
    assert strips(charts.attention(made))["under control"][2] is None


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RunError, match=r'pip install "tsattn\[plots\]"'):
        charts.attention(record())
