"""From words of the plan to text columns, on the tokenizer classes that the pipelines use."""

from __future__ import annotations

import re
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tsattn.errors import SpanError
from tsattn.plan import Plan
from tsattn.plan.spans import Template, Tokens, columns, plan_columns, tokenize

LIMIT = 256
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
SCENE = "Tell what the picture shows: who, where, and the order of things that happen."
LLAMA_CHAT = (
    f"<|start_header_id|>system<|end_header_id|>\n\n{SCENE}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    "{}<|eot_id|>"
)
QWEN_CHAT = f"<|im_start|>system\n{SCENE}<|im_end|>\n<|im_start|>user\n{{}}<|im_end|>"


def clean(text: str) -> str:
    """As the pipelines of Wan do it."""
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    return prompt_clean(text)


def as_is(text: str) -> str:
    return text


def plain(text: str) -> str:
    """Text as it can be compared after tokenizers changed case, spaces, and how a sign is written."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def span_of(prompt: str, words: str, nth: int = 0) -> tuple[int, int]:
    first = [match.start() for match in re.finditer(re.escape(words), prompt)][nth]
    return first, first + len(words)


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str, limit: int, **options: Any) -> list[int]:
    return tokenizer(text, truncation=True, max_length=limit, padding="max_length", **options)["input_ids"]


def decoded(tokenizer: PreTrainedTokenizerFast, ids: list[int], found: tuple[int, ...]) -> str:
    return plain(tokenizer.decode([ids[k] for k in found]))


def letters(tokens: Tokens, found: tuple[int, ...]) -> set[int]:
    """Places of the signs that the columns' tokens cover."""
    return {k for column in found for k in range(*tokens.offsets[column]) if not tokens.text[k].isspace()}


WORDS = [
    "cat", "Moves", "don't", "x-ray", "then,", "(slowly)", "“hi”", "Ünal", "CAFÉ", "cafe\u0301", "İs", "ﬁne", "a…b",
    "①", "½", "ｃａｔ", "🐱", "👩\u200d👧", "🇫🇷", "❤️", "猫跳起来", "ネコ", "가자", "เดิน", "&lt;", "&amp;c", "caf\u00c3\u00a9",
]  # fmt: skip
GAPS = [" ", "  ", "\n", " \t ", "\u00a0", " \r\n"]


@pytest.mark.parametrize("cleaned", [True, False], ids=["cleaned", "as_is"])
@ANY
@given(data=st.data())
def test_columns_decode_to_the_words_and_to_nothing_else(
    tokenizer: PreTrainedTokenizerFast, cleaned: bool, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
    gaps = data.draw(st.lists(st.sampled_from(GAPS), min_size=len(words), max_size=len(words)))
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    outer = data.draw(st.sampled_from(["", " ", "\n"]))
    pieces = [word + gap for word, gap in zip(words, gaps, strict=True)]
    before, phrase = outer + "".join(pieces[:first]), "".join(pieces[first:last]) + words[last]
    prompt = before + phrase + gaps[last] + "".join(pieces[last + 1 :])

    do = clean if cleaned else as_is
    tokens = tokenize(tokenizer, prompt, clean=do, max_length=LIMIT)
    found = columns(tokens, prompt, (len(before), len(before) + len(phrase)), clean=do)
    ids = ids_of(tokenizer, do(prompt), LIMIT)
    assert found == tuple(sorted(set(found)))
    if tokenizer.unk_token_id not in [ids[k] for k in found]:
        assert decoded(tokenizer, ids, found) == plain(do(phrase))
    rest = set(range(len(tokens.offsets))) - set(found)
    assert letters(tokens, found).isdisjoint(letters(tokens, tuple(rest)))


@ANY
@given(data=st.data())
def test_any_text_is_found_or_refused(tokenizer: PreTrainedTokenizerFast, data: st.DataObject) -> None:
    words = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=6)
    before, phrase, after = data.draw(words), data.draw(words), data.draw(words)
    prompt = f"{before} {phrase} {after}"
    tokens = tokenize(tokenizer, prompt, clean=as_is, max_length=LIMIT)
    span = (len(before) + 1, len(before) + 1 + len(phrase))
    try:
        found = columns(tokens, prompt, span, clean=as_is)
    except SpanError:
        # signs without a token: T5 drops controls, and what is nothing but a space to it
        assert not letters(tokens, tuple(range(len(tokens.offsets)))) & set(range(*span))
    else:
        assert letters(tokens, found) <= set(range(*span))


