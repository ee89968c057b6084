"""Pictures of the table, as SVG. A method has the same colour and mark in all of them, whatever else is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsattn.evaluate.drawing import FAINT, INK, LINE, arms, as_svg, literal, new_figure
from tsattn.evaluate.intervals import Interval
from tsattn.evaluate.shapes.figures import PRIMARY, Row, Table
from tsattn.methods import METHODS
from tsattn.palette import OKABE_ITO, event_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = "oDs^vP"


class Look(NamedTuple):
    """How a method is drawn."""

    colour: str
    mark: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """By the methods' places in the table of methods; those with other numbers have places behind it, in their order here.

    The model alone is grey, and colours that come again have another mark.
    """
    others = [method for method in methods if method not in METHODS]
    return {method: _look([*METHODS, *others].index(method)) for method in methods}


def _look(place: int) -> Look:
    if place == 0:
        return Look(FAINT, MARKS[0])
    return Look(event_colour(place - 1), MARKS[(place - 1) // len(OKABE_ITO) % len(MARKS)])


def draw_in_segment(table: Table) -> str:
    """The primary figure of every method with its interval, and the control: a panel for each cell."""
    events, segmentations, methods = _axes_of(table)
    seen = looks(methods)
    height = len(segmentations) * (0.9 + 0.26 * len(methods)) + 0.5
    with new_figure(max(5.0, 0.6 + _wide(methods) + 2.6 * len(events)), height) as figure:
        panels = figure.subplots(len(segmentations), len(events), sharex=True, sharey=True, squeeze=False)
        for row in table.rows:
            axes = panels[segmentations.index(row.segmentation)][events.index(row.events)]
            _dot(axes, row, methods.index(row.method), seen[row.method])
        for line, segmentation in zip(panels, segmentations, strict=True):
            for axes, count in zip(line, events, strict=True):
                axes.set_title(f"{count} event{'s' * (count > 1)}, {segmentation}", fontsize=10, loc="left")
                axes.grid(axis="x", color=LINE, linewidth=0.6)
                axes.set_yticks(range(len(methods)), [literal(method) for method in methods])
                axes.set_ylim(len(methods) - 0.5, -0.5)
                axes.set_xlim(left=0)
        figure.supxlabel(
            "events done in their own segment, subject kept,\n% of all events (95 % interval)", fontsize=10
        )
        handles = [
            _handle(panels[0][0], "o", INK, "as asked"),
            _handle(panels[0][0], "|", INK, "control: the prompt's events in reverse"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
        return as_svg(figure)


def draw_tradeoff(table: Table) -> str:
    """What events in their segments cost the subject: a panel for each number of events, uniform segments where there are."""
    events, segmentations, methods = _axes_of(table)
    seen = looks(methods)
    shown = "uniform" if "uniform" in segmentations else segmentations[0]
    width = max(5.0, 1.0 + 3.2 * len(events))
    columns = max(1, min(5, len(methods), int(width / (0.5 + _wide(methods)))))
    with new_figure(width, 3.7 + 0.25 * -(-len(methods) // columns)) as figure:
        panels = figure.subplots(1, len(events), sharex=True, sharey=True, squeeze=False)[0]
        for row in (row for row in table.rows if row.segmentation == shown):
            kept, inside = row.figures["subject_kept"], row.figures["in_segment"]
            if kept and inside:
                _cross(panels[events.index(row.events)], seen[row.method], kept, inside)
        for axes, count in zip(panels, events, strict=True):
            axes.set_title(f"{count} event{'s' * (count > 1)}, {shown}", fontsize=10, loc="left")
            axes.grid(color=LINE, linewidth=0.6)
            axes.set_xlim(-3, 103)
            axes.set_ylim(bottom=0)
            axes.set_xlabel("videos that keep the subject, %")
        panels[0].set_ylabel("events done in their own segment, %")
        handles = [_handle(panels[0], seen[method].mark, seen[method].colour, literal(method)) for method in methods]
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False)
        return as_svg(figure)


def draw_question(table: Table) -> str:
    """The primary figure of every variant and beside it the subject kept, with intervals: a line of panels for each cell.

    A dashed line is where the baseline is.
    """
    events, segmentations, methods = _axes_of(table)
    cells = [(count, name) for count in events for name in segmentations]
    with new_figure(9.0, len(cells) * (0.75 + 0.24 * len(methods)) + 0.3) as figure:
        panels = figure.subplots(len(cells), 2, sharex="col", sharey=True, squeeze=False)
        for row in table.rows:
            line = panels[cells.index((row.events, row.segmentation))]
            for axes, name in zip(line, (PRIMARY, "subject_kept"), strict=True):
                _variant(axes, row, name, methods.index(row.method), row.method in table.baselines)
        for (count, name), (left, right) in zip(cells, panels, strict=True):
            left.set_title(f"{count} event{'s' * (count > 1)}, {name}", fontsize=10, loc="left")
            left.set_yticks(range(len(methods)), [literal(method) for method in methods])
            left.set_ylim(len(methods) - 0.5, -0.5)
            for axes in (left, right):
                axes.grid(axis="x", color=LINE, linewidth=0.6)
        highest = max(100 * found.high for row in table.rows if (found := row.figures[PRIMARY]))
        for axes, most in zip(panels[0], (max(10, highest), 100), strict=True):
            axes.set_xlim(-0.03 * most, 1.03 * most)
        for axes, label in zip(
            panels[-1], ("events in their segment, subject kept, %", "subject kept, %"), strict=True
        ):
            axes.set_xlabel(label)
        return as_svg(figure)


def _variant(axes: Axes, row: Row, name: str, place: int, is_baseline: bool) -> None:
    found = row.figures[name]
    assert found is not None
    colour = OKABE_ITO[0] if is_baseline else FAINT if row.method.startswith("vanilla") else INK
    axes.errorbar(100 * found.mean, place, xerr=arms(found), fmt="o", color=colour, elinewidth=1.5, capsize=3)
    if is_baseline:
        axes.axvline(100 * found.mean, color=colour, linewidth=1, linestyle="--", zorder=0)


def _wide(methods: Sequence[str]) -> float:
    """Inches that the longest name takes."""
    return 0.085 * max(map(len, methods))


def _axes_of(table: Table) -> tuple[list[int], list[str], list[str]]:
    rows = table.rows
    return (
        sorted({row.events for row in rows}),
        list(dict.fromkeys(row.segmentation for row in rows)),
        list(dict.fromkeys(row.method for row in rows)),
    )


def _dot(axes: Axes, row: Row, place: int, look: Look) -> None:
    found, control = row.figures[PRIMARY], row.figures["reversed_kept"]
    colour, mark = look
    if found:
        axes.errorbar(
            100 * found.mean, place, xerr=arms(found), fmt=mark, color=colour, markersize=6.5, elinewidth=1.5, capsize=3
        )  # fmt: skip
    if control:
        axes.plot(100 * control.mean, place, "|", color=INK, markersize=11, markeredgewidth=1.6)


def _cross(axes: Axes, look: Look, kept: Interval, inside: Interval) -> None:
    colour, mark = look
    axes.errorbar(
        100 * kept.mean, 100 * inside.mean, xerr=arms(kept), yerr=arms(inside), fmt=mark, color=colour, markersize=7,
        elinewidth=0.9, zorder=3,
    )  # fmt: skip


def _handle(axes: Axes, mark: str, colour: str, label: str) -> object:
    return axes.plot([], [], mark, color=colour, label=label, markersize=7, markeredgewidth=1.6)[0]


PICTURES = {"in_segment": draw_in_segment, "tradeoff": draw_tradeoff}
"""Pictures by name and what draws them."""
