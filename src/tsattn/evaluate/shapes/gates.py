"""The premises of the method, each as a figure with a bar: without them a missing effect says nothing about the method."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.control import ControlConfig
from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import Interval, corrected, gain, interval
from tsattn.evaluate.shapes.attention import Glance, glances
from tsattn.evaluate.shapes.cases import Case
from tsattn.evaluate.shapes.figures import FIGURES, Figure, gained, mean
from tsattn.evaluate.shapes.matrix import Watch, run
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.trials import trials_of
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS, describe, open_model
from tsattn.methods import METHODS, Method
from tsattn.settings import Settings

EVENTS = 3
"""Events of the prompts of all gates but g1 and g2."""
BOUND = Figure("both events, each by its own subject", lambda one: float(all(one.in_segment) and one.subject_kept))
FEWEST = 10
"""Clips of which an interval is believed: by the bootstrap those of fewer are far too narrow, and of one it has no width."""
SWITCHED = (0.2, 0.4)
"""Shares of the steps in which g4 switches keys and values."""
GATES = {
    "g1": "the model does single events",
    "g2": "two subjects do their own events",
    "g3": "the motion region finds the subject",
    "g4": "events are decided early",
    "g5": "the model alone fails at several events",
    "g6": "attention goes to the event that is due",
}
"""Every gate, and what it asks."""


class Check(NamedTuple):
    """A figure with its interval, and the bar it is held against."""

    what: str
    figure: Interval
    bar: float
    needs: Literal["at least", "at most", "surely above"] = "at least"
    """Whether the figure itself must be on that side of the bar, or all of its interval, of `FEWEST` clips or more."""
    clips: int | None = None
    """How many there were, where the interval counts."""

    @property
    def passed(self) -> bool:
        """Whether it is."""
        if self.needs == "surely above":
            return self.figure.low > self.bar and (self.clips or 0) >= FEWEST
        return self.figure.mean >= self.bar if self.needs == "at least" else self.figure.mean <= self.bar


class Gate(NamedTuple):
    """A gate, its checks, and further figures for people who ask why."""

    name: str
    checks: list[Check]
    details: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether all checks are."""
        return all(check.passed for check in self.checks)


Found = dict[str, dict[str, Outcome]]
"""Outcomes by method and prompt."""


def check_gates(
    names: Sequence[str],
    *,
    n: int,
    seed: int,
    folder: Path | None = None,
    model: str = EMBEDDED,
    workers: int = 1,
    steps: int | None = None,
    watch: Callable[[str], Watch] = lambda what: lambda done, wanted: None,
) -> list[Gate]:
    """Measure gates on `n` held-out prompts or clips each; videos that a folder of `matrix.run` holds are not made again.

    `watch` is told what is made now, and gives what to call for each. Raises as `matrix.run`, and `EvaluationError` for
    a gate that there is not.
    """
    for name in names:
        if name not in GATES:
            raise EvaluationError(f"unknown gate {name!r}; there are {', '.join(GATES)}")
    on_videos = [name for name in names if name in _ON_VIDEOS]
    settings = replace(SHAPES_SETTINGS, steps=steps or SHAPES_SETTINGS.steps)
    found = _videos(on_videos, n, seed, folder, model, workers, settings, watch("videos")) if on_videos else {}
    clips = _clips(n, seed, model, settings, watch("true clips")) if set(names) & set(_ON_CLIPS) else None
    return [
        _ON_CLIPS[name](clips) if clips is not None and name in _ON_CLIPS else _ON_VIDEOS[name].gate(found[name])
        for name in GATES
        if name in names
    ]


class OnVideos(NamedTuple):
    """A gate on generated videos: events of each subject, methods, and what to make of their outcomes."""

    events: tuple[int, ...]
    methods: dict[str, Method]
    gate: Callable[[Found], Gate]


def _videos(
    names: Sequence[str],
    n: int,
    seed: int,
    folder: Path | None,
    model: str,
    workers: int,
    settings: Settings,
    watch: Watch,
) -> dict[str, Found]:
    wanted = [
        (name, trial)
        for name in names
        for number in range(n)
        for trial in trials_of(
            Case(_ON_VIDEOS[name].events, seed, number), _ON_VIDEOS[name].methods, ("uniform",), settings
        )
    ]
    with tempfile.TemporaryDirectory(prefix="tsattn-") if folder is None else nullcontext(folder) as place:
        measured = run([trial for _, trial in wanted], Path(place), model=model, workers=workers, watch=watch)
    found: dict[str, Found] = {name: {} for name in names}
    for (name, trial), (_, outcome) in zip(wanted, measured, strict=True):
        found[name].setdefault(trial.method, {})[trial.case.prompt_id] = outcome
    return found


def _clips(n: int, seed: int, name: str, settings: Settings, watch: Watch) -> NDArray[np.float64]:
    """What is seen on true clips, (clips, steps, layers, fields of `Glance`)."""
    model = open_model(describe(name), gpu=False)
    seen = []
    watch(0, n)
    for number in range(n):
        seen.append(glances(model, Case((EVENTS,), seed, number), settings))
        watch(number + 1, n)
    return np.stack(seen)