@pytest.mark.parametrize(
    ("name", "prompt", "words", "pieces"),
    [
        # the sign for a space, alone, belongs to no word, whatever its token claims to cover
        ("t5", "a 🐱 jumps", "🐱", ["<unk>"]),
        ("umt5", "a 🐱 jumps", "🐱", ["<0xF0>", "<0x9F>", "<0x90>", "<0xB1>"]),
        ("umt5", "🐱 jumps", "🐱", ["<0xF0>", "<0x9F>", "<0x90>", "<0xB1>"]),
        ("llama2", "🐱 jumps", "🐱", ["<0xF0>", "<0x9F>", "<0x90>", "<0xB1>"]),
        ("t5", "a ½ x", "½", ["<unk>"]),
        ("umt5", "a ½ x", "½", ["<0x31>", "<0xE2>", "<0x81>", "<0x84>", "<0x32>"]),
        ("llama2", "a cat jumps", "cat", ["▁cat"]),
        ("llama3", "a cat jumps", "cat", ["Ġcat"]),
        ("llama3", "a 🐱 🐱 x", "🐱 🐱", ["ð", "Ł", "Ĳ", "±"] * 2),
        ("qwen", "a cafe\u0301 x", "cafe\u0301", ["c", "a", "f", "Ã", "©"]),
        ("clip", "a CAT jumps", "CAT", ["cat</w>"]),
        ("clip", "A 🐱 jumps", "🐱", ["ð", "Ł", "Ĳ", "±</w>"]),
    ],
)
def test_known_pieces(request: pytest.FixtureRequest, name: str, prompt: str, words: str, pieces: list[str]) -> None:
    tokenizer = request.getfixturevalue(name)
    tokens = tokenize(tokenizer, prompt, clean=as_is, max_length=24)
    ids = ids_of(tokenizer, prompt, 24)
    found = columns(tokens, prompt, span_of(prompt, words), clean=as_is)
    assert tokenizer.convert_ids_to_tokens([ids[k] for k in found]) == pieces


def test_subjects_and_events_of_a_plan(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = "  A cat &amp; a dog\nrun, then  the cat grows, then grows "
    events = [("run", 0), ("grows", 0), ("grows", 1)]
    plan = Plan.model_validate(
        {
            "prompt": prompt,
            "subjects": [
                {
                    "text": "cat &amp; a dog",
                    "events": [{"text": text, "span": span_of(prompt, text, nth)} for text, nth in events],
                }
            ],
        }
    )
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=LIMIT)
    ((subject, found),) = plan_columns(plan, tokens, clean=clean)
    ids = ids_of(tokenizer, clean(prompt), LIMIT)
    if tokenizer.unk_token is None:
        assert decoded(tokenizer, ids, subject) == "cat&adog"
    assert [decoded(tokenizer, ids, row) for row in found] == ["run", "grows", "grows"]
    assert list(found) == sorted(found)
    assert len(set(found)) == 3


def test_chinese_words_by_their_spans(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = "一只猫跳起来，然后猫睡觉"
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=LIMIT)
    for words, nth in (("猫", 0), ("跳起来", 0), ("猫", 1), ("睡觉", 0)):
        span = span_of(prompt, words, nth)
        # a token may hold letters on both sides of a border that the text does not show
        assert letters(tokens, columns(tokens, prompt, span, clean=clean)) >= set(range(*span))


