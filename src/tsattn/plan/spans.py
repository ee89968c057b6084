"""From the plan's words to text columns: which tokens of the prompt, as the pipeline tokenizes it, hold which words.

    prompt → cleaned → inside the pipeline's template → tokens → without the cropped columns → columns of each word

Characters of the plan count in the prompt as given, those of `Tokens` in the cleaned prompt, without the template.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tsattn.errors import SpanError
from tsattn.plan.schema import Plan, Span, quoted

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

Clean = Callable[[str], str]
_NOTHING = (0, 0)
_SPACE = "\u2581"
"""The sign that SentencePiece writes for a space."""
_PLACEHOLDER = "\ue000"
_MARKS = (("|", "~"), ("^", "@"), ("\ue000", "\ue001"))
"""Pairs of signs that cleaning leaves alone; the plain ones also let it repair text in a wrong encoding."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """The text that a pipeline puts around a prompt, and the columns it drops from the front of the encoded whole."""

    prefix: str = ""
    suffix: str = ""
    crop: int = 0
    special_tokens: bool = True
    """Whether the tokenizer adds its own, such as a token for the start; chat templates write them out."""

    @classmethod
    def from_format(cls, text: str, *, crop: int) -> Template:
        """The template of a format string that holds the prompt's place as "{}", as HunyuanVideo and Kandinsky 5 use."""
        prefix, _, suffix = text.format(_PLACEHOLDER).partition(_PLACEHOLDER)
        return cls(prefix=prefix, suffix=suffix, crop=crop)

    @classmethod
    def from_chat(cls, tokenizer: PreTrainedTokenizerBase, system: str, *, crop: int) -> Template:
        """What the tokenizer's chat template makes of a system message and the prompt, as HunyuanVideo 1.5 uses it.

        Raises `SpanError` where the chat template does not keep the prompt as it is.
        """
        asked = f" {_PLACEHOLDER} "
        messages = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
        whole = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        prefix, found, suffix = str(whole).partition(asked)
        if not found:
            raise SpanError(
                f"the chat template of {type(tokenizer).__name__} changes the prompt, so tsattn cannot tell where its "
                "words are; tell control their text columns (columns=)"
            )
        return cls(prefix=prefix, suffix=suffix, crop=crop, special_tokens=False)


class Tokens(NamedTuple):
    """A tokenized prompt: the cleaned text, and for each column the characters of it that the column's token covers.

    Special, padding and template tokens, and those that hold no sign but a space, cover (0, 0). `length` counts the
    columns that are not padding; `lost` are the characters of the tokens that did not fit.
    """

    text: str
    offsets: tuple[Span, ...]
    length: int
    lost: tuple[Span, ...] = ()


class SubjectColumns(NamedTuple):
    """Text columns of a subject, and of each of its events."""

    subject: tuple[int, ...]
    events: tuple[tuple[int, ...], ...]


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    *,
    clean: Clean,
    max_length: int,
    template: Template = Template(),
) -> Tokens:
    """Tokenize a prompt as a pipeline does that cleans it, puts it into a template, truncates and pads it.

    The result has the `max_length` columns that are left after the template's crop, fewer where the tokenizer cannot
    pad. Raises `SpanError` where the tokenizer is not a fast one, which alone knows where its tokens stand in the text,
    where there is none, and where the crop would take words of the prompt.
    """
    if tokenizer is None:
        raise SpanError("the pipeline has no tokenizer; tell control the words' text columns (columns=)")
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # a processor of text and pictures holds one
    if not tokenizer.is_fast:
        raise SpanError(
            f"{type(tokenizer).__name__} does not tell where its tokens stand in the prompt; load the fast tokenizer "
            "of the model (use_fast=True), or tell control the words' text columns (columns=)"
        )
    text = clean(prompt)

    def encode(**options: Any) -> BatchEncoding:
        whole = template.prefix + text + template.suffix
        options |= {"add_special_tokens": template.special_tokens, "return_offsets_mapping": True}
        return tokenizer(whole, **options)

    def offsets(encoding: BatchEncoding) -> list[Span]:
        names = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
        return [
            _within(text, len(template.prefix), offset) if name.strip(_SPACE) else _NOTHING
            for name, offset in zip(names, encoding["offset_mapping"], strict=True)
        ]

    padding = "max_length" if tokenizer.pad_token is not None else False
    kept = encode(truncation=True, max_length=max_length + template.crop, padding=padding)
    cropped, left = offsets(kept)[: template.crop], offsets(kept)[template.crop :]
    eaten = "".join(text[first:last] for first, last in dict.fromkeys(cropped)).strip()
    if eaten:
        raise SpanError(
            f"the pipeline drops the first {template.crop} columns, and {quoted(eaten)} of the prompt "
            "is among them; its template does not fit this tokenizer"
        )
    dropped = Counter(offsets(encode(truncation=False, verbose=False))) - Counter(left)
    lost = tuple(sorted(dropped.keys() - {_NOTHING}))
    return Tokens(text, tuple(left), sum(kept["attention_mask"][template.crop :]), lost)


