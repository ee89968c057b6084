"""What should happen when: a prompt, its subjects, their events, and a segment of the clip for each event.

A plan points into its prompt by character spans (Python slices of the prompt as given). It knows nothing of tokens,
latent frames or models; `timeline` and `spans` turn it into those for a given clip and tokenizer. `formats` reads and
writes it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, ErrorDetails

from tsattn.errors import PlanError
from tsattn.plan.notation import SIGNS, Unit, read_interval, write_time

Span = tuple[int, int]

LONGEST_PROMPT = 20_000
"""Characters of a prompt at the most; text encoders read a tenth of that."""
MOST_EVENTS = 1000
"""Subjects of a plan, and events of a subject, at the most; no clip has as many latent frames."""
LARGEST_TIME = 1e6
"""No time is larger than this, in any unit."""
LONGEST_QUOTE = 100
"""Characters of a plan that an error repeats at the most."""
_TOLERANCE = 1e-9


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Segment(_Part):
    """A stretch of the clip, from `start` up to but not including `end`; without `end`, to the end of the clip.

    `unit` says what the two count: fractions of the clip, seconds, frames or latent frames. In JSON and YAML a segment
    may also be written as text, such as "0%-40%", "2s-3.5s", "0:02-0:05", "10f-40f" or "3s-".
    """

    start: float = Field(default=0.0, strict=True)
    end: float | None = Field(default=None, strict=True)
    unit: Unit = "fraction"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        interval = read_interval(data)
        if interval is None:
            raise ValueError(f'cannot read the segment {data!r}; write it as "0%-40%", "2s-3.5s", "10f-40f" or "3s-"')
        start, end, unit = interval
        return {"start": float(start), "end": None if end is None else float(end), "unit": unit}

    @model_validator(mode="after")
    def _check(self) -> Segment:
        if self.start < 0:
            raise ValueError(f"a segment cannot start before the clip, but this one starts at {self}")
        if max(self.start, self.end or 0) > LARGEST_TIME:
            raise ValueError(f"a segment cannot reach as far as {self}")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"a segment must end after its start, but got {self}")
        if self.unit == "fraction" and (self.start >= 1 or (self.end or 0) > 1 + _TOLERANCE):
            raise ValueError(f"a segment lies between 0 % and 100 % of the clip, but got {self}")
        if self.unit in ("frames", "latent_frames") and (self.start % 1 or (self.end or 0) % 1):
            raise ValueError(f"frames are whole, but got {self}")
        return self

    def __str__(self) -> str:
        ends = ("" if end is None else _rounded(end, self.unit) for end in (self.start, self.end))
        return "-".join(ends)

    @property
    def written(self) -> str:
        """The segment as text, exactly."""
        return "-".join("" if end is None else write_time(end, self.unit) for end in (self.start, self.end))

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        parts = handler.resolve_ref_schema(handler(core))
        text = {"type": "string", "examples": ["0%-40%", "2s-3.5s", "0:02-0:05", "10f-40f", "0lf-7lf", "3s-"]}
        return {"anyOf": [parts, text], "description": parts.pop("description", "")}


class Event(_Part):
    """Something the subject does: its words in the prompt, where they stand, and when it is due."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _optional(schema, "span", "segment"))

    text: str
    span: Span
    segment: Segment


class Subject(_Part):
    """Who or what acts, where its words stand in the prompt, and its events in order."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _optional(schema, "span"))

    text: str
    span: Span
    events: tuple[Event, ...] = Field(min_length=1, max_length=MOST_EVENTS)

    @model_validator(mode="after")
    def _ascending(self) -> Subject:
        """Segments in the same unit ascend; those in different ones can be compared on a clip only (`timeline`)."""
        latest: dict[Unit, Event] = {}
        for event in self.events:
            before = latest.get(event.segment.unit)
            if before is not None and event.segment.start < before.segment.start:
                raise ValueError(
                    f"the segments of {self.text!r} must ascend, but {event.text!r} ({event.segment}) starts before "
                    f"{before.text!r} ({before.segment})"
                )
            latest[event.segment.unit] = event
        return self


class Plan(_Part):
    """A prompt and the timeline of its events, one row for each subject.

    In JSON and YAML, `span` may be left out where the words stand in the prompt exactly once, and `segment` may be left
    out of all events of a subject, which then share the clip evenly. Missing, ambiguous or misplaced words are errors.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:tsattn:plan:1",
        }
    )

    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    subjects: tuple[Subject, ...] = Field(min_length=1, max_length=MOST_EVENTS)
    version: Literal[1] = 1

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in spans that the words determine, and uniform segments where none are given."""
        if not isinstance(data, dict) or not isinstance(data.get("prompt"), str):
            return data
        check_prompt(data["prompt"])
        subjects = data.get("subjects")
        if not isinstance(subjects, list | tuple):
            return data
        _check_count(subjects, "subjects")
        completed = [_complete_subject(data["prompt"], one, f"subjects[{k}]") for k, one in enumerate(subjects)]
        return {**data, "subjects": completed}

    @model_validator(mode="after")
    def _words_stand_where_they_should(self) -> Plan:
        for subject in self.subjects:
            parts: list[Subject | Event] = [subject, *subject.events]
            for part in parts:
                first, last = part.span
                if not 0 <= first < last <= len(self.prompt) or self.prompt[first:last] != part.text:
                    found = self.prompt[max(first, 0) : max(last, 0)]
                    raise ValueError(f"span {part.span} should hold {part.text!r}, but the prompt has {found!r} there")
        return self

    @model_validator(mode="after")
    def _every_subject_once(self) -> Plan:
        seen = set()
        for subject in self.subjects:
            if subject.span in seen:
                raise ValueError(
                    f"the subject {subject.text!r} at {subject.span} is there twice; put its events together"
                )
            seen.add(subject.span)
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
        return validated(data)

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan file in any of the formats that `tsattn.plan.read` knows; raises `PlanError` as it does."""
        from tsattn.plan.formats import read

        return read(Path(path))

    def save(self, path: str | Path) -> None:
        """Write the plan as YAML where the name ends so, as JSON otherwise."""
        from tsattn.plan.formats import write

        path = Path(path)
        path.write_text(write(self, "yaml" if path.suffix in (".yaml", ".yml") else "json"), encoding="utf-8")


