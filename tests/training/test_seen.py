import json

import pytest

from training.common import scene_of
from training.data import SOURCES
from training.seen import Kept, learned, outcomes, split, story
from tsattn.evaluate.shapes.cases import Case
from tsattn.evaluate.shapes.measures import Outcome

CASES = [Case((3,), 0, number, True) for number in range(4)]


def outcome(in_segment, *, kept=True):
    return Outcome(in_segment, in_segment, in_segment, [None] * len(in_segment), kept, 0.0, 1.0)


def test_prompts_are_parted_by_whether_their_story_is_known():
    known = {story(CASES[0].scene), story(CASES[2].scene)}
    shares = [outcome([True, True, False]), outcome([True] * 3), outcome([True] * 3, kept=False), outcome([False] * 3)]
    found = split([Kept("gentle", *pair) for pair in zip(CASES, shares, strict=True)], known)
    assert found == {"gentle": ([pytest.approx(2 / 3), 0.0], [1.0, 0.0])}


def test_a_known_story_is_that_of_a_training_scene():
    few = SOURCES[0]._replace(count=8)
    scenes = [scene_of(number, stage=few.stage, mix=few.mix) for number in range(9)]
    assert learned(few) == {story(scene) for scene in scenes[:8]}
    assert story(scenes[0]) == {actor.role for actor in scenes[0].actors}


def test_only_outcomes_of_the_final_prompts_asked_for_are_read(tmp_path):
    line = {"method": "gentle", "seed": 0, "number": 1, "segments": "uniform", "outcome": outcome([True])._asdict()}
    asked = {**line, "events": [3], "final": True}
    others = [asked | change for change in ({"events": [2]}, {"final": False}, {"segments": "true"})]
    (tmp_path / "outcomes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [asked, *others]))
    assert outcomes(tmp_path, events=3) == [Kept("gentle", CASES[1], outcome([True]))]
