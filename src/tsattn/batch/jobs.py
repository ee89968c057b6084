"""From a spec to jobs: one for each video, with a key that is the hash of everything that determines it.

Into the key go prompt and plan, the model's fingerprint, the method's numbers, all settings with the seed, the first frame,
and tsattn's version. Not into it go names, places and tags, which change no pixel, and the versions of torch and diffusers
and the device: they change the rounding, not what was asked, and an update must not throw away a week of work. They are
recorded with each video, and a batch that mixes them says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tsattn.batch.choices import check_each, check_image, method_of, plans, read_image
from tsattn.batch.outputs import slug
from tsattn.batch.spec import ModelChoice, PromptChoice, Spec, prompt_id
from tsattn.errors import BatchError, ModelError
from tsattn.fingerprint import fingerprint
from tsattn.generate import Description, describe
from tsattn.methods import METHODS, Method, check_way
from tsattn.plan import Plan
from tsattn.plan.timeline import snap_plan
from tsattn.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Job:
    """A video to be made."""

    key: str
    prompt_id: str
    plan: Plan
    events: tuple[str, ...]
    tags: tuple[str, ...]
    model: str
    """Its name in tables."""
    source: str
    """Where it is."""
    fingerprint: str
    method: str
    """Its name in tables."""
    how: Method
    """What it stands for."""
    settings: Settings
    image: Path | None = None
    image_hash: str | None = None

    @property
    def name(self) -> str:
        """For people: model, method, prompt and seed."""
        return f"{self.model} {self.method} {self.prompt_id[:60]} seed {self.settings.seed}"

    @cached_property
    def video(self) -> Path:
        """Where the video belongs, relative to the batch's folder. No part of it is taken from the outside as it is."""
        model = f"{slug(Path(self.model).name)}-{self.fingerprint[:6]}"
        name = f"{slug(self.plan.prompt)}-s{self.settings.seed}-{self.key[:12]}.mp4"
        return Path("videos", model, slug(self.method), name)

    @property
    def definition(self) -> dict[str, Any]:
        """All that the key is the hash of."""
        from tsattn import __version__

        return {
            "plan": self.plan.model_dump(mode="json"),
            "model": self.fingerprint,
            "way": self.how.way,
            "control": None if self.how.config is None else asdict(self.how.config),
            "settings": asdict(self.settings),
            "image": self.image_hash,
            "tsattn": __version__,
        }

    def first_frame(self) -> bytes | None:
        """The bytes of the image to start from. Raises `ModelError` where it is not the one that was planned with."""
        if self.image is None:
            return None
        content = read_image(self.image)
        if hashlib.sha256(content).hexdigest() != self.image_hash:
            raise ModelError(f"the image {self.image} has changed since the batch was started; start it again")
        return content


def expand(spec: Spec) -> list[Job]:
    """All jobs of a spec, ordered by model, prompt, seed and method, so that what is done first can be compared.

    All that can be wrong with a spec raises here, before any weight is read: `BatchError`, `ModelError`, `PlanError`,
    and `UnsupportedPipelineError` where a model cannot be run by a method.
    """
    methods = _unique("methods", [(choice.name, method_of(choice)) for choice in spec.methods])
    prompts = _unique(
        "prompts",
        [
            (choice.id or prompt_id(plan.prompt), (choice, plan))
            for choice, plan in zip(spec.prompts, plans(spec), strict=True)
        ],
    )
    jobs: dict[str, Job] = {}
    for name, choice in _unique("models", [(choice.name, choice) for choice in spec.models]):
        for job in _of_model(describe(choice.source or name), choice, spec, prompts, methods):
            if (twin := jobs.get(job.key)) is not None:
                raise BatchError(f"{job.name!r} and {twin.name!r} would be the same video; leave one of them out")
            jobs[job.key] = job
    return list(jobs.values())


def _of_model(
    facts: Description,
    choice: ModelChoice,
    spec: Spec,
    prompts: list[tuple[str, tuple[PromptChoice, Plan]]],
    methods: list[tuple[str, Method]],
) -> Iterator[Job]:
    given = {**spec.settings.model_dump(exclude_none=True), **choice.settings.model_dump(exclude_none=True)}
    settings = replace(facts.settings, **given)
    clip, identity = facts.clip(settings), fingerprint(facts)

    def check(prompt: PromptChoice, plan: Plan) -> None:
        snap_plan(plan, clip)
        check_image(facts, prompt)

    check_each(prompts, check)
    for _, how in methods:
        check_way(facts, how)
    for name, (prompt, plan) in prompts:
        image = prompt.image if facts.takes_image else None
        events = prompt.events or tuple(event.text for subject in plan.subjects for event in subject.events)
        blank = Job(
            key="",
            prompt_id=name,
            plan=plan,
            events=events,
            tags=prompt.tags,
            model=choice.name,
            source=facts.name,
            fingerprint=identity,
            method="",
            how=METHODS["vanilla"],
            settings=settings,
            image=image,
            image_hash=None if image is None else hashlib.sha256(read_image(image)).hexdigest(),
        )
        for seed in dict.fromkeys(spec.seeds):
            for method, how in methods:
                job = replace(blank, method=method, how=how, settings=replace(settings, seed=seed))
                yield replace(job, key=_hash(job.definition))


def _hash(definition: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def _unique(what: str, items: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The items, whose names must differ."""
    seen: set[str] = set()
    for name, _ in items:
        if name in seen:
            raise BatchError(f"{name!r} is there twice in {what}; leave one out, or give prompts an id each")
        seen.add(name)
    return items