def test_repeats_are_told_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = "A cat  grows, then\ngrows, then   outgrows it"
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=LIMIT)
    found = [columns(tokens, prompt, span_of(prompt, "grows", nth), clean=clean) for nth in range(3)]
    assert found == sorted(found)
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("prompt", "words", "place"),
    [
        ("  A \n cat\t jumps ", "cat\t jumps", "A |cat jumps|"),
        ("A cat&nbsp;&amp;amp; dog", "dog", "A cat & |dog|"),
        ("A “cat” says ‘hi’", "“cat”", "A |\"cat\"| says 'hi'"),
        ("Le cafe\u0301 brule", "cafe\u0301", "Le |café| brule"),
        # repaired although the emoji does not fit the wrong encoding, and only in its context
        ("🐱 in a caf\u00c3\u00a9 naps, then naps", "naps", "🐱 in a café |naps|, then naps"),
        ("A ï¬\u0081ne cat | dog ~ naps", "cat", "A fine |cat| | dog ~ naps"),
        ("A cat \\x1b[31mjumps\x1b[0m", "cat", "A |cat| \\x1b[31mjumps"),
    ],
)
def test_cleaning_moves_words(qwen: PreTrainedTokenizerFast, prompt: str, words: str, place: str) -> None:
    before, inside, after = (part for part in re.fullmatch(r"(.*?)\|(.+?)\|(.*)", place).groups())  # type: ignore[union-attr]
    tokens = tokenize(qwen, prompt, clean=clean, max_length=LIMIT)
    assert tokens.text == before + inside + after
    found = columns(tokens, prompt, span_of(prompt, words), clean=clean)
    assert letters(tokens, found) == {
        k for k in range(len(before), len(before) + len(inside)) if not tokens.text[k].isspace()
    }


def _strip_tags(text: str) -> str:
    return re.sub(r"<.*?>.*</b>", "", text)


@pytest.mark.parametrize(
    ("prompt", "span", "cleaning"),
    [
        ("A cat <b>jumps</b>", (9, 14), _strip_tags),
        ("A cat <b>jumps</b>", (6, 18), _strip_tags),
        ("Le cafe\u0301 brule", (3, 7), clean),
        ("Le chat &amp; lui", (8, 11), clean),
        ("A cat   jumps", (5, 8), clean),
        ("A cat jumps", (3, 3), as_is),
    ],
)
def test_words_that_cleaning_removes_or_joins_are_named(
    qwen: PreTrainedTokenizerFast, prompt: str, span: tuple[int, int], cleaning: Any
) -> None:
    tokens = tokenize(qwen, prompt, clean=cleaning, max_length=LIMIT)
    words = re.escape(repr(prompt[slice(*span)].strip()))
    with pytest.raises(SpanError, match=f"cannot tell where the words {words} stand"):
        columns(tokens, prompt, span, clean=cleaning)


def test_a_cleaning_that_moves_words_about_is_followed(qwen: PreTrainedTokenizerFast) -> None:
    def reverse(text: str) -> str:
        return " ".join(reversed(text.split(" ")))

    prompt = "A cat grows, then grows"
    tokens = tokenize(qwen, prompt, clean=reverse, max_length=LIMIT)
    assert letters(tokens, columns(tokens, prompt, span_of(prompt, "grows", 1), clean=reverse)) == set(range(5))
    with pytest.raises(SpanError, match="cannot tell"):
        columns(tokens, prompt, span_of(prompt, "cat grows"), clean=reverse)


class _Echo:
    """A text encoder whose hidden states are its token ids."""

    config = SimpleNamespace(d_model=1)
    dtype = torch.float32

    def __call__(self, input_ids: torch.Tensor, **_: Any) -> Any:
        states = [input_ids[..., None].float()] * 5
        return {"hidden_states": states} if "return_dict" in _ else SimpleNamespace(hidden_states=states)


def _hunyuan(tokenizer: PreTrainedTokenizerFast, prompt: str, template: Template, limit: int) -> torch.Tensor:
    from diffusers import HunyuanVideoPipeline

    pipe = SimpleNamespace(tokenizer=tokenizer, text_encoder=_Echo(), _execution_device="cpu")
    given = {"template": LLAMA_CHAT, "crop_start": template.crop}
    return HunyuanVideoPipeline._get_llama_prompt_embeds(pipe, prompt, given, max_sequence_length=limit)[0]


