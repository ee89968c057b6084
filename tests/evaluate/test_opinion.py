"""Opinions of one video: the verifier's, a scripted vision model's, and none where nothing counts."""

import numpy as np
import pytest

from tests.evaluate.storyeval.making import KEY, is_scoring, verdict
from tests.plan.scripted import completion, scripted
from tsattn.evaluate.opinion import Opinion, by_verifier, by_vision_model
from tsattn.evaluate.storyeval.judges import EndpointJudge
from tsattn.evaluate.storyeval.protocol import GPT4O
from tsattn.evaluate.verdict import judge
from tsattn.plan import parse
from tsattn.plan.chat import Endpoint
from tsattn.plan.timeline import Clip
from tsattn.shapes.world import render, sample_scene

CLIP = Clip(25, 8.0, 2)
SCENE = sample_scene(np.random.default_rng(3), 2)
PLAN, VIDEO = parse(SCENE.prompt), render(SCENE)


def test_the_verifiers():
    said = judge(PLAN, CLIP, VIDEO)
    assert by_verifier(PLAN, CLIP, VIDEO) == Opinion(tuple(said.in_segment), said.subject_kept)
    unknown = by_verifier(parse("A cat jumps, then sleeps"), CLIP, VIDEO)
    assert unknown.done is None and "does not know" in unknown.unscored


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    with scripted(monkeypatch) as made:
        yield made


def asked(server, *flags_of_rounds):
    rounds = iter(flags_of_rounds)

    def answer(question):
        return verdict(*next(rounds)) if is_scoring(question) else completion("Something red.")

    server.script = [answer]
    with EndpointJudge(Endpoint(model="m", base_url=server.address, retries=0), at_once=1) as model:
        return by_vision_model(model, GPT4O)(PLAN, CLIP, VIDEO)


def test_a_vision_models_is_what_all_rounds_say(server):
    assert asked(server, (1, 1), (1, 0), (1, 1)) == Opinion((True, False))


def test_no_verdict_is_no_zero(server):
    opinion = asked(server, *[(1,)] * 9)
    assert opinion.done is None
    assert opinion.unscored.startswith("no verdict")
    assert not opinion.complete


def test_a_judge_that_cannot_be_asked_leaves_it_unscored(server):
    server.script = [lambda question: (401, {"error": {"message": "no"}}, {})]
    with EndpointJudge(Endpoint(model="m", base_url=server.address, retries=0), at_once=1) as model:
        opinion = by_vision_model(model, GPT4O)(PLAN, CLIP, VIDEO)
    assert opinion.done is None and opinion.unscored and KEY not in opinion.unscored


@pytest.mark.parametrize(
    ("opinion", "complete", "merits"),
    [
        (Opinion((True, True), True), True, 3),
        (Opinion((True, True), None), True, 2),
        (Opinion((True, True), False), False, 2),
        (Opinion((True, False), True), False, 2),
        (Opinion(None, None, "no verdict"), False, 0),
    ],
)
def test_what_is_complete(opinion, complete, merits):
    assert (opinion.complete, opinion.merits) == (complete, merits)
