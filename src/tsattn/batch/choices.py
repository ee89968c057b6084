"""What the choices of a spec mean: plans of its prompts, numbers of its methods, first frames."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsattn.batch.spec import MethodChoice, PlannerChoice, PromptChoice, Spec
from tsattn.control import ControlConfig
from tsattn.errors import BatchError, ChatError, PlanError, PlannerError, RefusalError, TsattnError
from tsattn.generate import Description
from tsattn.methods import ALIASES, ALL, METHODS, Method, changed, method_named
from tsattn.plan import Plan, parse, read
from tsattn.plan.schema import validated

SHOWN = 5
"""Prompts with a problem that an error names at the most."""


def plans(spec: Spec) -> list[Plan]:
    """The plan of every prompt. Raises `BatchError` that names those that have none."""
    planner = _planner(spec.planner)
    found: list[Plan] = []
    check_each(
        [(choice.id or str(k), (choice, None)) for k, choice in enumerate(spec.prompts)],
        lambda choice, _: found.append(_plan(choice, planner)),
    )
    return found


def check_each(prompts: list[tuple[str, tuple[PromptChoice, Any]]], check: Callable[[PromptChoice, Any], None]) -> None:
    """Try all prompts, and raise one `BatchError` that names those with a problem.

    Where a language model cannot be asked at all, the first prompt that finds out is the last one.
    """
    wrong = [problem for name, (choice, plan) in prompts if (problem := _problem(name, choice, plan, check))]
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BatchError(f"{len(wrong)} of {len(prompts)} prompts cannot be run: {'; '.join(wrong[:SHOWN])}{more}")


def _problem(name: str, choice: PromptChoice, plan: Any, check: Callable[[PromptChoice, Any], None]) -> str | None:
    try:
        check(choice, plan)
    except (PlanError, RefusalError, PlannerError) as error:
        return f"prompt {name!r}: {error}"
    except ChatError as error:
        raise BatchError(f"the prompt {name!r} cannot be planned: {error}") from error
    return None


def _plan(choice: PromptChoice, planner: Callable[[str], Plan]) -> Plan:
    if choice.plan is not None:
        plan = Plan.load(choice.plan) if isinstance(choice.plan, Path) else _written_out(choice)
        if choice.prompt not in (None, plan.prompt):
            raise PlanError(f"its plan is for the prompt {plan.prompt!r}, but the prompt given is {choice.prompt!r}")
        return plan
    if choice.prompt is None:
        raise PlanError("it has neither a prompt nor a plan")
    # a prompt is a text here, even where a file happens to have its name
    return planner(choice.prompt) if os.path.exists(choice.prompt) else read(choice.prompt, plain=planner)


def _written_out(choice: PromptChoice) -> Plan:
    assert isinstance(choice.plan, dict)
    return validated({"prompt": choice.prompt, **choice.plan} if choice.prompt else choice.plan)


def _planner(choice: PlannerChoice | None) -> Callable[[str], Plan]:
    if choice is None:
        return parse
    from tsattn.plan.chat import OPENAI, Endpoint
    from tsattn.plan.llm import LLMPlanner

    planner = LLMPlanner(endpoint=Endpoint(model=choice.model, base_url=choice.base_url or OPENAI))
    return lambda prompt: planner.plan(prompt).plan


def method_of(choice: MethodChoice) -> Method:
    """What a choice stands for. Raises `BatchError` or `PlanError` where there is no such method."""
    if choice.config is None:
        return method_named(choice.name)
    if choice.name in {*METHODS, *ALIASES, ALL} or ":" in choice.name:
        raise BatchError(f"the method {choice.name!r} has a meaning already; choose another name for yours")
    try:
        return Method(changed(ControlConfig(), choice.config))
    except TsattnError as error:
        raise BatchError(f"the method {choice.name!r}: {error}") from error


def check_image(facts: Description, prompt: PromptChoice) -> None:
    """Raise `PlanError` where a model starts from an image and the prompt has none."""
    if facts.takes_image and prompt.image is None:
        raise PlanError(f"{facts.name} starts from an image; give the prompt one as `image`")


def read_image(path: Path) -> bytes:
    """The bytes of an image's file. Raises `PlanError` where there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot read the image {path}: {error.strerror}") from error
