"""How the benchmark judges a video: which frames, which questions, how often, and what counts as an answer.

The numbers are those of the benchmark; the questions, in versioned files, are our own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from string import Template

import numpy as np

from tsattn.evaluate.storyeval.items import Item

SIZE = (512, 320)
"""Width and height of the frames that a judge sees."""
DESCRIBE, SCORE = "describe-v1.txt", "score-v1.txt"
"""The questions. A new wording is a new file, so that no reply to the old one is taken for a reply to the new."""
MARKER = "[COMPLETE_LIST]"
_VERDICT = re.compile(re.escape(MARKER) + r":\s*(.*)")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How one kind of judge is asked.

    It sees `frames` frames, or fewer where a clip has less than `spacing` of its own for each (None: always as many, a
    short clip's several times), but no fewer than `least`. Each of `repeats` rounds asks for a description and then for
    scores, and each question up to `asks` times. `temperature` None is the server's own.
    """

    name: str
    repeats: int
    max_tokens: int
    temperature: float | None
    spacing: int | None
    frames: int = 32
    least: int = 4
    asks: int = 3

    def indices(self, total: int) -> list[int]:
        """Which of a clip's `total` frames the judge sees."""
        if self.spacing is None:
            count = self.frames
        else:
            count = min(max(min(self.frames, total // self.spacing), self.least), total)
        chosen: list[int] = np.linspace(0, total - 1, count).astype(int).tolist()
        return chosen


GPT4O = Protocol(name="gpt4o", repeats=3, max_tokens=2000, temperature=None, spacing=4)
LLAVA = Protocol(name="llava", repeats=2, max_tokens=4096, temperature=1.0, spacing=None)
PROTOCOLS = {protocol.name: protocol for protocol in (GPT4O, LLAVA)}


def describe_question() -> str:
    """Asks for a description of the frames."""
    return read_template(DESCRIBE)


def score_question(item: Item, description: str) -> str:
    """Asks which events are done, given the judge's own description.

    A verdict that stands in the description is no verdict, so its marker is made harmless there.
    """
    return Template(read_template(SCORE)).substitute(
        description=description.replace(MARKER, "(list)"),
        prompt=item.prompt,
        count=len(item.events),
        events="\n".join(f"{number}. {event}" for number, event in enumerate(item.events, 1)),
        example=", ".join("10"[number % 2] for number in range(len(item.events))),
    )


def read_verdict(reply: str, events: int) -> list[int]:
    """The list of 0 and 1 on the last line with the marker, or an empty one where it is not one number for each event."""
    lines = _VERDICT.findall(spoken(reply))
    flags = [int(number) for number in re.findall(r"\d+", lines[-1])] if lines else []
    return flags if len(flags) == events and set(flags) <= {0, 1} else []


def spoken(reply: str) -> str:
    """A reply without what the model only thought, nothing where it did not come to an end of that."""
    answer = reply.rpartition("</think>")[2]
    return "" if "<think>" in answer else answer.strip()


def read_template(name: str) -> str:
    """The text of a file of questions."""
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
