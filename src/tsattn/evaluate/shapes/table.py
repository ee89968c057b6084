"""The table of figures as Markdown and as CSV, and plain means as JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tsattn.evaluate.intervals import LEVEL, Gain
from tsattn.evaluate.shapes.figures import EQUAL, FIGURES, GAINED, PRIMARY, Row, Table
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.sweeps import QUESTIONS
from tsattn.evaluate.tables import csv_text, markdown_table, plain
from tsattn.shapes.world import WORLD

_HEADS = ("events", "segments", "method", "videos", "figure", "value", "low", "high", "level")
_NOTES = """\
* Shares are in percent; bounds in brackets hold 95 % of the draws of prompts with replacement. *In segment, kept* is the
  primary figure: events done in their own segment of videos that keep the subject, as a share of all events. *Reversed, kept* is
  its control: the share with which another event of the prompt is found there, the one that the prompt's reverse asks for, and
  *asked, kept* the share of the right one in the same segments. docs/effect.md says what each column means.
* Gains are paired by prompt and start noise. Their intervals, of points and of times, hold together, {all}, with 95 %
  (Bonferroni: each holds {each}). *Both keep* compares at equal consistency: on the prompts where both methods keep the
  subject, whose number is in parentheses. Where all draws of a figure are alike, as of 0 %, its interval has no width, which is no certainty."""
_UNKNOWN = (None, None, None)
_CHOSEN = """\
* What is the best of many variants here was best by luck, too: only prompts that it was not chosen on tell how good it is
  (`tsattn eval shapes --final`)."""


def as_markdown(table: Table, made: str, pictures: Sequence[str] = (), sheets: Mapping[int, str] | None = None) -> str:
    """A section for each number of events and segmentation, its figures and its gains.

    `made` says what was measured; `sheets` are files by number of events.
    """
    parts = ["# Events in their segments, on the embedded model", made]
    parts += [f"![{_ALT[Path(name).stem.rpartition('-')[2]]}]({name})" for name in pictures]
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
        if events > 1:
            parts += ["In segment, kept, by the event's place in the prompt:", _by_place(rows)]
        for baseline in table.baselines:
            if any(row.gains.get(baseline) for row in rows):
                parts += [f"Over {plain(baseline)}:", _gains(rows, baseline)]
    return parts


def as_csv(table: Table) -> str:
    """One line for each figure of each row, and for each gain."""
    return csv_text([_HEADS, *_lines(table)])


def sweep_as_csv(answers: Mapping[str, Table]) -> str:
    """The same, with the question in front."""
    lines = ([name, *line] for name, table in answers.items() for line in _lines(table))
    return csv_text([["question", *_HEADS], *lines])


def as_objects(measured: Sequence[Measured]) -> list[dict[str, object]]:
    """One object for each number of events, seed and segmentation, with the plain means of each method.

    Its keys are `world`, `events`, `n`, `seed` and `methods`, by name an object of `SCORES`; where there are several objects,
    `segments`, too, and `final` of the final table's prompts.
    """
    cells: dict[tuple[int, int, str], dict[str, list[Outcome]]] = {}
    for trial, outcome in measured:
        cell = cells.setdefault((sum(trial.case.events), trial.case.seed, trial.segmentation), {})
        cell.setdefault(trial.method, []).append(outcome)
    found: list[dict[str, object]] = []
    for (events, seed, segmentation), cell in cells.items():
        scores = {
            method: {name: float(np.mean([FIGURES[of].of(one) for one in outcomes])) for name, of in SCORES.items()}
            for method, outcomes in cell.items()
        }
        n = len(next(iter(cell.values())))
        one = {"world": WORLD, "events": events, "n": n, "seed": seed, "segments": segmentation, "methods": scores}
        if len(cells) == 1:
            del one["segments"]
        if next(iter(measured)).trial.case.final:
            one["final"] = True
        found.append(one)
    return found


SCORES = {
    **{name: name for name in ("in_segment", "in_order", "all_in_segment", "subject_kept")},
    "seconds_per_video": "seconds",
}
"""What `--json` tells of each method, and the figure that it is."""
_ALT = {
    "in_segment": "Events in their own segment, by method and number of events",
    "tradeoff": "Events in their own segment beside the subject kept, by method",
}


def _figures(rows: Sequence[Row]) -> str:
    heads = ["method", "videos", *(figure.label for figure in FIGURES.values())]
    return markdown_table(
        heads, [[plain(row.method), str(row.videos), *(_shown(name, row) for name in FIGURES)] for row in rows]
    )


def _by_place(rows: Sequence[Row]) -> str:
    heads = ["method", *(f"event {number + 1}" for number in range(len(rows[0].by_place)))]
    return markdown_table(
        heads, [[plain(row.method), *(f"{100 * share:.1f}" for share in row.by_place)] for row in rows]
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


def _gains(rows: Iterable[Row], baseline: str) -> str:
    heads = [
        "method",
        "in segment, kept: times",
        "points",
        "subject kept: points",
        "in segment, both keep: points (prompts)",
    ]
    return markdown_table(
        heads,
        [
            [plain(row.method), _ratio(gains[PRIMARY]), *(_points(name, gains.get(name)) for name in GAINED)]
            for row in rows
            if (gains := row.gains.get(baseline))
        ],
    )


def _ratio(gain: Gain) -> str:
    if gain.ratio is None:
        return "–"
    return f"{gain.ratio.mean:.2f} [{gain.ratio.low:.2f}, {gain.ratio.high:.2f}]"


def _points(name: str, gain: Gain | None) -> str:
    if gain is None:
        return "–"
    found = gain.difference
    prompts = f" ({gain.pairs})" if name == EQUAL else ""
    return f"{100 * found.mean:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]{prompts}"


def _lines(table: Table) -> Iterable[Sequence[object]]:
    for row in table.rows:
        place = row.events, row.segmentation, row.method
        for name, found in row.figures.items():
            yield *place, row.counted[name], name, *(found or _UNKNOWN), LEVEL
        for number, share in enumerate(row.by_place, start=1):
            yield *place, row.videos, f"{PRIMARY}: event {number}", share, None, None, None
        for baseline, gains in row.gains.items():
            for name, gain in gains.items():
                yield *place, gain.pairs, f"{name}: gain over {baseline}", *gain.difference, table.level
                yield *place, gain.pairs, f"{name}: times {baseline}", *(gain.ratio or _UNKNOWN), table.level
