"""What is special to SANA-Video: an instruction in front of the prompt, and the name of the clip's length."""

from __future__ import annotations

import html
from typing import NamedTuple

import diffusers.utils
import pytest
from diffusers.pipelines.sana_video import pipeline_sana_video, pipeline_sana_video_i2v
from tokenizers.processors import TemplateProcessing

import tsattn
from tests.conftest import PROMPT, plan_of
from tests.families.case import plan
from tests.families.sana_video import CASES
from tsattn.control.registry import load
from tsattn.control.texts import defaults, text_of
from tsattn.errors import PlanError, SpanError
from tsattn.generate import Model, generate
from tsattn.plan.spans import columns
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings

FAMILY, CASE = load("sana-video"), CASES[0]
OWN = {name: CASE.options[name] for name in ("max_sequence_length", "complex_human_instruction")}
INSTRUCTIONS = {
    "default": {"max_sequence_length": 90},
    "own": OWN,
    "own-without-space": {**OWN, "complex_human_instruction": ["Prompt:\n"]},
    "none": {**OWN, "complex_human_instruction": None},
}


def encoded(prompt, **changes):
    """The text embeddings and mask that the pipeline makes of a prompt."""
    given = {**defaults(CASE.pipe), **changes, "prompt": prompt, "do_classifier_free_guidance": False}
    embeddings, mask, *_ = CASE.pipe.encode_prompt(**given)
    return embeddings, mask


@pytest.mark.parametrize("changes", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
@pytest.mark.parametrize(("word", "other"), [("A", "I"), ("grass", "yard"), ("sleeps", "jumps")])
def test_a_word_changes_no_column_before_its_own(changes, word, other):
    """The text encoder is causal."""
    first = PROMPT.index(word)
    CASE.pipe.tokenizer.padding_side = "left"  # as it is loaded
    tokens = FAMILY.tokens(CASE.pipe, PROMPT, {**defaults(CASE.pipe), **changes})
    assert CASE.pipe.tokenizer.padding_side == "left"
    one, mask = encoded(PROMPT, **changes)
    two, _ = encoded(PROMPT[:first] + other + PROMPT[first + len(word) :], **changes)
    differ = (one[0] != two[0]).any(-1).nonzero()
    found = columns(tokens, PROMPT, (first, first + len(word)), clean=FAMILY.clean)
    assert found[0] == int(differ[0])
    assert len(tokens.offsets) == one.shape[1]
    assert tokens.length == int(mask.sum())


def test_words_that_the_pipeline_cuts_off_are_missed():
    with pytest.raises(SpanError, match="longer than the 40 tokens"):
        text_of(CASE.pipe, FAMILY, plan(), {**defaults(CASE.pipe), "max_sequence_length": 40})


def test_an_instruction_that_loses_words_of_the_prompt_is_refused(monkeypatch):
    """A tokenizer with a token for the end counts one more for the instruction alone."""
    ending = TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 1)])
    monkeypatch.setattr(CASE.pipe.tokenizer.backend_tokenizer, "post_processor", ending)
    with pytest.raises(SpanError, match="template does not fit"):
        text_of(CASE.pipe, FAMILY, plan(), {**defaults(CASE.pipe), **OWN})


def test_another_cleaning_than_the_default_is_refused_where_it_matters(monkeypatch):
    class Soup:
        def __init__(self, text, features):
            self.text = html.unescape(text)

    class Repair(NamedTuple):
        fix_text = staticmethod(str)

    for name, part in (("BeautifulSoup", Soup), ("ftfy", Repair)):
        monkeypatch.setattr(pipeline_sana_video, name, part, raising=False)
    for module in (pipeline_sana_video, diffusers.utils):
        for name in ("is_bs4_available", "is_ftfy_available"):
            monkeypatch.setattr(module, name, lambda: True)
    prompt = "A (red) cat @home runs -- then: SLEEPS"
    own = plan_of(prompt, "cat", "runs", "SLEEPS")
    with pytest.raises(PlanError, match="leave clean_caption out"), tsattn.control(CASE.pipe, own):
        CASE(prompt, clean_caption=True)
    with tsattn.control(CASE.pipe, plan()):
        CASE(clean_caption=True)


@pytest.mark.parametrize("case", [CASES[0], CASES[-1]], ids=lambda case: case.name)
def test_the_pipeline_makes_as_many_frames_as_it_is_asked_for(case, monkeypatch):
    """They are counted by `frames`, not `num_frames`."""
    for module in (pipeline_sana_video, pipeline_sana_video_i2v):
        monkeypatch.setattr(module, "ASPECT_RATIO_480_BIN", {"1.0": [64.0, 64.0]})
    settings = Settings(height=64, width=64, frames=13, fps=16.0, steps=2, guidance=6.0)
    model = Model(case.pipe, None)
    run = generate(model, plan(), settings, config=tsattn.ControlConfig(), image=case.options.get("image"))
    assert run.video.shape == (13, 64, 64, 3)
    clip = Clip.made(13, 16.0, *FAMILY.timing(case.pipe.vae.config, case.pipe.transformer.config))
    assert (clip.frames, clip.latent_frames) == (13, 4)


def test_the_timing_is_that_of_the_autoencoder():
    transformer = {"patch_size": [1, 2, 2]}
    assert FAMILY.timing({}, transformer) == (4, 1)
    assert FAMILY.timing({"temporal_compression_ratio": 8}, transformer) == (8, 1)