def uniform(count: int) -> list[Segment]:
    """`count` segments of equal length that fill the clip (the paper's "uniform" segmentation)."""
    return [Segment(start=k / count, end=(k + 1) / count) for k in range(count)]


def locate(prompt: str, phrase: str) -> Span:
    """Where a phrase stands in the prompt. Raises `PlanError` unless it stands there exactly once."""
    first = prompt.find(phrase)
    if not phrase or first < 0:
        raise PlanError(
            f"the phrase {quoted(phrase)} does not occur in the prompt {quoted(prompt)}; write it exactly as it is there"
        )
    if prompt.find(phrase, first + 1) >= 0:
        raise PlanError(
            f"the phrase {quoted(phrase)} occurs more than once in the prompt {quoted(prompt)}; give its span or more of its "
            "words"
        )
    return first, first + len(phrase)


def validated(data: Any, *, where: str = "") -> Plan:
    """A plan from what JSON or YAML hold, or the parts of one. Raises `PlanError` that begins with `where` and the place."""
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise PlanError(f"{where}{_problem(error)}") from error


def json_schema() -> str:
    """The JSON Schema of a plan as files may hold it, published as docs/plan.schema.json."""
    return json.dumps(Plan.model_json_schema(), indent=2)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """A hint at the known word that is closest, or else at all of them."""
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else f"there are {', '.join(known)}"


def closest(word: object, known: Sequence[str]) -> str | None:
    """The known word that another one may be a slip of."""
    return next(iter(difflib.get_close_matches(str(word)[:LONGEST_QUOTE], known, n=1, cutoff=0.6)), None)


def quoted(value: object) -> str:
    """A value as an error repeats it, cut where it is long."""
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST_QUOTE else f"{value[:LONGEST_QUOTE]} [...]")
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]} [...]"


def _problem(error: ValidationError) -> str:
    """The first problem, and before all others a key that is unknown: it is often why another is missing."""
    problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"]).removeprefix(".")
    reason = _reason(problem)
    return f"{place}: {reason}" if place else reason


def _reason(problem: ErrorDetails) -> str:
    kind, at = problem["type"], problem["loc"]
    if kind == "extra_forbidden":
        parents = [step for step in at[:-1] if isinstance(step, str)]
        part: type[BaseModel] = (Plan, Subject, Event, Segment)[len(parents)]
        return f"unknown key {at[-1]!r}; {did_you_mean(at[-1], list(part.model_fields))}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error" and at == ("version",):
        return f"this tsattn reads plans of version 1, but this one is of version {problem['input']!r}; update tsattn"
    if kind == "literal_error":
        hint = did_you_mean(problem["input"], list(SIGNS))
        return f'unknown unit {quoted(problem["input"])}; {hint}; as text, a segment may be in percent: "0%-40%"'
    if kind in ("value_error", "too_short", "string_too_short"):
        return problem["msg"].removeprefix("Value error, ")
    return f"{problem['msg']}, but got {quoted(problem['input'])}"


def check_prompt(prompt: str) -> None:
    """Raise `PlanError` where a prompt is empty, too long or no valid text."""
    if not prompt.strip():
        raise PlanError("the prompt is empty")
    if len(prompt) > LONGEST_PROMPT:
        raise PlanError(f"the prompt has {len(prompt)} characters; {LONGEST_PROMPT} are the most")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise PlanError(f"the prompt is not valid text at character {error.start}; write it in UTF-8") from error


def _check_count(items: Sequence[Any], place: str) -> None:
    if len(items) > MOST_EVENTS:
        raise ValueError(f"{place} has {len(items)} items; {MOST_EVENTS} are the most")


def _complete_subject(prompt: str, subject: Any, place: str) -> Any:
    if not isinstance(subject, dict):
        return subject
    events = subject.get("events")
    if isinstance(events, list | tuple) and all(isinstance(event, dict) for event in events):
        _check_count(events, f"{place}.events")
        given = ["segment" in event for event in events]
        if any(given) and not all(given):
            k = given.index(False)
            raise ValueError(
                f"{place}.events[{k}]: some events have a segment but {events[k].get('text')!r} has none; give all of "
                "them one, or none"
            )
        filled = [_complete_span(prompt, event, f"{place}.events[{k}]") for k, event in enumerate(events)]
        if filled and not any(given):
            filled = [
                {**event, "segment": segment} for event, segment in zip(filled, uniform(len(filled)), strict=True)
            ]
        subject = {**subject, "events": filled}
    return _complete_span(prompt, subject, place)


def _complete_span(prompt: str, part: dict[str, Any], place: str) -> dict[str, Any]:
    if "span" in part or not isinstance(part.get("text"), str):
        return part
    try:
        return {**part, "span": locate(prompt, part["text"])}
    except PlanError as error:
        raise ValueError(f"{place}: {error}") from error


def _rounded(time: float, unit: Unit) -> str:
    return f"{100 * time:.4g}%" if unit == "fraction" else f"{time:g}{SIGNS[unit]}"


def _optional(schema: dict[str, Any], *names: str) -> None:
    """Say in a JSON Schema that these keys may be left out: the plan completes them."""
    schema["required"] = [name for name in schema["required"] if name not in names]
