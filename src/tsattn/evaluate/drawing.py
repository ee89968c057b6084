"""What all pictures of measurements share: style, whiskers, and SVG that is the same for the same figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSTALL = "pictures of a report need matplotlib: pip install 'tsattn[plots]', or leave them out with --no-plots"
INK, FAINT, LINE = "#1F2328", "#656D76", "#D0D7DE"
WHISKER: dict[str, Any] = {"fmt": "none", "ecolor": INK, "elinewidth": 1.5, "capsize": 3}
_STYLE: Any = {
    "font.size": 10,
    "svg.hashsalt": "tsattn",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": INK,
}


def check_drawing() -> None:
    """Raise `EvaluationError` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise EvaluationError(INSTALL)


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of so many inches, in our style. Raises `EvaluationError` where matplotlib is missing."""
    check_drawing()
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawn

    with mpl.rc_context(_STYLE):
        yield Drawn(figsize=(width, height), layout="constrained")


def as_svg(figure: Figure) -> str:
    """The figure as the text of an SVG file. To be called inside `new_figure`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def arms(interval: Interval) -> list[list[float]]:
    """How far the interval of a share reaches below and above its mean, in percent.

    Where all values are the same, rounding may put a bound on the mean's other side.
    """
    return [[100 * max(0.0, interval.mean - interval.low)], [100 * max(0.0, interval.high - interval.mean)]]


def literal(text: str) -> str:
    """Text that matplotlib shall neither read as mathematics nor, for its first sign, leave out of a legend."""
    return ("\u200b" if text.startswith("_") else "") + text.replace("$", r"\$")
