"""What a judging costs, before and while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tsattn.errors import EvaluationError
from tsattn.plan.chat import Usage

TOKENS_OF_A_FRAME = 255
"""Of a 512 x 320 frame, where the price table does not say: what GPT-4o counts for a picture of one tile."""
TOKENS_OF_A_REPLY = 500
"""Of a description, or of a verdict with its reasons, as a guess before any was seen."""


class Price(BaseModel):
    """US dollars for a million tokens, and the tokens that one 512 x 320 frame counts for."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    frame_tokens: Annotated[int, Field(ge=1)] = TOKENS_OF_A_FRAME

    def of(self, usage: Usage) -> float:
        """US dollars for so many tokens."""
        return (usage.asked * self.input + usage.answered * self.output) / 1e6


def read_price(path: Path, model: str) -> Price:
    """The price of a model in a table. Raises `EvaluationError` where the table cannot be read or lacks the model."""
    try:
        table = TypeAdapter(dict[str, Price]).validate_python(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise EvaluationError(f"cannot read the price table {path}: {error.strerror}") from None
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        problem = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
        reason = "no YAML" if problem is None else f"{' → '.join(map(str, problem['loc']))}: {problem['msg']}"
        raise EvaluationError(
            f"{path} is no price table ({reason}); expected lines such as 'gpt-4o: {{input: 2.5, output: 10}}', "
            "in US dollars for a million tokens"
        ) from None
    if model not in table:
        raise EvaluationError(f"{path} has no price for {model!r}, only for {', '.join(sorted(table)) or 'nothing'}")
    return table[model]


class Call(NamedTuple):
    """Questions of one kind to be asked: how many are likely, how many there can be, and the tokens of one of each."""

    likely: int
    most: int
    frames: int
    text_tokens: int
    most_text_tokens: int
    max_tokens: int


class Preview(NamedTuple):
    """What is to be asked, as is likely or at the most. `dollars` is None where no price is known."""

    calls: int
    frames: int
    tokens: Usage
    dollars: float | None


def preview(calls: Sequence[Call], price: Price | None) -> tuple[Preview, Preview]:
    """What these calls come to, as is likely and at the most."""
    frame_tokens = price.frame_tokens if price else TOKENS_OF_A_FRAME

    def total(counts: list[int], texts: list[int], answers: list[int]) -> Preview:
        frames = [count * call.frames for count, call in zip(counts, calls, strict=True)]
        asked = sum(count * text for count, text in zip(counts, texts, strict=True)) + sum(frames) * frame_tokens
        usage = Usage(asked, sum(count * tokens for count, tokens in zip(counts, answers, strict=True)))
        return Preview(sum(counts), sum(frames), usage, price.of(usage) if price else None)

    return (
        total(
            [call.likely for call in calls],
            [call.text_tokens for call in calls],
            [min(TOKENS_OF_A_REPLY, call.max_tokens) for call in calls],
        ),
        total(
            [call.most for call in calls],
            [call.most_text_tokens for call in calls],
            [call.max_tokens for call in calls],
        ),
    )


class LimitReached(Exception):
    """The next question could cost more than is left."""


class Budget:
    """Money spent, of at most `limit` US dollars (None: no limit). May be shared by threads."""

    def __init__(self, price: Price | None, limit: float | None, spent: float = 0.0) -> None:
        self.price, self.limit, self.spent = price, limit, spent
        self._held = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def held(self, most: Usage) -> Iterator[None]:
        """Set aside what a question can cost while it is asked. Raises `LimitReached` where that is not left."""
        dollars = self.price.of(most) if self.price else 0.0
        with self._lock:
            if self.limit is not None and self.spent + self._held + dollars > self.limit:
                raise LimitReached
            self._held += dollars
        try:
            yield
        finally:
            with self._lock:
                self._held -= dollars

    def spend(self, usage: Usage) -> None:
        """Count what an answer used."""
        if self.price:
            with self._lock:
                self.spent += self.price.of(usage)


def text_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return len(text.encode()) // 3 + 8
