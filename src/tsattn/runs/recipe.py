"""What a run is made from, as its files carry it: the same JSON in every mp4 and in run.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tsattn.control import ControlConfig
from tsattn.errors import ControlError, RunError
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings

FORMAT = 1
LARGEST = 4_000_000
"""Characters of a run's JSON at the most; plans are a thousand times smaller."""
Name = Literal["baseline", "controlled"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what a run makes, besides the versions of what makes it."""

    plan: Plan
    model: str
    """As in `generate.describe`."""
    settings: Settings
    control: ControlConfig = field(default_factory=ControlConfig.paper)
    """Of the controlled video; the baseline has none."""
    image: str | None = None
    """SHA-256 of the pixels of the image that the video starts from, if any."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A run as its files tell it."""

    recipe: Recipe
    clip: Clip
    versions: Mapping[str, str]
    """What made it: packages, Python, device, threads, and a hash of the model's weights."""
    sha256: Mapping[str, str]
    """For each video, the hash of its frames before they were encoded."""
    verdicts: Mapping[str, dict[str, Any] | None]
    """For each video that was judged, the fields of its verdict; an mp4 has none."""
    seconds: Mapping[str, float]
    """For each video, how long its pipeline call took; an mp4 does not know."""
    path: Path
    """The file it was read from."""
    folder: Path | None
    """The folder of the whole run; None where only an mp4 is known."""

    @property
    def names(self) -> tuple[str, ...]:
        """The videos that this file tells of: "baseline", "controlled" or both."""
        return tuple(self.sha256)


class _File(BaseModel):
    """The JSON of a run. What is derived from the rest is written for people, and not read."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    format: Literal[1]
    plan: Plan
    model: str = Field(max_length=4096)
    settings: Settings
    control: ControlConfig
    image: str | None
    clip: Clip
    versions: dict[str, str]
    sha256: dict[Name, str] = Field(min_length=1)
    verdicts: dict[Name, dict[str, Any] | None] = {}
    seconds: dict[Name, float] = {}


def written(recipe: Recipe, *, clip: Clip, versions: Mapping[str, str], sha256: Mapping[str, str]) -> dict[str, Any]:
    """The JSON that reproduces a run: the same for the same videos."""
    return {
        "format": FORMAT,
        "prompt": recipe.plan.prompt,
        "plan": recipe.plan.model_dump(mode="json"),
        "model": recipe.model,
        "settings": asdict(recipe.settings),
        "control": asdict(recipe.control),
        "image": recipe.image,
        "clip": clip._asdict(),
        "versions": dict(versions),
        "sha256": dict(sha256),
    }


def parsed(text: str, path: Path, folder: Path | None) -> Saved:
    """The run that a file's JSON tells of. Raises `RunError` where it tells of none."""
    if len(text) > LARGEST:
        raise RunError(f"{path} holds {len(text)} characters of JSON; a run has {LARGEST} at the most")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} holds no JSON that can be read: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise RunError(
            f"{path} tells of no run of format {FORMAT}, which this tsattn reads (found {quoted(found)}); give an mp4, "
            "run.json or folder that `tsattn generate` has written"
        )
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise RunError(f"{path}: {place}: {problem['msg'].removeprefix('Value error, ')}") from error
    except ControlError as error:
        raise RunError(f"{path}: control: {error}") from error
    recipe = Recipe(plan=file.plan, model=file.model, settings=file.settings, control=file.control, image=file.image)
    return Saved(
        recipe=recipe,
        clip=file.clip,
        versions=file.versions,
        sha256={str(name): value for name, value in file.sha256.items()},
        verdicts={str(name): value for name, value in file.verdicts.items()},
        seconds={str(name): value for name, value in file.seconds.items()},
        path=path,
        folder=folder,
    )
