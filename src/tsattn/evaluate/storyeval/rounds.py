"""One round of judging: a description, then scores; or why there are none. Pure: who asks whom is the caller's."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from tsattn.errors import RefusalError
from tsattn.evaluate.storyeval.items import Item
from tsattn.evaluate.storyeval.protocol import MARKER, Protocol, describe_question, read_verdict, score_question, spoken
from tsattn.evaluate.storyeval.store import Reply

DESCRIBING, SCORING = "describe", "score"

Ask = Callable[[str, int, str], Reply]
"""Asks a question: its step, how often it was asked before in this round, its text."""


class Reason(str, Enum):
    """Why a video, or a round of it, has no score."""

    MISSING = "missing video"
    UNREADABLE = "unreadable video"
    REFUSED = "refused"
    NO_DESCRIPTION = "no description"
    NO_VERDICT = "no verdict"
    FAILED = "judge failed"
    NOT_ASKED = "not asked"

    @property
    def is_outage(self) -> bool:
        """Whether no judge has answered yet; the benchmark has no such case, and the next run asks again."""
        return self in (Reason.FAILED, Reason.NOT_ASKED)


class Unscored(NamedTuple):
    """Why there is no score, as a word and in detail."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


class Output(NamedTuple):
    """What a round gave: 0 or 1 for each event, or nothing and the reason."""

    round: int
    completion: list[int]
    description: str
    scoring: str
    unscored: Unscored | None = None


def run_round(item: Item, number: int, protocol: Protocol, ask: Ask) -> Output:
    """Ask for a description and, only with one in hand, for scores. What `ask` raises passes, but for refusals."""
    description = ""
    try:
        for k in range(protocol.asks):
            description = spoken(ask(DESCRIBING, k, describe_question()).text)
            if description:
                return _scored(item, number, protocol, ask, description)
    except RefusalError as error:
        return Output(number, [], description, "", Unscored(Reason.REFUSED, str(error)))
    detail = f"{protocol.asks} replies without a text"
    return Output(number, [], "", "", Unscored(Reason.NO_DESCRIPTION, detail))


def _scored(item: Item, number: int, protocol: Protocol, ask: Ask, description: str) -> Output:
    question = score_question(item, description)
    reply = Reply("said", "")
    for k in range(protocol.asks):
        reply = ask(SCORING, k, question)
        if completion := read_verdict(reply.text, len(item.events)):
            return Output(number, completion, description, reply.text)
    cut = "is cut off at its limit of tokens" if reply.cut_off else "has no such list"
    if MARKER in spoken(reply.text):
        cut = "has another one"
    detail = f"{protocol.asks} replies without a list of {len(item.events)} numbers 0 or 1, the last {cut}"
    return Output(number, [], description, reply.text, Unscored(Reason.NO_VERDICT, detail))