def columns(tokens: Tokens, prompt: str, span: Span, *, clean: Clean) -> tuple[int, ...]:
    """The columns whose tokens hold the words at `span` of the prompt, ascending.

    A token that reaches beyond the words counts, too. Raises `SpanError` where the words cannot be found in the cleaned
    text, were truncated, or have no token.
    """
    place = _place(tokens.text, prompt, span, clean)
    words = tokens.text[slice(*place)]
    cut = [offset for offset in tokens.lost if _shares_letters(tokens.text, place, offset)]
    if cut:
        missing = tokens.text[max(place[0], cut[0][0]) : min(place[1], cut[-1][1])].strip()
        raise SpanError(
            f"the prompt is longer than the {len(tokens.offsets)} tokens that the model reads, so "
            f"{quoted(missing)} of {quoted(words)} is cut off; shorten the prompt or "
            "raise max_sequence_length"
        )
    found = tuple(k for k, offset in enumerate(tokens.offsets) if _shares_letters(tokens.text, place, offset))
    if not found:
        raise SpanError(
            f"the tokenizer has no token for {quoted(words)} in the prompt {quoted(tokens.text)}; use other words"
        )
    return found


def plan_columns(plan: Plan, tokens: Tokens, *, clean: Clean) -> list[SubjectColumns]:
    """The columns of every subject and event of a plan. Raises `SpanError` as `columns` does."""

    def find(span: Span) -> tuple[int, ...]:
        return columns(tokens, plan.prompt, span, clean=clean)

    return [
        SubjectColumns(find(subject.span), tuple(find(event.span) for event in subject.events))
        for subject in plan.subjects
    ]


def _place(text: str, prompt: str, span: Span, clean: Clean) -> Span:
    """Where the words at `span` of the prompt stand in the cleaned text: between two marks that went through cleaning."""
    first, last = span
    words = prompt[first:last].strip()
    first += prompt[first:last].find(words)
    last = first + len(words)
    for opening, closing in _MARKS:
        if not words or {opening, closing} & {*prompt, *text}:
            continue
        marked = clean(prompt[:first] + opening + words + closing + prompt[last:])
        before, _, rest = marked.partition(opening)
        inside, found, after = rest.partition(closing)
        if found and inside.strip() and before + inside + after == text:
            return len(before), len(before) + len(inside)
    raise SpanError(
        f"cannot tell where the words {quoted(words)} stand in {quoted(text)}, which the pipeline makes of the prompt; choose whole "
        "words that it does not change or remove"
    )


def _within(text: str, start: int, offset: Span) -> Span:
    """A token's characters in the text that begins at `start` of the template."""
    first, last = (min(max(place - start, 0), len(text)) for place in offset)
    return (first, last) if first < last else _NOTHING


def _shares_letters(text: str, one: Span, other: Span) -> bool:
    """Whether two spans share more than spaces: many tokens cover the space before their word."""
    return bool(text[max(one[0], other[0]) : min(one[1], other[1])].strip())
