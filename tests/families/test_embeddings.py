"""Runs that are given embeddings instead of the prompt, with the text columns of the plan's words."""

from __future__ import annotations

import functools
import inspect

import pytest
import torch

import tsattn
from tests.control.residue import residue
from tests.families.case import OTHER_PROMPT, PROMPT, other_plan, plan
from tests.families.cases import CASES, ONE_OF_EACH
from tsattn.control import ControlConfig
from tsattn.control.registry import FAMILIES, family_of, load
from tsattn.errors import PlanError

PAIR = ("prompt_embeds", "negative_prompt_embeds")
MASKED = ("prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask")
LLAMA = ("prompt_embeds", "pooled_prompt_embeds", "prompt_attention_mask")
QUOTES = ("prompt_embeds", "prompt_embeds_mask", "prompt_embeds_2", "prompt_embeds_mask_2")
QWEN = ("prompt_embeds_qwen", "prompt_embeds_clip", "prompt_cu_seqlens")
RETURNED = {
    "allegro": MASKED, "ltx": MASKED, "mochi": MASKED, "sana-video": MASKED, "kandinsky-5": QWEN,
    "hunyuan-video": LLAMA, "hunyuan-video-i2v": LLAMA, "hunyuan-skyreels-i2v": LLAMA, "hunyuan-video-1.5": QUOTES,
}  # fmt: skip
"""What `encode_prompt` returns, by the names that the pipeline takes it under; `PAIR` where nothing is said."""
WAN = next(case for case in CASES if case.name == "wan-2.1-t2v")


def encoded(case, prompt=PROMPT, **changes):
    """Latents of a controlled run on a prompt, and what its pipeline encoded, as arguments of another run."""
    pipe, made = case.pipe, {}
    names, encode = RETURNED.get(family_of(pipe).name, PAIR), pipe.encode_prompt

    @functools.wraps(encode)
    def note(*args, **kwargs):
        found = encode(*args, **kwargs)
        sign = "negative_" if made else ""  # the negative prompt may be encoded in a call of its own
        made.update({sign + name: one for name, one in zip(names, found, strict=True) if one is not None})
        return found

    pipe.encode_prompt = note
    plans = plan() if isinstance(prompt, str) else [plan(), other_plan()]
    try:
        with tsattn.control(pipe, plans):
            latents = case(prompt, **changes)
    finally:
        del pipe.encode_prompt
    return latents, {"prompt": None, **made}


def on_embeddings(case, embeddings, **changes):
    """Latents of a run on embeddings; some pipelines have a negative prompt by default."""
    known = inspect.signature(type(case.pipe).__call__).parameters
    return case(**({"negative_prompt": None} if "negative_prompt" in known else {}), **embeddings, **changes)


def test_there_is_a_case_of_every_family():
    assert {family_of(case.pipe).name for case in ONE_OF_EACH} == {load(name).name for name in FAMILIES}


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_a_run_on_embeddings_is_the_run_on_their_prompt(case):
    expected, embeddings = encoded(case)
    before = residue(case.pipe)
    known = {name: value for name, value in case.options.items() if name == "max_sequence_length"}
    columns = tsattn.columns(case.pipe, plan(), **known)
    with tsattn.control(case.pipe, plan(), columns=columns):
        assert torch.equal(on_embeddings(case, embeddings), expected)
        assert torch.equal(case(), expected), "columns that are given serve for the prompt, too"
    assert residue(case.pipe) == before


@pytest.mark.parametrize("name", ["wan-2.1-t2v", "hunyuan-video-t2v", "kandinsky-5-t2v"])
def test_without_columns_embeddings_are_refused(name):
    case = next(case for case in CASES if case.name == name)
    _, embeddings = encoded(case)
    with pytest.raises(PlanError, match=r"columns=tsattn\.columns\(pipe, plan\)"), tsattn.control(case.pipe, plan()):
        on_embeddings(case, embeddings)


def test_other_columns_give_another_video():
    _, embeddings = encoded(WAN)
    ((subject, events),) = tsattn.columns(WAN.pipe, plan())
    found = []
    for order in (events, events[::-1]):
        with tsattn.control(WAN.pipe, plan(), config=ControlConfig(erosion=1), columns=[(subject, order)]):
            found.append(on_embeddings(WAN, embeddings))
    assert not torch.equal(*found)


def test_no_tokenizer_is_needed(monkeypatch):
    expected, embeddings = encoded(WAN)
    columns = tsattn.columns(WAN.pipe, plan())
    monkeypatch.setattr(WAN.pipe, "tokenizer", None)
    monkeypatch.setattr(WAN.pipe, "text_encoder", None)
    with tsattn.control(WAN.pipe, plan(), columns=columns):
        assert torch.equal(on_embeddings(WAN, embeddings), expected)


def test_a_batch_has_columns_for_each_plan():
    plans, prompts = [plan(), other_plan()], [PROMPT, OTHER_PROMPT]
    expected, embeddings = encoded(WAN, prompts, seeds=(1, 2))
    columns = [tsattn.columns(WAN.pipe, one) for one in plans]
    with tsattn.control(WAN.pipe, plans, columns=columns):
        assert torch.equal(on_embeddings(WAN, embeddings, seeds=(1, 2)), expected)
    with (
        pytest.raises(PlanError, match="embeddings of 1 prompts, one for each plan, but got 2"),
        tsattn.control(WAN.pipe, plans[0], columns=columns[0]),
    ):
        on_embeddings(WAN, embeddings, seeds=(1, 2))


def test_embeddings_of_one_prompt_serve_several_videos():
    _, embeddings = encoded(WAN)
    with tsattn.control(WAN.pipe, plan(), columns=tsattn.columns(WAN.pipe, plan())):
        both = on_embeddings(WAN, embeddings, seeds=(3, 4), num_videos_per_prompt=2)
        singles = [on_embeddings(WAN, embeddings, seeds=(seed,)) for seed in (3, 4)]
    torch.testing.assert_close(both, torch.cat(singles), rtol=1e-3, atol=1e-4)


def test_columns_beyond_the_model_s_are_refused():
    _, embeddings = encoded(WAN)
    ((subject, events),) = tsattn.columns(WAN.pipe, plan())
    with (
        pytest.raises(PlanError, match="takes 600 text columns, but the model was given only 512"),
        tsattn.control(WAN.pipe, plan(), columns=[(subject, (*events[:2], (599,)))]),
    ):
        on_embeddings(WAN, embeddings)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], r"subjects have \[3\] events, but there are columns of \[\] events"),
        ([((1,), ((2,), (3,)))], r"have \[3\] events, but there are columns of \[2\] events"),
        ([((1,), ((2,), (3,), ()))], r"columns\[0\]\[1\]\[2\]: .*at least 1 item"),
        ([((-1,), ((2,), (3,), (4,)))], r"columns\[0\]\[0\]\[0\]: .*greater than or equal to 0, but got -1"),
        ([(("cat",), ((2,), (3,), (4,)))], r"columns\[0\]\[0\]\[0\]: .*valid integer.*'cat'; one subject with two"),
        (7, r"columns: .*valid list"),
    ],
    ids=["none", "an event short", "empty", "below 0", "words", "number"],
)  # fmt: skip
def test_columns_that_do_not_fit_the_plan_are_refused(columns, message):
    before = residue(WAN.pipe)
    with pytest.raises(PlanError, match=message):
        tsattn.enable(WAN.pipe, plan(), columns=columns)
    with pytest.raises(PlanError, match="columns for each of 2 plans, but got"):
        tsattn.enable(WAN.pipe, [plan(), other_plan()], columns=columns)
    assert residue(WAN.pipe) == before
