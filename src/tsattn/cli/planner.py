"""Options that say who makes a plan of a sentence, and what they choose."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from tsattn.errors import ChatError, PlanError, PlanWarning

if TYPE_CHECKING:
    from tsattn.plan import Plan


class PlannerName(str, Enum):
    """Who can make a plan."""

    OFFLINE = "offline"
    LLM = "llm"


class FallbackName(str, Enum):
    """Who can stand in for a language model."""

    OFFLINE = "offline"


Planner = Annotated[
    PlannerName, typer.Option(help="Who finds the events of a sentence: the offline parser, or a language model.")
]
LLMModel = Annotated[str | None, typer.Option(help="Model to ask, with --planner llm.")]
BaseURL = Annotated[
    str | None,
    typer.Option(
        help="Address of any OpenAI-compatible server; its key is read from TSATTN_API_KEY, else OPENAI_API_KEY. "
        "(default: OpenAI's)"
    ),
]
LLMTimeout = Annotated[float | None, typer.Option(help="Seconds to wait for an answer. (default: 120)", min=0.001)]
AskAgain = Annotated[bool, typer.Option("--ask-again", help="Ask the model even where its plan is kept from earlier.")]
Fallback = Annotated[
    FallbackName | None,
    typer.Option(help="Who makes the plan, with a warning, where the model cannot. (default: nobody, it is an error)"),
]


def chosen_planner(
    planner: PlannerName,
    *,
    llm_model: str | None,
    base_url: str | None,
    llm_timeout: float | None,
    ask_again: bool,
    fallback: FallbackName | None,
) -> Callable[[str], Plan]:
    """What makes a plan of a sentence. Raises `PlanError` for options that go with another planner, or lack their model."""
    from tsattn.plan import parse

    if planner is PlannerName.OFFLINE:
        given = {"llm-model": llm_model, "base-url": base_url, "llm-timeout": llm_timeout, "fallback": fallback}
        unused = [name for name, value in given.items() if value is not None] + ["ask-again"] * ask_again
        if unused:
            raise PlanError(f"--{unused[0]} is for a language model; add --planner llm")
        return parse
    if llm_model is None:
        raise PlanError("--planner llm needs --llm-model, the name of a model at --base-url")

    def plan(prompt: str) -> Plan:
        began = time.perf_counter()
        try:
            return _by_model(prompt, llm_model, base_url, llm_timeout, ask_again=ask_again)
        except ChatError as error:
            if fallback is None:
                raise
            seconds = time.perf_counter() - began
            message = f"after {seconds:.1f} s without a plan by {llm_model}, the offline parser makes it: {error}"
            warnings.warn(message, PlanWarning, stacklevel=2)
            return parse(prompt)

    return plan


def _by_model(prompt: str, model: str, base_url: str | None, timeout: float | None, *, ask_again: bool) -> Plan:
    from tsattn.plan.chat import OPENAI, Endpoint
    from tsattn.plan.llm import LLMPlanner

    seconds = Endpoint.timeout if timeout is None else timeout
    endpoint = Endpoint(model=model, base_url=base_url or OPENAI, timeout=seconds)
    planned = LLMPlanner(endpoint=endpoint, ask_again=ask_again).plan(prompt)
    origin = ", kept from earlier" if planned.cached else ""
    typer.echo(f"plan by {model} in {planned.seconds:.1f} s{origin}", err=True)
    return planned.plan
