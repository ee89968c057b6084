"""From the plan's words to text columns: which tokens of the prompt, as the pipeline tokenizes it, hold which words.

Characters of the plan count in the prompt as given, tokens in the text that the pipeline makes of it (`clean`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

from tsattn.errors import SpanError
from tsattn.plan.schema import Plan, Span

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Clean = Callable[[str], str]
LONGEST_QUOTE = 80
"""Characters of the prompt that an error repeats at the most."""


class Tokens(NamedTuple):
    """A tokenized prompt: the cleaned text, and for each column the characters of it that the column's token covers.

    Special and padding tokens cover (0, 0). `length` counts the columns that are not padding; `lost` are the characters
    that did not fit, (0, 0) if all did.
    """

    text: str
    offsets: tuple[Span, ...]
    length: int
    lost: Span = (0, 0)


class SubjectColumns(NamedTuple):
    """Text columns of a subject, and of each of its events."""

    subject: tuple[int, ...]
    events: tuple[tuple[int, ...], ...]


def tokenize(tokenizer: PreTrainedTokenizerBase, prompt: str, *, clean: Clean, max_length: int) -> Tokens:
    """Tokenize a prompt as a pipeline does that cleans, truncates and pads it to `max_length` columns.

    Raises `SpanError` where the tokenizer is not a fast one, which alone knows where its tokens stand in the text.
    """
    if not tokenizer.is_fast:
        raise SpanError(
            f"{type(tokenizer).__name__} does not tell where its tokens stand in the prompt; load the fast tokenizer "
            "of the model (use_fast=True), or give token indices"
        )
    text = clean(prompt)
    padding = "max_length" if tokenizer.pad_token is not None else False
    kept = tokenizer(text, truncation=True, max_length=max_length, padding=padding, return_offsets_mapping=True)
    whole = tokenizer(text, truncation=False, return_offsets_mapping=True, verbose=False)
    offsets = tuple((int(first), int(last)) for first, last in kept["offset_mapping"])
    dropped = {(int(first), int(last)) for first, last in whole["offset_mapping"]}.difference(offsets)
    lost = (min(first for first, _ in dropped), max(last for _, last in dropped)) if dropped else (0, 0)
    return Tokens(text, offsets, sum(kept["attention_mask"]), lost)


def columns(tokens: Tokens, prompt: str, span: Span, *, clean: Clean) -> tuple[int, ...]:
    """The columns whose tokens hold the words at `span` of the prompt, ascending.

    Raises `SpanError` where the words cannot be found in the cleaned text, were truncated, or have no token.
    """
    words = clean(prompt[slice(*span)])
    place = _place(tokens.text, words, before=clean(prompt[: span[1]]))
    missing = _shared(tokens.text, place, tokens.lost)
    if missing:
        raise SpanError(
            f"the prompt is longer than the {len(tokens.offsets)} tokens that the model reads, so "
            f"{shorten(missing, LONGEST_QUOTE)!r} of {shorten(words, LONGEST_QUOTE)!r} is cut off; shorten the prompt or raise max_sequence_length"
        )
    found = tuple(k for k, offset in enumerate(tokens.offsets) if _shared(tokens.text, place, offset))
    if not found:
        raise SpanError(f"the tokenizer has no token for {words!r} in the prompt {tokens.text!r}; use other words")
    return found


def plan_columns(plan: Plan, tokens: Tokens, *, clean: Clean) -> list[SubjectColumns]:
    """The columns of every subject and event of a plan. Raises `SpanError` as `columns` does."""

    def find(span: Span) -> tuple[int, ...]:
        return columns(tokens, plan.prompt, span, clean=clean)

    return [
        SubjectColumns(find(subject.span), tuple(find(event.span) for event in subject.events))
        for subject in plan.subjects
    ]


def _place(text: str, words: str, *, before: str) -> Span:
    """Where words stand in the cleaned text; `before` is the cleaned prompt up to their end, to tell repeats apart."""
    places = [match.start() for match in re.finditer(f"(?={re.escape(words)})", text)] if words else []
    if not places:
        raise SpanError(f"the words {words!r} do not stand in the prompt as the model reads it, {text!r}")
    if len(places) == 1:
        return places[0], places[0] + len(words)
    if not (text.startswith(before) and before.endswith(words)):
        raise SpanError(
            f"the words {words!r} occur {len(places)} times in {text!r}, and cleaning the prompt left no way to tell "
            "which are meant; use more of the words around them"
        )
    return len(before) - len(words), len(before)


def _shared(text: str, one: Span, other: Span) -> str:
    """The characters that two spans share. A space alone is nothing: many tokens cover the space before their word."""
    return (
        text[max(one[0], other[0]) : min(one[1], other[1])].strip() if one[0] < other[1] and other[0] < one[1] else ""
    )
