from dataclasses import replace

import pytest

from training.common import scene_of
from training.data import SOURCES
from training.seen import learned, measured, split, story
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.records import Records
from tsattn.evaluate.shapes.trials import Matrix
from tsattn.fingerprint import fingerprint
from tsattn.generate import EMBEDDED, describe
from tsattn.methods import METHODS

MATRIX = Matrix(methods={"gentle": METHODS["gentle"]}, events=(3,), n=4, final=True)


def outcome(in_segment, *, kept=True):
    return Outcome(in_segment, in_segment, in_segment, [None] * len(in_segment), kept, 0.0, 1.0)


@pytest.fixture(scope="module")
def trials():
    return list(MATRIX.trials(describe(EMBEDDED).settings))


def test_prompts_are_parted_by_whether_their_story_is_known(trials):
    known = {story(trials[0].case.scene), story(trials[2].case.scene)}
    found = [outcome([True, True, False]), outcome([True] * 3), outcome([True] * 3, kept=False), outcome([False] * 3)]
    parts = split([Measured(*pair) for pair in zip(trials, found, strict=True)], known)
    assert parts == {"gentle": ([pytest.approx(2 / 3), 0.0], [1.0, 0.0])}


def test_a_known_story_is_that_of_a_training_scene():
    few = SOURCES[0]._replace(count=8)
    scenes = [scene_of(number, stage=few.stage, mix=few.mix) for number in range(9)]
    assert learned(few) == {story(scene) for scene in scenes[:8]}
    assert story(scenes[0]) == {actor.role for actor in scenes[0].actors}


def test_only_what_was_asked_for_is_read(tmp_path, trials):
    weights = fingerprint(describe(EMBEDDED))
    others = [
        replace(MATRIX, final=False),
        replace(MATRIX, events=(2,)),
        replace(MATRIX, methods={"gentle": METHODS["ts-attn"]}),
    ]
    settings = describe(EMBEDDED).settings
    keys = [next(iter(other.trials(settings))).key(weights) for other in others]
    keys += [trials[1].key("other weights"), next(iter(MATRIX.trials(replace(settings, steps=5)))).key(weights)]
    with Records(tmp_path) as records:
        records.add({trials[1].key(weights): (outcome([True]), {})})
        records.add({key: (outcome([False]), {}) for key in keys})
    assert measured(tmp_path, MATRIX) == [Measured(trials[1], outcome([True]))]
