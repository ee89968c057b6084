"""What the page's events do: from what a browser sends to what it shows. Nothing that arrives is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.methods import CONTROLS, control_named, written
from tsattn.plan.schema import Plan, quoted, validated
from tsattn.plan.timeline import snap_plan
from tsattn.web import views
from tsattn.web.editor import View, edited, no_view, replanned, view
from tsattn.web.library import Entry, Library
from tsattn.web.making import Asked, Maker
from tsattn.web.messages import told
from tsattn.web.models import Models, whole
from tsattn.web.workshop import Job, Workshop

MOST_STEPS = 200
"""Denoising steps of a run at the most."""
POLL = 0.1
"""Seconds between two looks at a job."""


class Shown(NamedTuple):
    """What a page shows of a job: its id while it is not over, its status, and what it made once it has."""

    job: str | None
    status: str
    entry: Entry | None = None


class Handlers:
    """The events of one server's pages."""

    def __init__(self, models: Models, library: Library, workshop: Workshop) -> None:
        self.models, self.library, self.workshop = models, library, workshop
        self._maker = Maker(models, library)

    def plan(self, prompt: str, before: object, model: object, frames: object) -> View:
        """The view of what stands in the prompt box; it takes over the timing that was chosen before, where it can.

        A view that is of this prompt already stays: its events may have been edited.
        """
        if isinstance(before, dict) and isinstance(before.get("plan"), dict) and before["plan"].get("prompt") == prompt:
            return before
        return self.replan(prompt, before, model, frames)

    def replan(self, prompt: str, before: object, model: object, frames: object) -> View:
        """The same, made anew."""
        on, kept = {"model": model, "frames": frames}, _kept(before)
        try:
            clip = self.models.clip(model, frames)
        except Exception as error:
            return _without_clip(before, on, told(error))
        try:
            return {**view(replanned(prompt, kept), clip, kept=kept), "on": on}
        except Exception as error:
            return {**no_view(told(error), clip, kept=kept), "on": on}

    def replace_clip(self, prompt: str, before: object, model: object, frames: object) -> View:
        """The same plan on another clip."""
        try:
            plan = _plan(before)
            clip = self.models.clip(model, frames)
        except Exception:
            return self.replan(prompt, before, model, frames)
        return {**view(plan, clip, kept=_kept(before)), "on": {"model": model, "frames": frames}}

    def edit(self, asked: object) -> View:
        """The view after an edit on the timeline, or `{"error": …}`. Without an edit, that of the plan as it is."""
        try:
            if not isinstance(asked, Mapping) or not isinstance(asked.get("on"), Mapping):
                raise PlanError("this edit cannot be read; reload the page")
            on, edit = asked["on"], asked.get("edit")
            clip = self.models.clip(on.get("model"), on.get("frames"))
            plan = _plan(asked)
            if edit is None:
                return {**view(plan, clip, kept=_kept(asked)), "on": on}
            plan = edited(plan, edit if isinstance(edit, Mapping) else {}, clip)
            return {**view(plan, clip, kept=plan), "on": on}
        except Exception as error:
            return {"error": told(error)}

    def submit(self, owner: str, before: object, options: Mapping[str, Any]) -> Job:
        """Queue a run of the view's plan. Raises `TsattnError` where it cannot be, before anything heavy is imported."""
        plan, model = _plan(before), options["model"]
        clip = self.models.clip(model, options["frames"])
        snap_plan(plan, clip)
        steps = whole(options["steps"], "steps")
        if steps > MOST_STEPS:
            raise PlanError(f"{MOST_STEPS} steps are the most, but got {steps}")
        settings = replace(
            self.models.settings(model),
            frames=clip.frames,
            steps=steps,
            seed=whole(options["seed"], "the seed"),
            guidance=_number(options["guidance"], "guidance"),
        )
        asked = Asked(
            model=model,
            plan=plan,
            settings=settings,
            control=self._control(options),
            compare=bool(options["compare"]),
            record=bool(options["record"]),
        )
        job = Job(owner, steps, asked.videos, self._maker.work(owner, asked))
        self.workshop.submit(job)
        return job

    @staticmethod
    def _control(options: Mapping[str, Any]) -> ControlConfig:
        method = options["method"]
        if not isinstance(method, str):
            raise PlanError(f"the method {quoted(method)} is not offered here; choose one of {', '.join(CONTROLS)}")
        if "strength" in method:
            raise PlanError("the strength of a method is the slider's here; leave it out behind the method")
        return replace(control_named(method), strength=_number(options["strength"], "strength"))

    async def generate(self, owner: str, before: object, options: Mapping[str, Any]) -> AsyncIterator[Shown]:
        """Queue a run and follow it."""
        try:
            job = await asyncio.to_thread(self.submit, owner, before, options)
        except Exception as error:
            yield Shown(None, views.note(f"Not started: {told(error)}", "bad"))
            return
        async for shown in self.follow(job):
            yield shown

    async def follow(self, job: Job) -> AsyncIterator[Shown]:
        """What to show of a job, each time it changes, until it is over."""
        last = ""
        while not job.over:
            now = views.status(job, self.workshop.ahead(job))
            if now != last:
                yield Shown(job.id, now)
                last = now
            await asyncio.sleep(POLL)
        yield Shown(None, views.status(job, 0), job.result)

    def cancel(self, owner: str, name: object) -> None:
        """End a browser's job of this id."""
        job = self.workshop.find(owner, name)
        if job is not None:
            self.workshop.cancel(job)

    def result(self, entry: Entry) -> str:
        """A run as HTML."""
        return views.result(entry, entry.saved.clip)

    def history(self, owner: str, current: Entry | None = None) -> str:
        """A browser's runs as HTML."""
        return views.history(self.library.of(owner), None if current is None else current.id)

    def opened(self, entry: Entry) -> tuple[str, View, dict[str, Any]]:
        """The prompt, the view and the options of an earlier run, and a note where its model is not offered here."""
        recipe = entry.saved.recipe
        model = self.models.label(recipe.model)
        options = {
            "model": model or self.models.labels[0],
            "frames": recipe.settings.frames,
            "steps": recipe.settings.steps,
            "seed": recipe.settings.seed,
            "guidance": recipe.settings.guidance,
            "method": written(recipe.control, strength=False),
            "strength": recipe.control.strength,
        }
        shown = view(recipe.plan, entry.saved.clip, kept=recipe.plan)
        return recipe.plan.prompt, {**shown, "on": {"model": options["model"], "frames": options["frames"]}}, options


def _plan(data: object) -> Plan:
    """The plan of a view that a browser sends back."""
    plan = data.get("plan") if isinstance(data, Mapping) else None
    if plan is None:
        raise PlanError("there is no plan yet; write a prompt that tells what happens")
    return validated(plan)


def _kept(data: object) -> Plan | None:
    kept = data.get("kept") if isinstance(data, Mapping) else None
    try:
        return None if kept is None else validated(kept)
    except PlanError:
        return None


def _without_clip(before: object, on: dict[str, object], problem: str) -> View:
    """What is drawn where the model cannot make such a clip: the plan stays, on the clip that it was on."""
    old = before if isinstance(before, Mapping) else {}
    return {**old, "on": on, "problems": [{"level": "error", "text": problem}]}


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise PlanError(f"{name} is a number, but got {value!r}")
    return float(value)