def _hunyuan15(tokenizer: PreTrainedTokenizerFast, prompt: str, template: Template, limit: int) -> torch.Tensor:
    from diffusers import HunyuanVideo15Pipeline

    return HunyuanVideo15Pipeline._get_mllm_prompt_embeds(
        _Echo(), tokenizer, prompt, "cpu", limit, system_message=SCENE, crop_start=template.crop
    )[0]


def _kandinsky5(tokenizer: PreTrainedTokenizerFast, prompt: str, template: Template, limit: int) -> torch.Tensor:
    from diffusers import Kandinsky5T2VPipeline

    class Processor:
        def __call__(self, images: None = None, videos: None = None, **options: Any) -> Any:
            return tokenizer(**options)

        decode = tokenizer.decode

    pipe = SimpleNamespace(
        tokenizer=Processor(), text_encoder=_Echo(), _execution_device="cpu", prompt_template=QWEN_CHAT,
        prompt_template_encode_start_idx=template.crop,
    )  # fmt: skip
    return Kandinsky5T2VPipeline._encode_prompt_qwen(pipe, [prompt], max_sequence_length=limit)[0]


def _template(kind: str, tokenizer: PreTrainedTokenizerFast) -> Template:
    """The pipeline's kind of template, with a crop that fits the small tokenizer."""
    chat = {"hunyuan": LLAMA_CHAT, "kandinsky5": QWEN_CHAT}
    make = (lambda crop: Template.from_format(chat[kind], crop=crop)) if kind in chat else (
        lambda crop: Template.from_chat(tokenizer, SCENE, crop=crop)
    )  # fmt: skip
    facts = make(0)
    return make(len(tokenizer(facts.prefix, add_special_tokens=facts.special_tokens)["input_ids"]))


@pytest.mark.parametrize(
    ("name", "kind", "pipeline"),
    [
        ("llama3", "hunyuan", _hunyuan),
        ("llama3", "hunyuan15", _hunyuan15),
        ("qwen", "hunyuan15", _hunyuan15),
        ("qwen", "kandinsky5", _kandinsky5),
    ],
)
@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A picture shows a cat; then the picture moves", ["picture", "cat", "picture moves"]),
        (" 🐱 user  {x} moves\n", ["🐱", "user", "{x} moves"]),
        ("\n猫跳起来 then sleeps", ["sleeps"]),
    ],
)
def test_columns_are_those_that_the_transformer_is_given(
    request: pytest.FixtureRequest, name: str, kind: str, pipeline: Any, prompt: str, words: list[str]
) -> None:
    tokenizer = request.getfixturevalue(name)
    template = _template(kind, tokenizer)
    assert template.crop > 20
    tokens = tokenize(tokenizer, prompt, clean=as_is, max_length=48, template=template)
    assert all(0 <= first <= last <= len(prompt) for first, last in tokens.offsets)
    ids = [int(k) for k in pipeline(tokenizer, prompt, template, 48)[0, :, 0]]
    for phrase in words:
        found = columns(tokens, prompt, span_of(prompt, phrase), clean=as_is)
        assert decoded(tokenizer, ids, found) == plain(phrase)
    assert tokens.length == sum(k != tokenizer.pad_token_id for k in ids)
    with pytest.raises(SpanError, match=r"longer than the 3 tokens .* is cut off"):
        columns(
            tokenize(tokenizer, prompt, clean=as_is, max_length=3, template=template),
            prompt, span_of(prompt, words[-1]), clean=as_is,
        )  # fmt: skip


def test_a_crop_that_reaches_into_the_prompt_is_refused(llama3: PreTrainedTokenizerFast) -> None:
    facts = _template("hunyuan", llama3)
    template = Template.from_format(LLAMA_CHAT, crop=facts.crop + 2)
    with pytest.raises(SpanError, match=rf"drops the first {template.crop} columns, and 'a cat' of the prompt"):
        tokenize(llama3, "a cat jumps", clean=as_is, max_length=8, template=template)


