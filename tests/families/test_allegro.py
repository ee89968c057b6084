"""What is special to Allegro: the cleaning of captions, and latent frames of equal length."""

from __future__ import annotations

import html

import pytest

import tsattn
from tests.conftest import plan_of
from tests.families.allegro import CASES, pipeline
from tests.families.case import plan
from tsattn.control.registry import load
from tsattn.control.texts import defaults, text_of
from tsattn.errors import PlanError, UnsupportedPipelineError
from tsattn.plan.timeline import Clip

FAMILY, CASE = load("allegro"), CASES[0]
PROMPT = "A (red) cat @home runs -- then: SLEEPS"


@pytest.fixture
def cleaning(monkeypatch):
    """As if the optional package for cleaning were installed: prompts without markup are all that it is needed for."""
    import diffusers.utils
    from diffusers.pipelines.allegro import pipeline_allegro

    class Soup:
        def __init__(self, text, features):
            self.text = html.unescape(text)

    monkeypatch.setattr(pipeline_allegro, "BeautifulSoup", Soup, raising=False)
    for module in (pipeline_allegro, diffusers.utils):
        for name in ("is_bs4_available", "is_ftfy_available"):
            monkeypatch.setattr(module, name, lambda: True)


def test_words_are_found_in_the_cleaned_caption(cleaning):
    own = plan_of(PROMPT, "cat", "runs", "SLEEPS")
    found = text_of(CASE.pipe, FAMILY, own, defaults(CASE.pipe))
    words = CASE.pipe._text_preprocessing(PROMPT, clean_caption=True)[0]
    assert found.tokens.text == words != PROMPT.lower()
    said = [
        "".join(words[slice(*found.tokens.offsets[k])] for k in columns).strip()
        for columns in (found.columns[0].subject, *found.columns[0].events)
    ]
    assert said == ["cat", "runs", "sleeps"]


def test_another_cleaning_than_the_default_is_refused_where_it_matters(cleaning):
    own = plan_of(PROMPT, "cat", "runs", "SLEEPS")
    with pytest.raises(PlanError, match="leave clean_caption out"), tsattn.control(CASE.pipe, own):
        CASE(PROMPT, clean_caption=False)
    with tsattn.control(CASE.pipe, plan()):
        CASE(clean_caption=False)


def test_every_latent_frame_covers_four_frames():
    with tsattn.control(CASE.pipe, plan()):
        CASE()
        clip = CASE.pipe._tsattn.state.clip
    assert clip == Clip.made(CASE.options["num_frames"], 1.0, 4, 4)
    assert [clip.first_frame(k) for k in range(clip.latent_frames + 1)] == [0, 4, 8, 12]


def test_joined_latent_frames_are_refused():
    with pytest.raises(UnsupportedPipelineError, match="patch_size_t"):
        tsattn.enable(pipeline(patch_size_t=2), plan())


def test_embeddings_are_compared_once_for_a_run(monkeypatch):
    from tsattn.control import tracking

    calls, genuine = [], tracking._is_prompt
    monkeypatch.setattr(tracking, "_is_prompt", lambda *args: calls.append(args) or genuine(*args))
    with tsattn.control(CASE.pipe, plan()):
        CASE(num_inference_steps=4)
        assert len(calls) == 1, "four steps pass the same tensor"
        CASE()
        assert len(calls) == 2, "another run may have other embeddings"
