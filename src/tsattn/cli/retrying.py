"""`tsattn generate --retry`: who judges, and what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from tsattn.errors import EvaluationError, PlanError
from tsattn.generate import EMBEDDED_MODELS
from tsattn.plan import Plan

if TYPE_CHECKING:
    from tsattn.evaluate.opinion import Opine
    from tsattn.runs.making import Tried

VERIFIER = "verifier"
LOCAL = "local:"
"""What the name of a judge that runs on this machine begins with."""


class Retry(NamedTuple):
    """The options of trying again: how often, who judges (None: who can), and where that one is asked."""

    times: int = 0
    judge: str | None = None
    url: str | None = None

    def check(self, model: str, plan: Plan) -> None:
        """Raise `PlanError` or `EvaluationError` for options that cannot be, before anything is run."""
        from tsattn.evaluate.verdict import roles

        if self.times < 0:
            raise PlanError(f"--retry must be 0 or more, but got {self.times}")
        if self.times == 0 and (self.judge or self.url):
            raise PlanError("--judge and --judge-url say who decides whether to try again; add --retry N")
        if self.times and self.judge is None and model not in EMBEDDED_MODELS:
            raise PlanError(
                f"--retry needs --judge: a vision model's name on a server, or {LOCAL}NAME for one on this machine; the exact "
                "verifier judges videos of the embedded models only"
            )
        vision = self.times and self.judge not in (None, VERIFIER)
        if self.url and (not vision or str(self.judge).startswith(LOCAL)):
            raise PlanError("--judge-url is where a vision model is asked; give its name as --judge, or leave it out")
        if self.times and not vision and model not in EMBEDDED_MODELS:
            raise EvaluationError(
                "the verifier judges videos of the embedded models only; name a vision model as --judge"
            )
        if self.times and not vision and roles(plan) is None:
            raise EvaluationError(
                f"the verifier does not know the world of {plan.prompt!r}; write of what the embedded model knows (red circles "
                "that move right …), or name a vision model as --judge"
            )


@contextmanager
def judge_of(retry: Retry) -> Iterator[Opine | None]:
    """Who judges, opened; None where nothing is tried again. Raises `ChatError` or `ModelError` where it cannot be."""
    from tsattn.evaluate.opinion import by_verifier, by_vision_model
    from tsattn.evaluate.storyeval.judges import EndpointJudge, LocalJudge
    from tsattn.evaluate.storyeval.protocol import GPT4O, LLAVA
    from tsattn.plan.chat import OPENAI, Endpoint

    if retry.times == 0:
        yield None
    elif retry.judge is None or retry.judge == VERIFIER:
        yield by_verifier
    elif retry.judge.startswith(LOCAL):
        yield by_vision_model(LocalJudge(retry.judge.removeprefix(LOCAL)), LLAVA)
    else:
        with EndpointJudge(Endpoint(model=retry.judge, base_url=retry.url or OPENAI)) as judge:
            yield by_vision_model(judge, GPT4O)


def table_of(tried: Sequence[Tried]) -> Table:
    """What was tried, a row each."""
    table = Table("try", "what", "seed", "events done", "missing", "subject kept", "")
    for number, (what, recipe, opinion, kept) in enumerate(tried, 1):
        events = [event.text for subject in recipe.plan.subjects for event in subject.events]
        done = opinion.done or ()
        missing = ", ".join(event for event, one in zip(events, done, strict=False) if not one)
        table.add_row(
            str(number), Text(what), str(recipe.settings.seed),
            "unscored" if opinion.done is None else f"{sum(done)} of {len(events)}",
            Text(opinion.unscored or missing or "–", "dim" if opinion.complete else "red"),
            {None: "not judged", True: "yes", False: "no"}[opinion.subject_kept],
            Text("kept" if kept else "", "green"),
        )  # fmt: skip
    return table
