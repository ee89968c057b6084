"""The table of figures as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tsattn.evaluate.intervals import Gain, Interval
from tsattn.evaluate.shapes.figures import COMPARED, FIGURES, PRIMARY, Row, Table
from tsattn.evaluate.tables import csv_text, markdown_table, plain

_NOTES = """\
* Shares are in percent; `±` bounds in brackets hold 95 % of the draws of prompts with replacement. *In segment, kept* is the
  primary figure: events done in their own segment of videos that keep the subject, as a share of all events. *Reversed, kept* is
  its control, the share with which another event of the prompt would be found there. docs/effect.md says what each column means.
* Gains are paired by prompt and start noise. Their intervals hold together, all {comparisons} of them, with 95 % (Bonferroni:
  each holds {level:.4g} % of the draws)."""


def as_markdown(table: Table, pictures: Sequence[str] = ()) -> str:
    """A section for each number of events and segmentation, its figures and its gains."""
    parts = ["# Events in their segments, on the embedded model"]
    parts += [f"![{_ALT[name]}]({name})" for name in pictures]
    for events, segmentation in dict.fromkeys((row.events, row.segmentation) for row in table.rows):
        rows = [row for row in table.rows if (row.events, row.segmentation) == (events, segmentation)]
        parts += [f"## {events} event{'s' * (events > 1)}, {segmentation} segments", _figures(rows)]
        if any(row.gains for row in rows):
            parts += [f"Over {plain(table.baseline)}:", _gains(rows)]
    notes = _NOTES.format(comparisons=table.comparisons, level=100 * table.level)
    return "\n\n".join([*parts, "## How to read this", notes]) + "\n"


def as_csv(table: Table) -> str:
    """One line for each figure of each row, and for each gain."""
    return csv_text(_lines(table))


_ALT = {
    "in_segment.svg": "Events in their own segment, by method and number of events",
    "tradeoff.svg": "Events in their own segment beside the subject kept, by method",
}


def _figures(rows: Sequence[Row]) -> str:
    heads = ["method", "videos", *(figure.label for figure in FIGURES.values())]
    return markdown_table(
        heads, [[plain(row.method), str(row.videos), *(_shown(name, row) for name in FIGURES)] for row in rows]
    )


def _shown(name: str, row: Row) -> str:
    found = row.figures[name]
    if found is None:
        return "–"
    if name == "seconds":
        return f"{found.mean:.1f}"
    if name == "background_change":
        return f"{100 * found.mean:.2f}"
    bounds = f" [{100 * found.low:.1f}, {100 * found.high:.1f}]" if name == PRIMARY else ""
    return f"{100 * found.mean:.1f}{bounds}"


def _gains(rows: Iterable[Row]) -> str:
    heads = ["method", "in segment, kept: times", "points", "subject kept: points"]
    return markdown_table(
        heads,
        [
            [plain(row.method), _ratio(row.gains[PRIMARY]), *(_points(row.gains[name].difference) for name in COMPARED)]
            for row in rows
            if row.gains
        ],
    )


def _ratio(gain: Gain) -> str:
    if gain.ratio is None:
        return "–"
    return f"{gain.ratio.mean:.2f} [{gain.ratio.low:.2f}, {gain.ratio.high:.2f}]"


def _points(found: Interval) -> str:
    return f"{100 * found.mean:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def _lines(table: Table) -> Iterable[Sequence[object]]:
    yield "events", "segments", "method", "videos", "figure", "value", "low", "high"
    for row in table.rows:
        place = row.events, row.segmentation, row.method, row.videos
        for name, found in row.figures.items():
            yield *place, name, *(found or (None, None, None))
        for name, gain in row.gains.items():
            yield *place, f"{name}: gain", *gain.difference
            yield *place, f"{name}: ratio", *(gain.ratio or (None, None, None))
