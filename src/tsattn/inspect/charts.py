"""Charts of a record, for pages and papers.

An event has the colour that it has everywhere (`palette`); no chart tells anything by colour alone. Shares of attention
are in per cent on a logarithmic axis, because words that one run all but ignores get half of another's attention.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import numpy as np

from tsattn.errors import RunError
from tsattn.inspect.store import Array, Due, Record
from tsattn.palette import ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
INK, FAINT, PAPER, TRACK = "#1F2328", "#656D76", "#FFFFFF", "#EAEEF2"
STYLE: Any = {
    "font.size": 9, "text.color": INK, "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.titlesize": 9,
    "xtick.color": FAINT, "ytick.color": FAINT, "axes.spines.top": False, "axes.spines.right": False,
    "figure.facecolor": PAPER, "svg.hashsalt": "tsattn", "text.parse_math": False, "axes.titlelocation": "left",
}  # fmt: skip
WIDE, NARROW = 9.0, 4.2
"""Inches."""
LEAST = 0.05
"""Smallest share on the axis, per cent."""
LONGEST = {True: 70, False: 30}
"""Characters of a plan's words in a heading, on wide and narrow charts."""


class _Line(NamedTuple):
    """One way that attention was measured, and how it is drawn."""

    label: str
    values: Array
    """(g, f), per cent."""
    style: dict[str, Any]


def _drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """In our style, and with an error that says what to install where matplotlib is missing."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        try:
            import matplotlib
        except ImportError as error:
            raise RunError('charts need matplotlib; install it with: pip install "tsattn[plots]"') from error
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@_drawn
def attention(record: Record, baseline: Record | None = None, *, wide: bool = True) -> Figure:
    """Which event the subject's region attends to, frame by frame: before control, after, and in the model alone.

    Above, for every subject, a strip each for the plan and for what got the most attention of its events in each latent
    frame, the paler the closer it was to a tie. Below, each event's share, its segment shaded.
    """
    from matplotlib.figure import Figure

    lines, events = _lines(record, baseline), record.events
    rows = (len(lines) + 1) * len(record.plan.subjects)
    heights = [0.26 * rows, *[0.85] * len(events)]
    width, height = (WIDE if wide else NARROW), sum(heights) + 0.3 * len(events) + 1.75
    figure = Figure(figsize=(width, height))
    left, top = (1.25 if wide else 0.98), (0.62 if wide else 0.8)
    axes = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    figure.subplots_adjust(left / width, 0.85 / height, 1 - 0.28 / width, 1 - top / height, hspace=0.55)
    _strips(axes[0], record, lines, wide=wide)
    for axis, due in zip(axes[1:], events, strict=True):
        _share(axis, record, due, lines, wide=wide)
    middle = axes[1 + (len(events) - 1) // 2]
    middle.set_ylabel("share of attention in the region, % (log)" if len(events) > 1 and wide else "attention, %")
    _time_axis(axes[-1], record, wide=wide)
    figure.legend(
        handles=[_sample(line) for line in lines], loc="lower left", ncols=len(lines), frameon=False, borderpad=0.1,
        bbox_to_anchor=(left / width if wide else 0.02, 0), borderaxespad=0.2, handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
    figure.text(
        0.1 / width, 1 - 0.12 / height,
        "Which event has the most attention" + ("" if record.acted else " (the model alone)"), va="top", weight="bold", size=11,
    )  # fmt: skip
    note = "in the motion region, by latent frame; the paler, the closer to a tie"
    figure.text(0.1 / width, 1 - 0.33 / height, note if wide else note.replace("; ", ";\n"), va="top", color=FAINT)
    return figure


def _lines(record: Record, baseline: Record | None) -> list[_Line]:
    after = {"linewidth": 2.4}
    if not record.acted:
        return [_Line("model alone", 100 * record.inside(after=False), after)]
    found = [_Line("before control", 100 * record.inside(after=False), {"linewidth": 1.2, "color": INK})]
    if baseline is not None:
        style = {"linewidth": 1.4, "color": FAINT, "linestyle": (0, (2, 1.5))}
        found.insert(0, _Line("model alone", 100 * baseline.inside(after=False), style))
    return [*found, _Line("under control", 100 * record.inside(after=True), after)]


def _sample(line: _Line) -> Any:
    """How a line is drawn, for the legend; white stands for each event's own colour."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=line.label, path_effects=_outline(line), **{"color": PAPER, **line.style})


