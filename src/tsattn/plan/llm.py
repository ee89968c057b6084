"""A plan by a language model, from any endpoint that speaks the protocol of OpenAI's chat completions.

    prompt → cached plan, or else: question → answer → places of its words → plan → cache

The model only says which words of the prompt act and happen, and proposes their shares of the clip. Where the words stand
is found here, and the plan passes the same checks as any other. An answer that does not is sent back once, with what was
wrong; a second one is an error. Nothing falls back silently.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from tsattn.errors import ChatError, PlanError, PlannerError, PlanWarning
from tsattn.plan.chat import INSTALL, Chat, Endpoint
from tsattn.plan.schema import Plan, Span, check_prompt, quoted, validated

TEMPLATE = "llm-v1.txt"
"""The question. A new wording is a new file, so that answers to the old one are not taken for answers to the new."""
_LETTER = r"[^\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
"""A letter or digit, but of no script that joins words, as Chinese, or joins endings to them, as Korean."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Words(_Strict):
    """Words copied from the prompt, and which of the places where they stand is meant, counted from 1."""

    words: str
    occurrence: int


class _Event(_Words):
    """An event from `start` to `end`, in percent of the clip."""

    start: float
    end: float


class _Subject(_Words):
    events: list[_Event]


class _Answer(_Strict):
    """What the model is asked for."""

    subjects: list[_Subject]


class Planned(NamedTuple):
    """A plan, the seconds it took to get, and whether it came from the cache."""

    plan: Plan
    seconds: float
    cached: bool


def cache_folder() -> Path:
    """Where plans are kept by default. Raises `ChatError` where the packages of `tsattn[llm]` are missing."""
    try:
        import platformdirs
    except ImportError:
        raise ChatError(INSTALL) from None
    return platformdirs.user_cache_path("tsattn") / "llm-plans"


@dataclass(frozen=True, kw_only=True)
class LLMPlanner:
    """Plans by the model of an endpoint.

    They are kept in the folder `cache` (None keeps none), by prompt, model, address and question. `ask_again` asks even
    where a plan is kept, and replaces it.
    """

    endpoint: Endpoint
    cache: Path | None = field(default_factory=cache_folder)
    ask_again: bool = False

    def plan(self, prompt: str) -> Planned:
        """The plan for a prompt.

        Raises `PlanError` where the prompt is empty, too long or no valid text, `ChatError` where the server cannot be
        asked or refuses, and the `PlannerError` among them where it gives no valid plan.
        """
        began = time.perf_counter()
        check_prompt(prompt)
        template = resources.files("tsattn.plan").joinpath(TEMPLATE).read_text(encoding="utf-8")
        question = Template(template).substitute(prompt=prompt)
        kept = None if self.cache is None else self.cache / f"{self._name(question)}.json"
        plan = None if kept is None or self.ask_again else _kept(kept, prompt)
        cached = plan is not None
        if plan is None:
            plan = self._asked(prompt, question)
            if kept is not None:
                _keep(kept, plan)
        return Planned(plan, time.perf_counter() - began, cached)

    def _name(self, question: str) -> str:
        parts = [TEMPLATE, question, self.endpoint.model, self.endpoint.base_url]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def _asked(self, prompt: str, question: str) -> Plan:
        with Chat(self.endpoint, _Answer.model_json_schema()) as chat:

            def ask(message: str) -> Plan:
                said = chat.say(message)
                try:
                    return read_answer(prompt, said.text)
                except PlanError as error:
                    cut = " (the answer was cut off at the model's limit of tokens)" if said.cut_off else ""
                    raise PlanError(f"{error}{cut}") from None

            try:
                return ask(question)
            except PlanError as error:
                repair = (
                    f"Your answer cannot be used: {error}. Answer again, with the whole corrected JSON object alone."
                )
            try:
                return ask(repair)
            except PlanError as error:
                raise PlannerError(
                    f"{self.endpoint.model} gave no valid plan, and none either when told what was wrong: {error}"
                ) from None


def read_answer(prompt: str, answer: str) -> Plan:
    """The plan that a model's answer describes. Raises `PlanError` that tells the model what is wrong with it."""
    text = answer.rpartition("</think>")[2]
    body = text[text.find("{") : text.rfind("}") + 1]
    if not body:
        raise PlanError(f"the answer should be a JSON object, but is {quoted(text.strip())}")
    try:
        subjects = _Answer.model_validate_json(body).subjects
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in problem["loc"])
        raise PlanError(f"the JSON object is invalid{place and ' at ' + place}: {problem['msg']}") from None
    ends = [event.end for subject in subjects for event in subject.events]
    if ends and max(ends) <= 1:
        raise PlanError(f"start and end are percent of the clip, from 0 to 100, but the last end is {max(ends):g}")
    parts = [
        {
            **_located(prompt, subject),
            "events": [
                {**_located(prompt, event), "segment": {"start": event.start / 100, "end": event.end / 100}}
                for event in subject.events
            ],
        }
        for subject in subjects
    ]
    return validated({"prompt": prompt, "subjects": parts})


def _located(prompt: str, part: _Words) -> dict[str, Any]:
    """Text and span of words in the prompt. Spaces need not be the same, and a word inside another does not count."""
    words = part.words.split()
    places: list[Span] = []
    if words:
        before = f"(?<!{_LETTER})" if re.match(_LETTER, words[0]) else ""
        after = f"(?!{_LETTER})" if re.match(_LETTER, words[-1][-1]) else ""
        pattern = before + r"\s+".join(map(re.escape, words)) + after
        places = [match.span() for match in re.finditer(pattern, prompt)]
    if not places:
        raise PlanError(f"the words {quoted(part.words)} do not stand in the prompt; copy words from it exactly")
    if not 1 <= part.occurrence <= len(places):
        raise PlanError(
            f"the words {quoted(part.words)} stand in the prompt {len(places)} time{'s' * (len(places) > 1)}, so there is "
            f"no occurrence {part.occurrence}"
        )
    span = places[part.occurrence - 1]
    return {"text": prompt[slice(*span)], "span": span}


def _kept(path: Path, prompt: str) -> Plan | None:
    """The plan in a cached file; None where there is none, or something else."""
    try:
        plan = Plan.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return plan if plan.prompt == prompt else None


def _keep(path: Path, plan: Plan) -> None:
    """Write a cached file aside and move it into place, so that none is ever half written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            aside = Path(folder) / path.name
            aside.write_text(plan.model_dump_json(indent=2), encoding="utf-8")
            os.replace(aside, path)
    except OSError as error:
        warnings.warn(f"the plan cannot be kept in {path.parent}: {error.strerror}", PlanWarning, stacklevel=3)