def test_a_chat_template_that_changes_the_prompt_is_refused(qwen: PreTrainedTokenizerFast) -> None:
    trimming = SimpleNamespace(apply_chat_template=lambda messages, **_: messages[1]["content"].strip())
    with pytest.raises(SpanError, match="changes the prompt"):
        Template.from_chat(trimming, SCENE, crop=3)  # type: ignore[arg-type]


def test_lost_words_and_the_limit_are_named(t5: PreTrainedTokenizerFast) -> None:
    prompt = "a red cat sleeps, then moves away"
    whole = tokenize(t5, prompt, clean=clean, max_length=LIMIT)
    limit = columns(whole, prompt, span_of(prompt, "moves"), clean=clean)[2]
    tokens = tokenize(t5, prompt, clean=clean, max_length=limit)
    assert tokens.length == len(tokens.offsets) == limit
    ids = ids_of(t5, prompt, limit)
    assert decoded(t5, ids, columns(tokens, prompt, span_of(prompt, "sleeps"), clean=clean)) == "sleeps"
    with pytest.raises(SpanError, match=rf"longer than the {limit} tokens .* '\w+ away' of 'moves away' is cut off"):
        columns(tokens, prompt, span_of(prompt, "moves away"), clean=clean)


def test_a_sign_that_lost_some_of_its_bytes_is_cut_off(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = "a 🐱🐱"
    whole = tokenize(tokenizer, prompt, clean=as_is, max_length=LIMIT)
    full = columns(whole, prompt, (2, 4), clean=as_is)
    for limit in range(whole.length - len(full) + 1, whole.length):
        tokens = tokenize(tokenizer, prompt, clean=as_is, max_length=limit)
        with pytest.raises(SpanError, match="is cut off"):
            columns(tokens, prompt, (2, 4), clean=as_is)


@pytest.mark.parametrize("limit", range(2, 14))
def test_the_columns_are_those_that_the_pipeline_keeps(tokenizer: PreTrainedTokenizerFast, limit: int) -> None:
    prompt = "A cat jumps, then moves"
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=limit)
    kept = tokenizer(prompt, truncation=True, max_length=limit, padding="max_length")
    assert len(tokens.offsets) == len(kept["input_ids"]) == limit
    assert tokens.length == sum(kept["attention_mask"])


def test_columns_count_padding_on_the_left(llama2: PreTrainedTokenizerFast) -> None:
    prompt = "a cat jumps"
    assert llama2.padding_side == "left"
    tokens = tokenize(llama2, prompt, clean=clean, max_length=10)
    found = columns(tokens, prompt, span_of(prompt, "cat"), clean=clean)
    assert decoded(llama2, ids_of(llama2, prompt, 10), found) == "cat"


def test_words_without_a_token_are_named(t5: PreTrainedTokenizerFast) -> None:
    prompt = "a \u200b jumps"
    tokens = tokenize(t5, prompt, clean=as_is, max_length=LIMIT)
    with pytest.raises(SpanError, match=r"no token for '\\u200b'"):
        columns(tokens, prompt, (2, 3), clean=as_is)


def test_a_processor_stands_for_its_tokenizer(qwen: PreTrainedTokenizerFast) -> None:
    processor = SimpleNamespace(tokenizer=qwen)
    given = {"clean": as_is, "max_length": 8}
    assert tokenize(processor, "a cat", **given) == tokenize(qwen, "a cat", **given)  # type: ignore[arg-type]


def test_without_a_tokenizer_columns_are_asked_for() -> None:
    with pytest.raises(SpanError, match=r"no tokenizer; .* \(columns=\)"):
        tokenize(None, "A cat sits", clean=str, max_length=9)  # type: ignore[arg-type]


def test_a_slow_tokenizer_is_refused() -> None:
    from transformers import ByT5Tokenizer

    with pytest.raises(SpanError, match=r"ByT5Tokenizer does not tell .* load the fast tokenizer"):
        tokenize(ByT5Tokenizer(), "A cat jumps", clean=clean, max_length=LIMIT)
