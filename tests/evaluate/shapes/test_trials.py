"""Which trials there are, and what tells two of them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluate.shapes.making import trial
from tests.shapes.sibling import untrained
from tsattn.control import ControlConfig
from tsattn.errors import EvaluationError
from tsattn.evaluate.shapes import trials
from tsattn.evaluate.shapes.attention import glances
from tsattn.evaluate.shapes.trials import Matrix, Trial
from tsattn.fingerprint import fingerprint
from tsattn.generate import SHAPES_SETTINGS, describe, open_model
from tsattn.methods import ENGINE, METHODS, Method
from tsattn.shapes.world import render

TWO = {name: METHODS[name] for name in ("vanilla", "ts-attn")}


def test_the_matrix_is_a_product_ordered_by_prompt() -> None:
    matrix = Matrix(methods=TWO, events=(2, 3), segmentations=("uniform", "true"), seeds=(0, 7), n=3)
    found = list(matrix.trials(SHAPES_SETTINGS))
    assert len(found) == 2 * 2 * 2 * 2 * 3
    assert [(one.method, one.segmentation) for one in found[:4]] == [
        ("vanilla", "uniform"), ("vanilla", "true"), ("ts-attn", "uniform"), ("ts-attn", "true"),
    ]  # fmt: skip
    assert len({one.case for one in found[:4]}) == 1
    assert len({one.key("w") for one in found}) == len(found)
    assert {one.settings.seed for one in found} == {one.case.noise for one in found}


def test_the_model_alone_needs_one_video_for_all_segmentations() -> None:
    alone = [trial("vanilla", segmentation=name) for name in ("uniform", "true")]
    controlled = [trial("ts-attn", segmentation=name) for name in ("uniform", "true")]
    assert len({one.video for one in alone}) == 1
    assert len({one.video for one in controlled}) == 2
    assert len({one.key("w") for one in alone}) == 2, "but it is judged by each"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: trial("vanilla", number=1),
        lambda one: replace(one, how=METHODS["released"]),
        lambda one: replace(one, how=Method(ControlConfig(r_max=1.6))),
        lambda one: replace(one, how=METHODS["windows"]),
        lambda one: replace(one, settings=replace(one.settings, steps=7)),
        lambda one: replace(one, settings=replace(one.settings, seed=7)),
        lambda one: trial("ts-attn", segmentation="true"),
    ],
)
def test_all_that_determines_the_outcome_is_in_the_key(change: Callable[[Trial], Trial]) -> None:
    one = trial("ts-attn")
    assert change(one).key("w") != one.key("w")


def test_weights_and_rules_are_in_the_key_and_names_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one = trial("ts-attn")
    assert one.key("other weights") != one.key("w")
    renamed = replace(one, method="ours", how=one.how._replace(about="ours"))
    assert renamed.key("w") == one.key("w")
    before = one.key("w")
    monkeypatch.setattr(trials, "rules", lambda: "another verifier")
    assert one.key("w") != before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, r"n must be from 1 to 1000000, but got \[0\]"),
        ({"events": (2, 5)}, r"events must be from 1 to 4, but got \[2, 5\]"),
        ({"events": ()}, "events must be from 1 to 4"),
        ({"seeds": (-1,)}, "seeds must be from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        Matrix(methods=TWO, **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_model_that_starts_from_an_image_gets_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = describe(str(untrained(tmp_path)))
    model, given, make_video = open_model(facts), [], trials.make_video

    def noting(*args: Any, image: Any, **options: Any) -> Any:
        given.append(np.asarray(image))
        return make_video(*args, image=image, **options)

    monkeypatch.setattr(trials, "make_video", noting)
    one = trial("ts-attn")
    made = trials.make(model, [replace(one, settings=replace(SHAPES_SETTINGS, steps=1))])
    assert made.video.shape == render(one.case.scene).shape
    assert np.array_equal(given[0], render(one.case.scene)[0])
    assert fingerprint(facts) != fingerprint(describe("shapes"))
    assert len(glances(model, one.case, replace(SHAPES_SETTINGS, steps=5))) == 2, "40 % of the steps, not 20"


def test_what_methods_do_is_of_a_version_that_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    one = trial()
    before = one.key("w")
    monkeypatch.setattr("tsattn.evaluate.shapes.trials.ENGINE", ENGINE + 1)
    assert one.key("w") != before


def test_defaults_are_those_of_the_engine_s_version() -> None:
    """Fields at their defaults are not in the key: whoever changes a default must raise `ENGINE`, and what stands here."""
    assert ENGINE == 1
    known = {
        "policy": "ts-attn", "t2v_step_fraction": 0.2, "i2v_step_fraction": 0.4, "minimum_steps": 1, "strength": 1.0, "layers": None,
        "r_min": 1.0, "r_max": 1.5, "erosion": 3, "region": True, "rearrangement": True, "reinforcement": True,
        "released_code": False, "threshold": 0.0, "raise_subject": False, "count_pads": True, "segment_wise": False,
        "unconditional": False,
    }  # fmt: skip
    assert asdict(ControlConfig()) == known