def _outline(line: _Line) -> list[Any]:
    from matplotlib.patheffects import Normal, Stroke

    return [] if "color" in line.style else [Stroke(linewidth=3.6, foreground=INK), Normal()]


def _strips(axis: Axes, record: Record, lines: list[_Line], *, wide: bool) -> None:
    frames, y, names = record.grid.frames, 0.0, []
    for number, subject in enumerate(record.plan.subjects):
        own = [due for due in record.events if due.subject == number]
        axis.barh(y, frames, left=0, height=0.78, color=TRACK, linewidth=0)
        for due in own:
            axis.barh(y, due.stretch.last - due.stretch.first, left=due.stretch.first, height=0.78, color=due.colour)
            middle = (due.stretch.first + due.stretch.last) / 2
            axis.text(middle, y, str(due.number + 1), ha="center", va="center", color=ink_on(due.colour), size=8)
        plan = "plan" if len(record.plan.subjects) == 1 else f"plan: {subject.text}"
        names.append((y, _cut(plan, 18 if wide else 13)))
        for line in lines:
            y += 1
            names.append((y, line.label))
            axis.barh(y, frames, left=0, height=0.78, color=TRACK, linewidth=0)
            _leaders(axis, y, own, line.values)
        bounds = {due.stretch.first for due in own} - {0}
        axis.vlines(sorted(bounds), y - len(lines) - 0.4, y + 0.4, color=PAPER, linewidth=2)
        y += 1.25
    axis.set_ylim(y - 0.8, -0.5)
    axis.set_yticks([place for place, _ in names], [name for _, name in names], color=INK, size=8)
    axis.tick_params(length=0, labelbottom=False)
    for side in axis.spines.values():
        side.set_visible(False)


def _leaders(axis: Axes, y: float, own: list[Due], values: Array) -> None:
    """For each frame, the event of a subject with the largest share, and how clear its lead is."""
    for frame, shares in enumerate(values[[due.number for due in own]].T):
        if not np.isfinite(shares).all():
            continue
        ranked = np.sort(shares)[::-1]
        lead = 1.0 if len(ranked) < 2 else (ranked[0] - ranked[1]) / max(ranked[0] + ranked[1], 1e-12)
        due = own[int(np.argmax(shares))]
        clear = 0.25 + 0.75 * min(1.0, 3 * float(lead))
        axis.barh(y, 1, left=frame, height=0.78, color=due.colour, alpha=clear, linewidth=0, align="center")
        ink = ink_on(due.colour) if clear > 0.6 else INK
        axis.text(frame + 0.5, y, str(due.number + 1), ha="center", va="center", color=ink, size=7)


