"""From words of the plan to text columns."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tsattn.errors import SpanError
from tsattn.plan import parse
from tsattn.plan.spans import Tokens, columns, plan_columns, tokenize

LIMIT = 64


def clean(text: str) -> str:
    """As the pipelines of Wan do it, without ftfy."""
    return re.sub(r"\s+", " ", html.unescape(html.unescape(text)).strip()).strip()


def as_is(text: str) -> str:
    return text


def held(tokens: Tokens, found: tuple[int, ...]) -> str:
    """The letters that the columns' tokens cover; bytes of one letter may be several tokens."""
    covered = {k for column in found for k in range(*tokens.offsets[column])}
    return letters("".join(tokens.text[k] for k in sorted(covered)))


def letters(text: str) -> str:
    return "".join(text.split())


def span_of(prompt: str, words: str, nth: int = 0) -> tuple[int, int]:
    first = [match.start() for match in re.finditer(re.escape(words), prompt)][nth]
    return first, first + len(words)


PROMPTS = [
    "A red cat jumps, then sleeps",
    "A cat moves right, then moves up, then moves right",
    "🐱 The cat jumps 🎉, then sleeps 😴!",
    "Ein Kätzchen: a CAFÉ cat moves up, then naps in São Paulo",
    "  The   cat &amp; its  pal\njumps, then\t moves   up ",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_columns_hold_exactly_the_words_of_the_plan(tokenizer: PreTrainedTokenizerFast, prompt: str) -> None:
    plan = parse(prompt)
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=256)
    rows = plan_columns(plan, tokens, clean=clean)
    for subject, (names, events) in zip(plan.subjects, rows, strict=True):
        assert held(tokens, names) == letters(subject.text)
        assert [held(tokens, found) for found in events] == [letters(clean(event.text)) for event in subject.events]
        assert len(set(events)) == len(events)


def test_known_columns(metaspace: PreTrainedTokenizerFast) -> None:
    prompt = "A cat moves, then sleeps"
    tokens = tokenize(metaspace, prompt, clean=clean, max_length=12)
    assert tokens.length == 8
    assert tokens.offsets == ((0, 1), (1, 5), (5, 8), (8, 11), (11, 12), (12, 17), (17, 24), *[(0, 0)] * 5)
    assert columns(tokens, prompt, span_of(prompt, "moves"), clean=clean) == (2, 3)


def test_columns_count_padding_on_the_left(byte_level: PreTrainedTokenizerFast) -> None:
    prompt = "a cat jumps"
    tokens = tokenize(byte_level, prompt, clean=clean, max_length=10)
    ids = byte_level(prompt, padding="max_length", max_length=10)["input_ids"]
    found = columns(tokens, prompt, span_of(prompt, "cat"), clean=clean)
    assert byte_level.decode([ids[k] for k in found]) == " cat"


SPACED = st.lists(
    st.sampled_from(["cat", "moves", "Ünal", "🐱", "x-ray", "then,", "&lt;", "猫", "e\u0301a"]), min_size=1, max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=SPACED, gap=st.sampled_from([" ", "  ", "\n", " \t "]), data=st.data())
def test_columns_hold_all_letters_of_the_words_and_no_others(
    tokenizer: PreTrainedTokenizerFast, words: list[str], gap: str, data: st.DataObject
) -> None:
    prompt = gap.join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    start = len("".join(word + gap for word in words[:first]))
    phrase = gap.join(words[first:last])
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=256)
    found = columns(tokens, prompt, (start, start + len(phrase)), clean=clean)
    covered = {k for column in found for k in range(*tokens.offsets[column]) if not tokens.text[k].isspace()}
    place = len(clean(prompt[:start] + "|")) - 1
    wanted = range(place, place + len(clean(phrase)))
    assert covered == {k for k in wanted if not tokens.text[k].isspace()}


def test_repeats_are_told_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = "A cat  grows, then\ngrows, then   outgrows it"
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=LIMIT)
    found = [columns(tokens, prompt, span_of(prompt, "grows", nth), clean=clean) for nth in range(3)]
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_repeats_that_cleaning_blurs_are_refused(metaspace: PreTrainedTokenizerFast) -> None:
    prompt = "A cat grows, then grows"

    def reverse(text: str) -> str:
        return text if " " not in text else " ".join(reversed(text.split(" ")))

    tokens = tokenize(metaspace, prompt, clean=reverse, max_length=LIMIT)
    with pytest.raises(SpanError, match="'grows' occur 2 times"):
        columns(tokens, prompt, span_of(prompt, "grows", 1), clean=reverse)


def test_words_that_cleaning_removes_are_named(metaspace: PreTrainedTokenizerFast) -> None:
    prompt = "A cat <b>jumps</b>"

    def strip_tags(text: str) -> str:
        return re.sub(r"<.*?>.*</b>", "", text)

    tokens = tokenize(metaspace, prompt, clean=strip_tags, max_length=LIMIT)
    with pytest.raises(SpanError, match="'jumps' do not stand in the prompt"):
        columns(tokens, prompt, span_of(prompt, "jumps"), clean=strip_tags)
    with pytest.raises(SpanError, match="'' do not stand"):
        columns(tokens, prompt, span_of(prompt, "<b>jumps</b>"), clean=strip_tags)


def test_lost_words_and_the_limit_are_named(metaspace: PreTrainedTokenizerFast) -> None:
    prompt = "A cat jumps, then moves away"
    tokens = tokenize(metaspace, prompt, clean=clean, max_length=7)
    assert tokens.length == 7
    assert held(tokens, columns(tokens, prompt, span_of(prompt, "jumps"), clean=clean)) == "jumps"
    with pytest.raises(SpanError, match=r"longer than the 7 tokens .* 'ves away' of 'moves away' is cut off"):
        columns(tokens, prompt, span_of(prompt, "moves away"), clean=clean)


@pytest.mark.parametrize("limit", range(2, 14))
def test_the_columns_are_those_that_the_pipeline_keeps(tokenizer: PreTrainedTokenizerFast, limit: int) -> None:
    prompt = "A cat jumps, then moves"
    tokens = tokenize(tokenizer, prompt, clean=clean, max_length=limit)
    kept = tokenizer(prompt, truncation=True, max_length=limit, padding="max_length")
    assert len(tokens.offsets) == len(kept["input_ids"]) == limit
    assert tokens.length == sum(kept["attention_mask"])


def test_words_without_a_token_are_named() -> None:
    tokens = Tokens("a 🐱 jumps", ((0, 1), (3, 9), (0, 0)), 3)
    with pytest.raises(SpanError, match="no token for '🐱'"):
        columns(tokens, tokens.text, (2, 3), clean=as_is)


def test_a_token_of_the_space_before_belongs_to_no_word() -> None:
    tokens = Tokens("a cat", ((0, 1), (1, 2), (2, 5), (0, 0)), 4)
    assert columns(tokens, tokens.text, (0, 1), clean=as_is) == (0,)
    assert columns(tokens, tokens.text, (0, 5), clean=as_is) == (0, 2)


def test_a_slow_tokenizer_is_refused() -> None:
    class SlowTokenizer:
        is_fast = False

    with pytest.raises(SpanError, match=r"SlowTokenizer does not tell .* load the fast tokenizer"):
        tokenize(SlowTokenizer(), "A cat jumps", clean=clean, max_length=LIMIT)  # type: ignore[arg-type]
