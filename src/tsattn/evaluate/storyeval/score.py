"""Scores by the benchmark's rules, from the results of one or several seeds.

An event is done where every round that gave a list says so. A prompt's score is the share of its events that are done.
Of a class it is the mean over its prompts. A prompt with an empty list scores 0, as in the benchmark, unless its file says
why it is unscored: then it is left out, or with `compat` counted as 0 like all others.

Sums are made one by one in the order of the file, as the benchmark makes them, so that even the last digit agrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from tsattn.evaluate.storyeval.layout import Result

CLASSES = ("human", "animal", "object", "retrieval", "creative", "easy", "medium", "hard")
COUNTS = ("2_events", "3_events", "4_events")
PAPER = ("human", "animal", "object", "retrieval", "creative", "easy", "hard", "all")
"""The columns of the paper's tables, in their order."""
UNANIMOUS = 0.9999
"""The mean over the rounds above which an event is done."""


class Scores(NamedTuple):
    """Shares of one run.

    `classes` maps "all", the classes and the numbers of events to their scores, None where they have no prompt that
    counts. `complete` of the prompts have all events done, `micro` of the events are done; both are of the prompts that
    count, which are `counted` of `total`. `empty` is the share of all that has no list.
    """

    classes: dict[str, float | None]
    empty: float
    complete: float | None
    micro: float | None
    counted: int
    total: int

    def flat(self) -> dict[str, float | None]:
        """The scores of all classes, and the share that is empty."""
        return {**self.classes, "empty": self.empty}


def votes(result: Result) -> list[int]:
    """1 for each event that every round saw done, else 0."""
    return [int(share > UNANIMOUS) for share in result.completion]


def prompt_score(result: Result) -> float:
    """The share of a prompt's events that are done, 0 where there is no list."""
    done = votes(result)
    return sum(done) / len(done) if done else 0.0


def counts(result: Result, *, compat: bool) -> bool:
    """Whether a result goes into the averages."""
    return compat or result.unscored is None


def score(results: Sequence[Result], *, compat: bool = False) -> Scores:
    """The scores of these results."""
    counted = [result for result in results if counts(result, compat=compat)]
    names = dict.fromkeys((*CLASSES, *COUNTS, *(name for result in results for name in result.classes)))
    done = [votes(result) or [0] * len(result.events) for result in counted]
    return Scores(
        classes={
            "all": mean(prompt_score(result) for result in counted),
            **{name: mean(prompt_score(r) for r in counted if name in r.classes) for name in names},
        },
        empty=sum(not result.completion for result in results) / len(results),
        complete=mean(float(bool(flags) and all(flags)) for flags in done),
        micro=mean(float(flag) for flags in done for flag in flags),
        counted=len(counted),
        total=len(results),
    )


def mean(values: Iterable[float]) -> float | None:
    """The mean, None of nothing."""
    numbers = list(values)
    return reduce(add, numbers) / len(numbers) if numbers else None
