"""The columns that a family gives for a word are those that the word has in what the transformer is given.

Seen from outside where the text encoder is causal: a word changes its own column and those behind it.
"""

from __future__ import annotations

import pytest
import torch

from tests.conftest import PROMPT
from tests.families import hunyuan_video, hunyuan_video15, kandinsky5
from tests.families.case import Case
from tsattn.control.registry import family_of
from tsattn.control.texts import defaults
from tsattn.errors import SpanError
from tsattn.plan.spans import columns

QUOTED = 'A cat runs past "red", then sleeps'
LEFT = Case("left", lambda: kandinsky5.pipeline("Kandinsky5T2VPipeline", padding_side="left"), 2, kandinsky5.SMALL)


class Seen(Exception):
    """Carries the text columns out of a run that need not go on."""


def arguments(case, **changes):
    known = defaults(case.pipe)
    return known | {name: value for name, value in case.options.items() if name in known} | changes


def text_given(case, prompt, **changes):
    """Text columns (b, k, d) of the first forward pass, in the order that its blocks see them."""
    transformer = case.pipe.transformer
    block = transformer.transformer_blocks[0] if "1.5" in case.name else transformer

    def look(module, args, kwargs):
        raise Seen(kwargs["encoder_hidden_states"] if block is transformer else args[1])

    hook = block.register_forward_pre_hook(look, with_kwargs=True)
    try:
        case(prompt, seeds=tuple(range(len(prompt))) if isinstance(prompt, list) else (0,), **changes)
    except Seen as seen:
        return seen.args[0]
    finally:
        hook.remove()


@pytest.fixture(autouse=True)
def refined_word_by_word(monkeypatch):
    """HunyuanVideo 1.5 orders its columns only behind a refiner that would mix them."""
    from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15IndividualTokenRefiner

    monkeypatch.setattr(HunyuanVideo15IndividualTokenRefiner, "forward", lambda self, text, *rest: text)


def check(case, prompts, place=0):
    prompt = prompts[place]
    other = prompt.removesuffix("sleeps") + "jumps"
    given = [text_given(case, [*prompts[:place], last, *prompts[place + 1 :]]) for last in (prompt, other)]
    differ = (given[0][place] != given[1][place]).any(-1).nonzero()
    family = family_of(case.pipe)
    tokens = family.tokens(case.pipe, prompt, arguments(case, prompt=prompts))
    found = columns(tokens, prompt, (len(prompt) - len("sleeps"), len(prompt)), clean=family.clean)
    assert found == (int(differ[0]),)
    assert not (given[0][place] != given[1][place])[: found[0]].any()


@pytest.mark.parametrize(
    "case", [*hunyuan_video.CASES, *hunyuan_video15.CASES, *kandinsky5.CASES, LEFT], ids=lambda case: case.name
)
def test_a_word_changes_no_column_before_its_own(case):
    check(case, [PROMPT])


@pytest.mark.parametrize("case", hunyuan_video15.CASES, ids=lambda case: case.name)
def test_quoted_words_have_columns_in_front(case):
    check(case, [QUOTED])


@pytest.mark.parametrize("place", [0, 1])
def test_padding_on_the_left_moves_the_columns_of_a_shorter_prompt(place):
    prompts = [PROMPT, "A dog runs, then sleeps"]
    check(LEFT, prompts, place)


def test_words_that_the_image_pipeline_drops_from_a_long_prompt_are_missed():
    case = hunyuan_video.CASES[2]
    family = family_of(case.pipe)
    words = (PROMPT.index("sleeps"), len(PROMPT))
    for length, fits in ((18, False), (32, True)):
        tokens = family.tokens(case.pipe, PROMPT, arguments(case, max_sequence_length=length))
        if fits:
            assert columns(tokens, PROMPT, words, clean=family.clean)
            continue
        assert text_given(case, PROMPT, max_sequence_length=length).shape[1] == len(tokens.offsets)
        with pytest.raises(SpanError, match="longer than"):
            columns(tokens, PROMPT, words, clean=family.clean)


def test_a_long_prompt_is_refused_where_the_pipeline_cuts_it_by_letters():
    case = kandinsky5.CASES[0]
    with pytest.raises(SpanError, match="shorten it"):
        family_of(case.pipe).tokens(case.pipe, PROMPT, arguments(case, max_sequence_length=10))


def test_sparse_attention_is_refused():
    from diffusers import Kandinsky5T2VPipeline

    from tsattn.errors import UnsupportedPipelineError

    pipe = kandinsky5.pipeline("Kandinsky5T2VPipeline", attention_type="nabla")
    assert type(pipe) is Kandinsky5T2VPipeline
    with pytest.raises(UnsupportedPipelineError, match="squares"):
        family_of(pipe)


def test_the_image_pipeline_makes_as_many_frames_as_the_clip_says():
    from tsattn.plan.timeline import Clip

    case = hunyuan_video.CASES[3]
    timing = family_of(case.pipe).timing(case.pipe.vae.config, case.pipe.transformer.config)
    made = case(num_frames=19, output_type="pt")
    clip = Clip.made(19, 8.0, *timing)
    assert made.shape[1] == clip.frames
    assert clip.latent_frames == 5
    assert torch.isfinite(made).all()