def _share(axis: Axes, record: Record, due: Due, lines: list[_Line], *, wide: bool) -> None:
    """One event's share by latent frame, its segment shaded."""
    axis.axvspan(*due.stretch, color=due.colour, alpha=0.22, linewidth=0)
    edges = np.arange(record.grid.frames + 1)
    for line in lines:
        style = {"color": due.colour, **line.style}
        values = np.maximum(line.values[due.number], LEAST)
        axis.stairs(values, edges, baseline=None, path_effects=_outline(line), zorder=3, **style)
    axis.set_yscale("log")
    axis.set_ylim(LEAST, 100)
    axis.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axis.set_yticks([], minor=True)
    axis.grid(axis="y", color=TRACK, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(labelbottom=False, length=0)
    many = len(record.plan.subjects) > 1
    subject = f"{record.plan.subjects[due.subject].text}: " if many else ""
    axis.set_title(_cut(f"{due.number + 1}  {subject}{due.text}", LONGEST[wide]), pad=3)


def _time_axis(axis: Axes, record: Record, *, wide: bool) -> None:
    frames, clip = record.grid.frames, record.clip
    step = max(1, -(-frames // (14 if wide else 7)))
    places = [*(frame for frame in range(0, frames, step) if frames - frame >= 0.8 * step), frames]
    names = [f"{frame}\n{clip.first_frame(frame) / clip.fps:.2f}" for frame in places]
    axis.set_xlim(0, frames)
    axis.set_xticks(places, names)
    axis.tick_params(axis="x", labelbottom=True, length=3)
    axis.set_xlabel("latent frame / seconds", labelpad=1)


@_drawn
def layers(record: Record) -> Figure:
    """Where control bites: by attention layer and denoising step, how much attention moves, and how large the region is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, 1.5 + 0.16 * max(8, len(record.layers))), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    moved, size = 100 * _moved(record), 100 * record.region.mean((2, 3))
    first = "moved to the events that are due" if record.acted else "on the events that are due (the model alone)"
    _heat(figure, left, record, moved, f"Attention {first}", "percentage points" if record.acted else "% of attention")
    _heat(figure, right, record, size, "Size of the motion region", "% of video tokens")
    left.set_ylabel("attention layer")
    return figure


def _moved(record: Record) -> Array:
    """(t, l): for events in their own segments and regions, the mean share that control adds; without control, the share."""
    shares = record.inside_after - record.inside_before if record.acted else record.inside_before
    parts = [shares[:, :, due.number, slice(*due.stretch)] for due in record.events]
    flat = np.concatenate(parts, axis=-1)
    count = np.isfinite(flat).sum(-1)
    mean: Array = np.divide(np.nansum(flat, -1), count, out=np.zeros(count.shape, np.float32), where=count > 0)
    return mean


def _heat(figure: Figure, axis: Axes, record: Record, table: Array, title: str, unit: str) -> None:
    image = axis.imshow(
        table.T, cmap="cividis", aspect="auto", interpolation="nearest", vmin=min(0.0, float(table.min()))
    )
    steps = len(record.steps)
    shown = range(0, steps, max(1, -(-steps // 12)))
    axis.set_xticks(list(shown), [str(record.steps[k] + 1) for k in shown])
    axis.set_yticks(range(0, len(record.layers), max(1, len(record.layers) // 12)))
    axis.set_xlabel(f"denoising step, of {record.total_steps}")
    axis.set_title(title)
    figure.colorbar(image, ax=axis, label=unit, shrink=0.9)


@_drawn
def words(record: Record, *, wide: bool = True) -> Figure:
    """The prompt as the model's tokenizer cuts it, with the plan's words marked, and the text column of each token."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width = WIDE if wide else NARROW
    placed, bottom = _placed(record, width - 0.2)
    height = bottom + 0.75
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    axis.text(0.1, 0.14, "The prompt's tokens, and the text column of each", va="center", weight="bold", size=11)
    for token in placed:
        fill = TRACK if token.due is None else token.due.colour
        axis.add_patch(Rectangle((token.x, token.y), token.width - 0.04, 0.26, facecolor=fill, linewidth=0))
        if token.subject:
            axis.add_patch(Rectangle((token.x, token.y + 0.24), token.width - 0.04, 0.045, facecolor=INK, linewidth=0))
        x = token.x + (token.width - 0.04) / 2
        axis.text(x, token.y + 0.13, token.text, ha="center", va="center", color=ink_on(fill), family="monospace")
        axis.text(x, token.y + 0.38, str(token.column), ha="center", va="center", color=FAINT, size=7)
    padding = len(record.tokens.offsets) - record.tokens.length
    rest = f"underlined: subject; in colour: event. {padding} further columns are padding." if padding > 0 else ""
    axis.text(0.1, height - 0.14, rest or "underlined: subject; in colour: event.", va="center", color=FAINT, size=8)
    return figure


class _Token(NamedTuple):
    text: str
    column: int
    x: float
    y: float
    width: float
    due: Due | None
    subject: bool


def _placed(record: Record, room: float) -> tuple[list[_Token], float]:
    """Where the tokens stand, in inches, line by line."""
    owner: dict[int, Due] = {}
    events = iter(record.events)
    for columns in record.columns:
        for chosen, due in zip(columns.events, events, strict=False):
            owner |= dict.fromkeys(chosen, due)
    subjects = {column for columns in record.columns for column in columns.subject}
    found, x, y = [], 0.1, 0.34
    for column, offset in enumerate(record.tokens.offsets):
        text = record.tokens.text[slice(*offset)].strip()
        if not text and column not in subjects | set(owner):
            continue  # special and template tokens, and padding
        text = text or "·"
        width = 0.0753 * len(text) + 0.17
        if x + width > room:
            x, y = 0.1, y + 0.56
        found.append(_Token(text, column, x, y, width, owner.get(column), column in subjects))
        x += width
    return found, y + 0.3


def png(figure: Figure, *, dpi: int = 150) -> bytes:
    """A figure as a PNG of so many pixels per inch."""
    return _saved(figure, "png", dpi=dpi)


def svg(figure: Figure) -> str:
    """A figure as an SVG, the same text for the same figure."""
    return _saved(figure, "svg", metadata={"Date": None}).decode()


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # scripts that the font lacks are drawn as boxes
        figure.savefig(file, format=kind, **options)
    return file.getvalue()


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
