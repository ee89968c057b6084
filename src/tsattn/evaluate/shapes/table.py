"""The table of figures as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tsattn.evaluate.intervals import Gain, Interval
from tsattn.evaluate.shapes.figures import COMPARED, FIGURES, PRIMARY, Row, Table
from tsattn.evaluate.shapes.sweeps import QUESTIONS
from tsattn.evaluate.tables import csv_text, markdown_table, plain

_HEADS = ("events", "segments", "method", "videos", "figure", "value", "low", "high")
_NOTES = """\
* Shares are in percent; `±` bounds in brackets hold 95 % of the draws of prompts with replacement. *In segment, kept* is the
  primary figure: events done in their own segment of videos that keep the subject, as a share of all events. *Reversed, kept* is
  its control, the share with which another event of the prompt would be found there. docs/effect.md says what each column means.
* Gains are paired by prompt and start noise. Their intervals hold together, {all}, with 95 % (Bonferroni: each holds
  {each})."""
_CHOSEN = """\
* What is the best of many variants here was best by luck, too: only prompts that it was not chosen on tell how good it is
  (`tsattn eval effect --final`)."""


def as_markdown(table: Table, made: str, pictures: Sequence[str] = (), sheets: Mapping[int, str] | None = None) -> str:
    """A section for each number of events and segmentation, its figures and its gains.

    `made` says what was measured; `sheets` are files by number of events.
    """
    parts = ["# Events in their segments, on the embedded model", made]
    parts += [f"![{_ALT[name]}]({name})" for name in pictures]
    parts += _cells(table, "##")
    if sheets:
        parts += ["## The first prompts", "None is chosen. Events are marked as done in their own segment, or missed."]
        parts += [
            f"![Frames of the first prompts with {events} events, by method]({sheets[events]})" for events in sheets
        ]
    notes = _NOTES.format(all=f"all {table.comparisons} of them", each=f"{100 * table.level:.4g} % of the draws")
    return "\n\n".join([*parts, "## How to read this", notes]) + "\n"


def sweep_as_markdown(answers: Mapping[str, Table], made: str, pictures: Mapping[str, str]) -> str:
    """A section for each question of a sweep; `made` says what was measured, `pictures` are files by question."""
    parts = ["# Variants, on the embedded model", made]
    for name, table in answers.items():
        parts += [f"## {name}", QUESTIONS[name].asks]
        parts += [f"![{QUESTIONS[name].asks}]({pictures[name]})"] if name in pictures else []
        parts += _cells(table, "###")
    notes = _NOTES.format(all="all of a question", each="the more of the draws, the more there are")
    return "\n\n".join([*parts, "## How to read this", f"{notes}\n{_CHOSEN}"]) + "\n"


def _cells(table: Table, level: str) -> list[str]:
    parts = []
    for events, segmentation in dict.fromkeys((row.events, row.segmentation) for row in table.rows):
        rows = [row for row in table.rows if (row.events, row.segmentation) == (events, segmentation)]
        parts += [f"{level} {events} event{'s' * (events > 1)}, {segmentation} segments", _figures(rows)]
        if any(row.gains for row in rows):
            parts += [f"Over {plain(table.baseline)}:", _gains(rows)]
    return parts


def as_csv(table: Table) -> str:
    """One line for each figure of each row, and for each gain."""
    return csv_text([_HEADS, *_lines(table)])


def sweep_as_csv(answers: Mapping[str, Table]) -> str:
    """The same, with the question in front."""
    lines = ([name, *line] for name, table in answers.items() for line in _lines(table))
    return csv_text([["question", *_HEADS], *lines])


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
    for row in table.rows:
        place = row.events, row.segmentation, row.method, row.videos
        for name, found in row.figures.items():
            yield *place, name, *(found or (None, None, None))
        for name, gain in row.gains.items():
            yield *place, f"{name}: gain", *gain.difference
            yield *place, f"{name}: ratio", *(gain.ratio or (None, None, None))
