"""The models that the page offers: the embedded one, and those that were named when the server was started.

The page knows them by labels, which hold no path; nothing else can be opened through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from tsattn.control import ControlConfig
from tsattn.errors import ModelError, PlanError
from tsattn.generate import (
    EMBEDDED,
    EMBEDDED_MODELS,
    SHAPES_SETTINGS,
    Description,
    check_model_name,
    describe,
    embedded_clip,
)
from tsattn.plan.schema import quoted
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings


class Models:
    """Labels of models, each with the folder or hub id that stands behind it.

    Raises `ModelError` for a name that cannot be a model.
    """

    def __init__(self, named: Sequence[str] = ()) -> None:
        self._sources = {EMBEDDED: EMBEDDED}
        for name in named:
            check_model_name(name)
            label = Path(name).resolve().name if Path(name).is_dir() else name
            while label in self._sources:
                label += "'"
            self._sources[label] = name
        self._described = lru_cache(maxsize=None)(describe)

    @property
    def labels(self) -> list[str]:
        """What can be chosen, the embedded model first."""
        return list(self._sources)

    def source(self, label: object) -> str:
        """The folder or hub id behind a label. Raises `ModelError` for anything that is not offered."""
        if not isinstance(label, str) or label not in self._sources:
            raise ModelError(f"the model {quoted(label)} is not offered here; choose one of {', '.join(self.labels)}")
        return self._sources[label]

    def label(self, source: str) -> str | None:
        """The label of a folder or hub id, None where that is not offered."""
        return next((label for label, known in self._sources.items() if known == source), None)

    def facts(self, label: object) -> Description:
        """What the model's configuration says; imports diffusers.

        Raises `TsattnError` as `describe` does, and `ModelError` for one that starts from an image.
        """
        facts = self._described(self.source(label))
        if facts.takes_image:
            raise ModelError(
                f"{label} starts from an image, which the page cannot give it; use tsattn generate --image"
            )
        return facts

    def settings(self, label: object) -> Settings:
        """What the model is best run with."""
        return SHAPES_SETTINGS if self.source(label) == EMBEDDED else self.facts(label).settings

    def control(self, label: object) -> ControlConfig:
        """How the model is controlled where nothing else is asked for."""
        source = self.source(label)
        return EMBEDDED_MODELS[source].control if source in EMBEDDED_MODELS else self.facts(label).control

    def clip(self, label: object, frames: object) -> Clip:
        """The clip of so many frames. Raises `PlanError` where the model cannot make it."""
        settings = replace(self.settings(label), frames=whole(frames, "frames"))
        return embedded_clip(settings) if self.source(label) == EMBEDDED else self.facts(label).clip(settings)


def whole(value: object, name: str) -> int:
    """A whole number from what a browser sends. Raises `PlanError` that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or abs(value) >= 2**63:
        raise PlanError(f"{name} is a whole number, but got {quoted(value)}")
    return int(value)
