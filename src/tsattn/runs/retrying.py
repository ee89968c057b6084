"""Making a run, judging it, and trying again where an event is missing; the best is kept.

What is tried, in order: the run as asked; then, again and again, the same seed with more time for the events that it
missed (`plan.retiming`), and the next seed with the plan as given. Where times were given, or more time changes nothing, only
seeds are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tsattn.evaluate.opinion import Opine, Opinion
from tsattn.generate import Model
from tsattn.plan.retiming import retimed
from tsattn.plan.timeline import Clip
from tsattn.runs.making import Run, Tried, make
from tsattn.runs.recipe import Recipe

if TYPE_CHECKING:
    from PIL.Image import Image


class Retried(NamedTuple):
    """The best run, with all that was tried, and whether trying was interrupted."""

    run: Run
    interrupted: bool


def make_with_retries(
    model: Model,
    recipe: Recipe,
    opine: Opine,
    retries: int,
    *,
    videos: Sequence[str] = ("baseline", "controlled"),
    record: bool = False,
    image: Image | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> Retried:
    """Make the controlled video, and up to `retries` more while the best one lacks something that was asked for.

    The best has the most events done, its subject kept counting as one more; of equals, it is the first. An unscored video
    is never better than a scored one; where none is scored, nothing is known to be missing, and the first is kept. The
    baseline is made last, from the best one's noise. `on_step` is called with "try 1", "try 2" ... or "baseline". An interrupt
    from the keyboard ends the trying and leaves the baseline out, unless it comes before there is a first run. Nor does a
    failure lose what is finished: a video whose judge fails is unscored, a later try that fails is the last, and one of the
    baseline leaves it out; `tried` says so.
    """
    best: Run | None = None
    tried: list[Tried] = []
    interrupted = False
    try:
        while best is None or (len(tried) <= retries and not _enough(tried)):
            what, chosen = ("as asked", recipe) if best is None else _next(recipe, tried, best.clip)
            told = partial(_told, on_step, f"try {len(tried) + 1}")
            try:
                run = make(model, chosen, videos=("controlled",), record=record, image=image, on_step=told)
            except Exception as error:  # whatever a model raises, as for want of memory
                if best is None:
                    raise
                tried.append(_not_made(what, chosen, error))
                break
            opinion = _judged(opine, chosen, run)
            better = best is None or _rank(opinion) > max(_rank(one.opinion) for one in tried)
            tried = [
                *(one._replace(kept=one.kept and not better) for one in tried),
                Tried(what, chosen, opinion, better),
            ]
            best = run if better else best
        if "baseline" in videos:
            try:
                alone = make(model, best.recipe, videos=("baseline",), record=record, image=image, on_step=on_step)
                best = replace(best, videos={**alone.videos, **best.videos})
            except Exception as error:
                tried.append(_not_made("the model alone", best.recipe, error))
    except KeyboardInterrupt:
        if best is None:
            raise
        interrupted = True
    return Retried(replace(best, tried=tuple(tried)), interrupted)


def _told(on_step: Callable[[str], None], label: str, name: str) -> None:
    on_step(label)


def _judged(opine: Opine, recipe: Recipe, run: Run) -> Opinion:
    try:
        return opine(recipe.plan, run.clip, run.videos["controlled"].frames)
    except Exception as error:  # whatever a judge raises: the video is there all the same
        return Opinion(None, unscored=f"not judged: {_line(error)}")


def _not_made(what: str, recipe: Recipe, error: Exception) -> Tried:
    return Tried(what, recipe, Opinion(None, unscored=f"not made: {_line(error)}"), kept=False)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _rank(opinion: Opinion) -> tuple[bool, int]:
    return opinion.done is not None, opinion.merits


def _enough(tried: Sequence[Tried]) -> bool:
    """Whether nothing is known to be missing in the best one."""
    best = next(one.opinion for one in tried if one.kept)
    return best.done is None or best.complete


def _next(first: Recipe, tried: Sequence[Tried], clip: Clip) -> tuple[str, Recipe]:
    """What to try, and how it is called."""
    last = tried[-1]
    if last.opinion.done is not None and last.recipe.plan == first.plan:
        missed = [not done for done in last.opinion.done]
        plan = retimed(first.plan, clip, missed)
        if plan is not None:
            events = [event.text for subject in plan.subjects for event in subject.events]
            longer = " and ".join(repr(event) for event, one in zip(events, missed, strict=True) if one)
            return f"more time for {longer}", replace(last.recipe, plan=plan)
    seed = (last.recipe.settings.seed + 1) % 2**63
    return "the next seed", replace(first, settings=replace(first.settings, seed=seed))
