"""What should happen when: a prompt, its subjects, their events, and a segment of the clip for each event.

A plan points into its prompt by character spans (Python slices of the prompt as given). It knows nothing of tokens,
latent frames or models; `timeline` and `spans` turn it into those for a given clip and tokenizer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tsattn.errors import PlanError

Span = tuple[int, int]
Unit = Literal["fraction", "seconds"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Segment(_Part):
    """A stretch of the clip, from `start` to `end`, as fractions of the clip or in seconds."""

    start: float
    end: float
    unit: Unit = "fraction"

    @model_validator(mode="after")
    def _check(self) -> Segment:
        if self.start < 0:
            raise ValueError(f"a segment cannot start before the clip, but this one starts at {self}")
        if self.end <= self.start:
            raise ValueError(f"a segment must end after its start, but got {self}")
        if self.unit == "fraction" and self.end > 1 + 1e-9:
            raise ValueError(f"a segment ends at 100 % of the clip at the latest, but got {self}")
        return self

    def __str__(self) -> str:
        if self.unit == "seconds":
            return f"{self.start:g}s-{self.end:g}s"
        return f"{100 * self.start:.4g}%-{100 * self.end:.4g}%"


class Event(_Part):
    """Something the subject does: its words in the prompt, where they stand, and when it is due."""

    text: str
    span: Span
    segment: Segment


class Subject(_Part):
    """Who or what acts, where its words stand in the prompt, and its events in order."""

    text: str
    span: Span
    events: tuple[Event, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> Subject:
        for before, after in zip(self.events, self.events[1:], strict=False):
            if before.segment.unit == after.segment.unit and after.segment.start < before.segment.start:
                raise ValueError(
                    f"the segments of {self.text!r} must ascend, but {after.text!r} ({after.segment}) starts before "
                    f"{before.text!r} ({before.segment})"
                )
        return self


class Plan(_Part):
    """A prompt and the timeline of its events, one row for each subject.

    In JSON and YAML, `span` may be left out where the words stand in the prompt exactly once, and `segment` may be left
    out of all events of a subject, which then share the clip evenly. Missing, ambiguous or misplaced words are errors.
    """

    prompt: str
    subjects: tuple[Subject, ...] = Field(min_length=1)
    version: Literal[1] = 1

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in spans that the words determine, and uniform segments where none are given."""
        if not isinstance(data, dict) or not isinstance(data.get("prompt"), str):
            return data
        prompt = data["prompt"]
        if not prompt.strip():
            raise ValueError("the prompt is empty")
        subjects = data.get("subjects")
        if not isinstance(subjects, list | tuple):
            return data
        return {**data, "subjects": [_complete_subject(prompt, subject) for subject in subjects]}

    @model_validator(mode="after")
    def _words_stand_where_they_should(self) -> Plan:
        parts: list[Subject | Event] = [
            *self.subjects,
            *(event for subject in self.subjects for event in subject.events),
        ]
        for part in parts:
            first, last = part.span
            if not 0 <= first < last <= len(self.prompt) or self.prompt[first:last] != part.text:
                found = self.prompt[max(first, 0) : max(last, 0)]
                raise ValueError(f"span {part.span} should hold {part.text!r}, but the prompt has {found!r} there")
        return self

    def with_segments(self, segments: list[Segment]) -> Plan:
        """The same plan with these segments, given in the order of subjects and their events.

        Raises `PlanError` where their number is not that of the events, or they do not ascend.
        """
        events = sum(len(subject.events) for subject in self.subjects)
        if len(segments) != events:
            raise PlanError(f"the plan has {events} events, so it needs {events} segments, but got {len(segments)}")
        queue = iter(segments)
        data = self.model_dump()
        for subject in data["subjects"]:
            for event in subject["events"]:
                event["segment"] = next(queue)
        return _validated(data)

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan from a JSON or YAML file. Raises `PlanError` naming the file and the place."""
        import yaml  # type: ignore[import-untyped, unused-ignore]

        path = Path(path)
        try:
            data = _document(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PlanError(f"cannot read the plan {path}: {error.strerror}") from error
        except (ValueError, RecursionError, yaml.YAMLError) as error:
            raise PlanError(f"{path} is neither JSON nor YAML: {' '.join(str(error).split())}") from error
        return _validated(data, where=f"{path}: ")

    def save(self, path: str | Path) -> None:
        """Write the plan as YAML where the name ends so, as JSON otherwise."""
        import yaml  # type: ignore[import-untyped, unused-ignore]

        path = Path(path)
        if path.suffix in (".yaml", ".yml"):
            # unescaped, line separators such as U+0085 come back as spaces
            legible = self.prompt.isprintable()
            text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=legible)
        else:
            text = self.model_dump_json(indent=2) + "\n"
        path.write_text(text, encoding="utf-8")


def uniform(count: int) -> list[Segment]:
    """`count` segments of equal length that fill the clip (the paper's "uniform" segmentation)."""
    return [Segment(start=k / count, end=(k + 1) / count) for k in range(count)]


def locate(prompt: str, phrase: str) -> Span:
    """Where a phrase stands in the prompt. Raises `PlanError` unless it stands there exactly once."""
    first = prompt.find(phrase)
    if not phrase or first < 0:
        raise PlanError(
            f"the phrase {phrase!r} does not occur in the prompt {prompt!r}; write it exactly as it is there"
        )
    if prompt.find(phrase, first + 1) >= 0:
        raise PlanError(
            f"the phrase {phrase!r} occurs more than once in the prompt {prompt!r}; give its span or more of its words"
        )
    return first, first + len(phrase)


def _complete_subject(prompt: str, subject: Any) -> Any:
    if not isinstance(subject, dict):
        return subject
    events = subject.get("events")
    if isinstance(events, list | tuple) and all(isinstance(event, dict) for event in events):
        given = ["segment" in event for event in events]
        if any(given) and not all(given):
            missing = next(event.get("text") for event, has in zip(events, given, strict=True) if not has)
            raise ValueError(f"some events have a segment but {missing!r} has none; give all of them one, or none")
        filled = [_complete_span(prompt, event) for event in events]
        if filled and not any(given):
            filled = [
                {**event, "segment": segment} for event, segment in zip(filled, uniform(len(filled)), strict=True)
            ]
        subject = {**subject, "events": filled}
    return _complete_span(prompt, subject)


def _complete_span(prompt: str, part: dict[str, Any]) -> dict[str, Any]:
    if "span" in part or not isinstance(part.get("text"), str):
        return part
    return {**part, "span": locate(prompt, part["text"])}


def _document(text: str) -> Any:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        # YAML takes most of JSON, but not all of its characters
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.safe_load(text)


def _validated(data: Any, *, where: str = "") -> Plan:
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(step) for step in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        raise PlanError(f"{where}{place + ': ' if place else ''}{reason}") from error
