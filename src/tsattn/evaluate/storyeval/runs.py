"""The results of whole runs, read, scored and compared with a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import Interval
from tsattn.evaluate.storyeval.compare import Comparison, compare, score_interval
from tsattn.evaluate.storyeval.layout import Result, read_results
from tsattn.evaluate.storyeval.score import PAPER, Scores, score

MORE = ("medium", "2_events", "3_events", "4_events")
"""What the paper's tables have no column for."""


class Run(NamedTuple):
    """The results of one model and method, of all seeds."""

    label: str
    results: tuple[Result, ...]


class Rated(NamedTuple):
    """A run, its scores, and what it gains over the baseline on all prompts and on those of each class."""

    run: Run
    scores: Scores
    average: Interval | None
    gains: dict[str, Comparison]


def read_runs(sources: Sequence[str]) -> list[Run]:
    """The runs in results files, given as FILE or LABEL=FILE. Files of one label are one run with several seeds.

    Without a label it is that of the model, where the file says so, else the file's name. Raises `EvaluationError` where a
    file cannot be read, or holds a prompt and seed that its run already has.
    """
    runs: dict[str, dict[tuple[str, int | None], Result]] = {}
    for source in sources:
        label, path = _parted(source)
        results = read_results(path)
        named = label or results[0].model or path.stem
        run = runs.setdefault(named, {})
        for result in results:
            if (result.name, result.seed) in run:
                raise EvaluationError(
                    f"{path} and another file of the run {named!r} both hold {result.name} with the same seed; "
                    "tell the runs apart as LABEL=FILE"
                )
            run[result.name, result.seed] = result
    return [Run(label, tuple(run.values())) for label, run in runs.items()]


def _parted(source: str) -> tuple[str, Path]:
    """The label, empty where there is none, and the path: the longest that is a file, for paths may hold an = too."""
    parts = source.split("=")
    ways = [("=".join(parts[:k]), Path("=".join(parts[k:]))) for k in range(len(parts))]
    return next((way for way in ways if way[1].is_file()), ways[-1])


def rate(runs: Sequence[Run], baseline: str | None, *, compat: bool = False) -> list[Rated]:
    """Score the runs and compare each with the baseline, by default the first. Raises `EvaluationError` for another label."""
    labels = [run.label for run in runs]
    if baseline is not None and baseline not in labels:
        raise EvaluationError(f"there is no run {baseline!r} to compare with, only {', '.join(labels)}")
    first = runs[labels.index(baseline) if baseline else 0]

    def of_class(run: Run, name: str) -> list[Result]:
        return [result for result in run.results if name in ("all", *result.classes)]

    names = [*PAPER[:-1], *MORE, "all"]
    return [
        Rated(
            run,
            score(run.results, compat=compat),
            score_interval(run.results, compat=compat),
            {name: compare(of_class(first, name), of_class(run, name), compat=compat) for name in names}
            if run is not first
            else {},
        )
        for run in runs
    ]
