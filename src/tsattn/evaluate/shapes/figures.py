"""From outcomes to figures: means with intervals for each method, and what it gains over a baseline, prompt by prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import Gain, Interval, corrected, gain, interval
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.measures import Outcome


class Figure(NamedTuple):
    """A number that one video has, or None where the question does not arise."""

    label: str
    of: Callable[[Outcome], float | None]


PRIMARY = "in_segment_kept"
FIGURES: dict[str, Figure] = {
    PRIMARY: Figure("in segment, kept", lambda one: _share(one.in_segment) if one.subject_kept else 0.0),
    "asked_kept": Figure("asked, kept", lambda one: _where_another(one, one.in_segment)),
    "reversed_kept": Figure("reversed, kept", lambda one: _where_another(one, one.reversed)),
    "subject_kept": Figure("subject kept", lambda one: float(one.subject_kept)),
    "in_segment": Figure("in segment", lambda one: _share(one.in_segment)),
    "all_in_segment": Figure("all in segment", lambda one: float(all(one.in_segment))),
    "in_order": Figure("in order", lambda one: _share(one.in_order)),
    "all_done": Figure("all done", lambda one: float(all(one.done))),
    "ordered": Figure(
        "done ones in order", lambda one: float(sum(one.in_order) == sum(one.done)) if sum(one.done) > 1 else None
    ),
    "background_change": Figure("background change", lambda one: one.background_change),
    "seconds": Figure("seconds", lambda one: one.seconds),
}
"""Every figure of a table, in its order (docs/effect.md says what each means)."""
EQUAL = "in_segment_both_kept"
"""Events in their own segment on the prompts where both of two methods keep the subject: a comparison at equal consistency."""
GAINED = (PRIMARY, "subject_kept", EQUAL)
"""Figures whose gains have intervals."""


class Row(NamedTuple):
    """One method on one number of events with one segmentation.

    `figures` have None where no video has that figure, and `counted` tells how many have it. `by_place` is the primary figure
    of the prompts' first, second, … events. `gains` are by baseline, without the method itself, and by the names
    of `GAINED`, without what cannot be said: where the two never both keep the subject.
    """

    events: int
    segmentation: str
    method: str
    videos: int
    figures: dict[str, Interval | None]
    counted: dict[str, int]
    by_place: list[float]
    gains: dict[str, dict[str, Gain]]


class Table(NamedTuple):
    """All rows, cell by cell, the baselines' names, and the level of each interval of a gain, corrected for their number."""

    rows: list[Row]
    baselines: tuple[str, ...]
    comparisons: int
    level: float


def tabulate(measured: Sequence[Measured], baselines: Sequence[str]) -> Table:
    """The figures of all that was measured. Raises `EvaluationError` where a baseline was not."""
    cells: dict[tuple[int, str], dict[str, dict[str, Outcome]]] = {}
    for trial, outcome in measured:
        cell = cells.setdefault((sum(trial.case.events), trial.segmentation), {})
        cell.setdefault(trial.method, {})[trial.case.prompt_id] = outcome
    for (events, segmentation), cell in cells.items():
        for baseline in baselines:
            if baseline not in cell:
                raise EvaluationError(
                    f"the baseline {baseline!r} was not measured on {events} events, {segmentation}; add it as a --method"
                )
    # each gain has an interval of the difference and one of the ratio
    comparisons = 2 * len(GAINED) * len(baselines) * sum(len(cell) - 1 for cell in cells.values())
    level = corrected(comparisons)
    rows = [
        _row(*place, method, found, {name: cell[name] for name in baselines if name != method}, level)
        for place, cell in cells.items()
        for method, found in cell.items()
    ]
    return Table(rows, tuple(baselines), comparisons, level)


def mean(figure: Figure, found: Sequence[Outcome]) -> Interval | None:
    """A figure over videos of different prompts, None where no video has it."""
    values = [value for one in found if (value := figure.of(one)) is not None]
    return interval(np.array(values), list(map(str, range(len(values))))) if values else None


def gained(name: str, found: dict[str, Outcome], over: dict[str, Outcome], level: float) -> Gain | None:
    """What a figure of `GAINED`, or another that every video has, gains over other videos of the same prompts; None where
    none of them counts.
    """
    common = [prompt for prompt in found if prompt in over]
    if name == EQUAL:
        name, common = "in_segment", [at for at in common if found[at].subject_kept and over[at].subject_kept]
    if not common:
        return None
    values, base = (np.array([FIGURES[name].of(one[prompt]) for prompt in common], float) for one in (found, over))
    return gain(values, base, common, level=level)


def _row(
    events: int,
    segmentation: str,
    method: str,
    found: dict[str, Outcome],
    over: dict[str, dict[str, Outcome]],
    level: float,
) -> Row:
    outcomes = list(found.values())
    figures = {name: mean(figure, outcomes) for name, figure in FIGURES.items()}
    counted = {name: sum(figure.of(one) is not None for one in outcomes) for name, figure in FIGURES.items()}
    by_place = np.mean([[flag and one.subject_kept for flag in one.in_segment] for one in outcomes], axis=0).tolist()
    gains = {
        baseline: {name: more for name in GAINED if (more := gained(name, found, other, level))}
        for baseline, other in over.items()
    }
    return Row(events, segmentation, method, len(found), figures, counted, by_place, gains)


def _where_another(one: Outcome, flags: Sequence[bool | None]) -> float | None:
    """The share of flags where the control asks for another event, 0 if the subject is not kept."""
    seen = [bool(flag) for flag, other in zip(flags, one.reversed, strict=True) if other is not None]
    return None if not seen else _share(seen) if one.subject_kept else 0.0


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)