def _single(found: Found) -> Gate:
    outcomes = list(found["vanilla"].values())
    return Gate(
        "g1",
        [
            Check("events done, 1 event", _sure(mean(FIGURES["in_segment"], outcomes)), 0.95),
            Check("subject kept, 1 event", _sure(mean(FIGURES["subject_kept"], outcomes)), 0.98),
        ],
        {},
    )


def _bound(found: Found) -> Gate:
    outcomes = list(found["vanilla"].values())
    details = {name: _sure(mean(FIGURES[name], outcomes)).mean for name in ("in_segment", "subject_kept")}
    return Gate("g2", [Check(BOUND.label, _sure(mean(BOUND, outcomes)), 0.85)], details)


def _switched(found: Found) -> Gate:
    checks, details = [], dict[str, Any]()
    for method, outcomes in found.items():
        details[method] = {
            name: _sure(mean(FIGURES[name], list(outcomes.values()))).mean for name in ("in_segment", "subject_kept")
        }
        if method != "vanilla":
            more = gained("in_segment", outcomes, found["vanilla"], corrected(1))
            assert more is not None
            checks.append(Check(f"in segment, {method} over vanilla", more.difference, 0.25))
    return Gate("g4", checks, details)


def _failing(found: Found) -> Gate:
    outcomes = list(found["vanilla"].values())
    inside = _sure(mean(FIGURES["in_segment"], outcomes))
    details = {
        name: _sure(mean(FIGURES[name], outcomes)).mean for name in ("in_order", "all_in_segment", "subject_kept")
    }
    return Gate("g5", [Check(f"in segment, {EVENTS} events", inside, 0.5, "at most")], details)


def _overlapping(clips: NDArray[np.float64]) -> Gate:
    """The overlap that half of the layers reach: the upper median over the layers, of means over clips and steps."""
    seen = clips[..., Glance._fields.index("overlap")]
    by_layer = seen.mean((0, 1))
    middle = int(np.argsort(-by_layer)[(len(by_layer) + 1) // 2 - 1])
    details = {
        "overlap by layer": _listed(by_layer),
        "overlap by step and layer": _listed(seen.mean(0)),
        "without erosion, by layer": _listed(clips[..., Glance._fields.index("uneroded")].mean((0, 1))),
    }
    figure = interval(seen[..., middle].mean(1), _numbers(len(clips)))
    return Gate("g3", [Check("overlap that half of the layers reach", figure, 0.5)], details)


def _leading(clips: NDArray[np.float64]) -> Gate:
    """The lead of the event that is due in the layer where it is surest, by intervals corrected for the number of layers."""
    by_clip = dict(zip(Glance._fields, np.moveaxis(clips.mean(1), -1, 0), strict=True))
    everywhere, inside = (_ratios(by_clip[f"{kind}own"], by_clip[f"{kind}other"]) for kind in ("", "object_"))
    best = max(everywhere, key=lambda ratio: ratio.low)
    details: dict[str, Any] = {name: _listed(np.nanmean(by_clip[name], axis=0)) for name in Glance._fields[2:]}
    details["own over other, by layer"] = _listed(np.array(everywhere))
    details["the same in the object's tokens"] = _listed(np.array(inside))
    what = f"due event over another, best layer, of {FEWEST} clips or more"
    return Gate("g6", [Check(what, best, 1.0, "surely above", len(clips))], details)


def _ratios(own: NDArray[np.float64], other: NDArray[np.float64]) -> list[Interval]:
    """Own over other in every layer, of values (clips, layers); clips whose object has no token in a segment are left out."""
    level, known = corrected(own.shape[1]), np.isfinite(own + other).all(1)
    own, other = own[known], other[known]
    pairs: Iterable[Any] = zip(own.T, other.T, strict=True)
    found = [gain(one, rest, _numbers(len(own)), level=level).ratio for one, rest in pairs]
    return [_sure(ratio) for ratio in found]


_ALONE = {"vanilla": METHODS["vanilla"]}
_SWITCHING = {f"kv-switch {share:.0%}": Method(ControlConfig.kv_switch(share)) for share in SWITCHED}
_ON_VIDEOS = {
    "g1": OnVideos((1,), _ALONE, _single),
    "g2": OnVideos((1, 1), _ALONE, _bound),
    "g4": OnVideos((EVENTS,), {**_ALONE, **_SWITCHING}, _switched),
    "g5": OnVideos((EVENTS,), _ALONE, _failing),
}
_ON_CLIPS: dict[str, Callable[[NDArray[np.float64]], Gate]] = {"g3": _overlapping, "g6": _leading}


def _sure(found: Interval | None) -> Interval:
    """A figure that every video has."""
    assert found is not None
    return found


def _numbers(count: int) -> list[str]:
    return list(map(str, range(count)))


def _listed(values: NDArray[np.float64]) -> Any:
    return np.round(values, 4).tolist()
