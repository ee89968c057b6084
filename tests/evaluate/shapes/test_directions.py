"""A small part of what `tsattn eval gates` and `shapes` measure, on the shipped weights: that nothing breaks its direction.

Few prompts, always the same ones, and bounds far from what is found; how large an effect is, the whole measurement tells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate.shapes.making import CLIP
from tsattn.attention.region import Grid
from tsattn.control import ControlConfig
from tsattn.evaluate.shapes.attention import Glance, glances, object_tokens
from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.evaluate.shapes.trials import make, trials_of
from tsattn.generate import SHAPES_SETTINGS, Model, describe, generate, open_model
from tsattn.methods import METHODS

pytestmark = pytest.mark.slow
EVENTS = 3


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(describe("shapes"))


def test_single_events_are_done_and_the_subject_is_kept(model: Model) -> None:
    prompts, settings = 6, replace(SHAPES_SETTINGS, steps=10)
    alone = {"vanilla": METHODS["vanilla"]}
    found = [
        make(model, [trial]).outcomes[0]
        for number in range(prompts)
        for trial in trials_of(Case((1,), 0, number), alone, ("uniform",), settings)
    ]
    assert sum(all(one.in_segment) for one in found) >= prompts - 1
    assert sum(one.subject_kept for one in found) >= prompts - 1


def test_switching_keys_and_values_moves_events_into_their_segments(model: Model) -> None:
    prompts, settings = 3, replace(SHAPES_SETTINGS, steps=6)
    methods = {name: METHODS[name] for name in ("vanilla", "kv-switch")}
    share = dict.fromkeys(methods, 0.0)
    for number in range(prompts):
        for trial in trials_of(Case((EVENTS,), 0, number), methods, ("uniform",), settings):
            (outcome,) = make(model, [trial]).outcomes
            share[trial.method] += sum(outcome.in_segment) / (EVENTS * prompts)
    assert share["vanilla"] <= 0.5, "the model alone fails at several events"
    assert share["kv-switch"] >= share["vanilla"] + 0.2


def test_the_gentle_setting_moves_events_into_their_segments_and_keeps_the_subject(model: Model) -> None:
    prompts, settings = 6, replace(SHAPES_SETTINGS, steps=10)
    methods = {name: METHODS[name] for name in ("vanilla", "gentle")}
    share, kept = dict.fromkeys(methods, 0.0), dict.fromkeys(methods, 0)
    for number in range(prompts):
        for trial in trials_of(Case((EVENTS,), 0, number), methods, ("uniform",), settings):
            (outcome,) = make(model, [trial]).outcomes
            share[trial.method] += sum(outcome.in_segment) / (EVENTS * prompts)
            kept[trial.method] += outcome.subject_kept
    assert share["gentle"] >= share["vanilla"] + 0.1
    assert kept["gentle"] >= kept["vanilla"] - 2


def test_the_due_event_gets_the_subject_s_attention_and_the_others_lose_it(model: Model) -> None:
    for number in range(2):
        case = Case((EVENTS,), 0, number)
        settings = replace(SHAPES_SETTINGS, steps=5, guidance=1.0, seed=case.noise)
        run = generate(model, plan_of(case, "uniform"), settings, config=ControlConfig.paper(), record=True)
        assert run.record is not None
        mass = []
        for after in (False, True):
            inside = run.record.inside(after=after)
            rows = [[np.nanmean(inside[k, slice(*due.stretch)]) for due in run.record.events] for k in range(EVENTS)]
            mass.append(np.array(rows))
        alone, controlled = mass
        due = np.eye(EVENTS, dtype=bool)
        assert (controlled[due] > 5 * alone[due]).all()
        assert (controlled[~due] < alone[~due] / 2).all()


def test_the_motion_region_finds_the_subject_better_than_chance(model: Model) -> None:
    """A region of any size that knows nothing overlaps the object by no more than the object's share of the tokens."""
    found, chance = [], []
    for number in range(4):
        case = Case((EVENTS,), 0, number)
        seen = glances(model, case, replace(SHAPES_SETTINGS, steps=10))[..., Glance._fields.index("overlap")]
        found.append(np.median(seen[-1]))  # in the first step there is nothing to be seen
        chance.append(object_tokens(case.scene, CLIP, Grid(CLIP.latent_frames, 8, 8)).mean())
    assert np.mean(found) > 2 * np.mean(chance)
