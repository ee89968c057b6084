"""Gates: which side of its bar a figure must be on. That the present weights pass is tested nowhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.evaluate.shapes.making import outcome
from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import Interval
from tsattn.evaluate.shapes import gates
from tsattn.evaluate.shapes.attention import Glance
from tsattn.evaluate.shapes.gates import GATES, Check, check_gates


def found(**flags: list[str]) -> gates.Found:
    return {
        name.replace("_", " "): {str(k): outcome(one) for k, one in enumerate(shown)} for name, shown in flags.items()
    }


def clips(overlap: list[float], lead: float) -> np.ndarray:
    """12 clips, 2 steps, a layer for each overlap; in the first one the due event leads by this factor."""
    seen = np.zeros((12, 2, len(overlap), len(Glance._fields)))
    fields = {name: seen[..., k] for k, name in enumerate(Glance._fields)}
    fields["overlap"][:] = overlap
    mass = np.random.default_rng(0).uniform(0.1, 0.2, (12, 1, len(overlap)))
    for name in ("own", "other", "object_own", "object_other"):
        fields[name][:] = mass
    fields["own"][:, :, 0] *= lead
    return seen


@pytest.mark.parametrize(
    ("needs", "figure", "passed"),
    [
        ("at least", (0.5, 0.4, 0.6), True),
        ("at least", (0.49, 0.4, 0.6), False),
        ("at most", (0.5, 0.4, 0.6), True),
        ("at most", (0.51, 0.4, 0.6), False),
        ("surely above", (0.6, 0.51, 0.7), True),
        ("surely above", (0.6, 0.5, 0.7), False),
    ],
)
def test_a_check_is_held_against_its_bar(needs, figure, passed) -> None:
    assert Check("", Interval(*figure), 0.5, needs, gates.FEWEST).passed is passed


def test_g1_needs_events_and_subject() -> None:
    assert gates._single(found(vanilla=["1"] * 20)).passed
    assert not gates._single(found(vanilla=["1"] * 18 + ["0"] * 2)).passed
    lost = {"vanilla": {str(k): outcome("1", kept=k > 0) for k in range(20)}}
    assert not gates._single(lost).passed


def test_g2_needs_both_events_of_a_video() -> None:
    assert gates._bound(found(vanilla=["11"] * 9 + ["10"])).passed
    assert not gates._bound(found(vanilla=["11"] * 8 + ["10"] * 2)).passed


def test_g4_needs_the_gain_at_both_fractions() -> None:
    early = {"vanilla": ["000"] * 8, "kv-switch_20%": ["100"] * 8, "kv-switch_40%": ["110"] * 8}
    assert gates._switched(found(**early)).passed
    assert not gates._switched(found(**{**early, "kv-switch_20%": ["100"] * 4 + ["000"] * 4})).passed


def test_g5_is_passed_by_a_model_that_fails() -> None:
    assert gates._failing(found(vanilla=["100"] * 8)).passed
    assert not gates._failing(found(vanilla=["110"] * 8)).passed


@pytest.mark.parametrize(
    ("overlap", "passed"),
    [([0.6, 0.1, 0.6, 0.1, 0.6], True), ([0.6, 0.1, 0.6, 0.1, 0.1], False), ([0.5, 0.5, 0.1, 0.1], True)],
)
def test_g3_needs_half_of_the_layers(overlap: list[float], passed: bool) -> None:
    gate = gates._overlapping(clips(overlap, 1.0))
    assert gate.passed is passed
    assert gate.details["overlap by layer"] == overlap


def test_g6_needs_one_layer_whose_lead_is_sure() -> None:
    leading, level = gates._leading(clips([0.0] * 3, 1.3)), gates._leading(clips([0.0] * 3, 1.0))
    assert leading.passed
    assert leading.checks[0].figure.mean == pytest.approx(1.3)
    assert not level.passed, "a tie is no lead"
    assert not gates._leading(clips([0.0] * 3, 1.3)[:9]).passed, "an interval of a few clips says nothing"
    lost = clips([0.0] * 3, 1.3)
    lost[0, :, :, Glance._fields.index("object_own")] = np.nan
    json.dumps(gates._leading(lost).details, allow_nan=False)


def test_an_unknown_gate_is_named() -> None:
    with pytest.raises(EvaluationError, match="unknown gate 'g7'; there are g1, g2, g3, g4, g5, g6"):
        check_gates(["g1", "g7"], n=1, seed=0)


@pytest.mark.slow
def test_all_gates_are_measured(tmp_path) -> None:
    told: list[tuple[str, int, int]] = []
    measured = check_gates(
        list(GATES), n=2, seed=0, folder=tmp_path, steps=2,
        watch=lambda what: lambda done, wanted: told.append((what, done, wanted)),
    )  # fmt: skip
    assert [gate.name for gate in measured] == list(GATES)
    assert told[0] == ("videos", 0, 2 * (1 + 1 + 3)), "the model alone is shared by g4 and g5"
    assert told[-1] == ("true clips", 2, 2)
    for gate in measured:
        assert all(check.figure.low <= check.figure.mean <= check.figure.high for check in gate.checks)
        json.dumps(gate.details, allow_nan=False)
    again = check_gates(["g1", "g4", "g5"], n=2, seed=0, folder=tmp_path, steps=2)
    assert again == [gate for gate in measured if gate.name in ("g1", "g4", "g5")], "from the folder alone"
