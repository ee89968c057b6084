"""Where objects are on the token grid, and what the model is seen to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate.shapes.making import CLIP
from tsattn.attention.region import Grid
from tsattn.evaluate.shapes.attention import Glance, glances, object_tokens
from tsattn.evaluate.shapes.cases import Case
from tsattn.generate import SHAPES_SETTINGS, describe, open_model
from tsattn.shapes.world import coverage, track

GRID = Grid(CLIP.latent_frames, 8, 8)
TEN = replace(SHAPES_SETTINGS, steps=10)


def test_an_objects_tokens_are_where_it_is() -> None:
    for number in range(10):
        actor = Case((3,), 0, number).scene.actors[0]
        found, moving = object_tokens(Case((3,), 0, number).scene, CLIP, GRID), track(actor)
        assert found.shape == GRID
        for latent in range(GRID.frames):
            frames = slice(CLIP.first_frame(latent), CLIP.first_frame(latent + 1))
            if found[latent].any():
                rows, columns = (8 * at.mean() + 4 for at in np.nonzero(found[latent]))
                assert abs(rows - moving.y[frames].mean()) < 8
                assert abs(columns - moving.x[frames].mean()) < 8


def test_tokens_cover_about_the_objects_area() -> None:
    share = []
    for number in range(40):
        scene = Case((2,), 0, number).scene
        actor = scene.actors[0]
        share.append(object_tokens(scene, CLIP, GRID).mean() / coverage(actor.role.shape, track(actor)).mean())
    assert 0.85 < np.mean(share) < 1.15


@pytest.mark.slow
def test_glances_are_shares_and_depend_on_the_case_alone() -> None:
    model = open_model(describe("shapes"))
    first = glances(model, Case((2,), 0, 0), TEN)
    layers = model.pipe.transformer.config.num_layers
    assert first.shape == (2, layers, len(Glance._fields)), "the first fifth of ten steps"
    assert ((first >= 0) & (first <= 1)).all()
    assert np.array_equal(first, glances(model, Case((2,), 0, 0), TEN))
    assert not np.array_equal(first, glances(model, Case((2,), 0, 1), TEN))
    alone = glances(model, Case((1,), 0, 0), TEN)
    assert np.isnan(alone[..., Glance._fields.index("other")]).all(), "one event alone has no other"
    assert not hasattr(model.pipe, "_tsattn")
