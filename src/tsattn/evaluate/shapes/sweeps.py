"""What the paper leaves open, as questions: each a few variants of the paper's setting side by side.

Nothing here draws from the final table's prompts: what is chosen by a sweep is chosen on others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tsattn.control import ControlConfig
from tsattn.errors import EvaluationError
from tsattn.evaluate.shapes.trials import MOST_EVENTS, Matrix, Trial
from tsattn.methods import METHODS, Method
from tsattn.plan.schema import did_you_mean
from tsattn.settings import Settings

Fields = Mapping[str, Any]
"""Fields of a `ControlConfig`, by name, that differ from where a sweep starts."""
PAPER = ControlConfig.paper()
LAYERS: dict[str, Any] = {"all layers": None, "odd layers": "odd", "layers 0–1": (0, 1), "layers 2–4": (2, 3, 4)}
"""Of the five blocks of the embedded model."""


class Question(NamedTuple):
    """Variants, by the guidance scale that they are run with, None being the model's own; one of None is the model alone."""

    asks: str
    variants: Mapping[float | None, Mapping[str, Fields | None]]
    events: tuple[int, ...] = (3,)
    segmentations: tuple[str, ...] = ("uniform",)

    def trials(
        self, settings: Settings, *, n: int, seeds: Sequence[int], start: ControlConfig = PAPER
    ) -> Iterator[Trial]:
        """All trials on `n` prompts of each number of events and seed: of the model alone, of the paper's setting, of the
        one that all variants start from where that is another, and of the variants that differ from it.
        """
        ends = {"vanilla": METHODS["vanilla"], "paper": METHODS["ts-attn"], baseline(start): Method(start)}
        for guidance, variants in {None: {}, **self.variants}.items():
            methods = {
                name: Method(None if fields is None else replace(start, **fields))
                for name, fields in variants.items()
                if guidance is not None or fields is None or replace(start, **fields) != start
            }
            every = {**ends, **methods} if guidance is None else methods
            matrix = Matrix(methods=every, events=self.events, segmentations=self.segmentations, seeds=seeds, n=n)
            yield from matrix.trials(settings if guidance is None else replace(settings, guidance=guidance))


def baseline(start: ControlConfig) -> str:
    """The name of the setting that all variants start from, and are compared with."""
    return "paper" if start == PAPER else "start"


def check_question(name: str) -> None:
    """Raise `EvaluationError` for a question that there is not."""
    if name not in QUESTIONS:
        raise EvaluationError(f"unknown question {name!r}; {did_you_mean(name, list(QUESTIONS))}")


def _of(variants: Mapping[str, Fields]) -> Mapping[float | None, Mapping[str, Fields | None]]:
    return {None: variants}


def _in_steps(share: float) -> Fields:
    return {"t2v_step_fraction": share, "i2v_step_fraction": share}


def _guided(scale: float) -> Mapping[str, Fields | None]:
    return {f"vanilla, guidance {scale:g}": None, f"controlled, guidance {scale:g}": {}}


QUESTIONS: dict[str, Question] = {
    "steps-layers": Question(
        "In which share of the steps, and in which layers?",
        _of({
            f"{share:.0%} of steps, {where}": {**_in_steps(share), "layers": layers}
            for share in (0.1, 0.2, 0.4, 1.0)
            for where, layers in LAYERS.items()
        }),
    ),
    "r-max": Question(
        "How far are logits moved?",
        _of({
            **{f"r_max {most:g}": {"r_max": most} for most in (1.0, 1.5, 2.0, 3.0)},
            **{f"strength {factor:g}": {"strength": factor} for factor in (0.1, 0.25, 0.5, 0.75, 1.0)},
        }),
    ),
    "parts": Question(
        "Which part does it, rearrangement or reinforcement?",
        _of({
            "no reinforcement": {"reinforcement": False},
            **{
                f"no rearrangement, strength {factor:g}": {"rearrangement": False, "strength": factor}
                for factor in (0.5, 1.0, 2.0)
            },
        }),
    ),
    "region": Question(
        "Where is the region cut, and how is it cleaned?",
        _of({
            **{f"erosion {side}": {"region": True, "erosion": side} for side in (1, 3, 5)},
            **{
                f"mean {above:+g} sd, erosion {side}": {"region": True, "threshold": above, "erosion": side}
                for above in (-0.5, 0.5, 1.0)
                for side in (1, 3)
            },
            "no region": {"region": False},
        }),
    ),
    "subject": Question(
        "Are the subject's own words raised with its event's?",
        _of({"subject raised": {"raise_subject": True}, "subject left": {"raise_subject": False}}),
    ),
    "pads": Question(
        "Do pads count in a row's largest, smallest and mean logit?", _of({"without pads": {"count_pads": False}})
    ),
    "rows": Question(
        "Are largest, smallest and mean logit a token's own or its segment's?",
        _of({"segment-wise": {"segment_wise": True}}),
    ),
    "branches": Question(
        "Is only the pass with the prompt controlled, or the one with the negative prompt, too?",
        _of({"both passes": {"unconditional": True}}),
    ),
    "events": Question("How many events?", {}, events=tuple(range(2, MOST_EVENTS + 1))),
    "segments": Question(
        "How much do the segments matter?", {}, segmentations=("uniform", "jittered", "true", "parser")
    ),
    "guidance": Question("At which guidance scale?", {scale: _guided(scale) for scale in (1.0, 3.0, 4.0, 6.0)}),
}  # fmt: skip
"""Every question by its name."""
