"""What the recorder noted of a run, and how it is kept on disk.

Axes of all arrays: t recorded denoising steps, l attention layers in the order of a pass, g groups of words, s subjects,
f latent frames, y and x rows and columns of tokens. The groups are every event, then every subject (both in the plan's
order), then the rest of the text: other words, punctuation, padding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.attention.region import Grid
from tsattn.errors import RunError, TsattnError
from tsattn.palette import event_colour
from tsattn.plan.schema import Plan, validated
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip, Stretch, snap_plan
from tsattn.video import moved_into_place

Array = NDArray[np.float32]
VERSION = 1


class Due(NamedTuple):
    """An event of the plan: its number over all subjects, its subject's, its words, and the latent frames it is due in."""

    number: int
    subject: int
    text: str
    stretch: Stretch

    @property
    def colour(self) -> str:
        """The colour in which it is shown everywhere."""
        return event_colour(self.number)


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The attention of one video of a run: averages over heads and tokens, for every recorded step and layer."""

    plan: Plan
    tokens: Tokens
    columns: tuple[SubjectColumns, ...]
    """Text columns of the plan's words."""
    clip: Clip
    grid: Grid
    control: Mapping[str, Any]
    """The fields of the run's `ControlConfig`."""
    steps: tuple[int, ...]
    """Numbers of the recorded steps, from 0."""
    total_steps: int
    """Denoising steps of the run."""
    acting: tuple[bool, ...]
    """For each recorded step, whether control acted in it."""
    skipped: tuple[int, ...]
    """Steps that should have been recorded, but in which a cache left out blocks, so that layers cannot be told apart."""
    layers: tuple[str, ...]
    """Names of the attention modules."""
    joint: bool
    """Whether video and text share a softmax, so that the shares below do not add up to 1."""

    before: Array
    """(t, l, g, f): share of a token's attention that a group gets by the model's own softmax, mean over the frame."""
    after: Array
    """The same with what TS-Attn adds; in a step that is not controlled, nothing."""
    inside_before: Array
    """As `before`, mean over the frame's tokens in the motion region of the group's subject (for the rest of the text, of
    any subject); NaN where there are none."""
    inside_after: Array
    """The same with what TS-Attn adds."""
    region: Array
    """(t, l, s, f): share of the frame's tokens that are in the subject's motion region."""
    where: Array
    """(s, f, y, x): in which share of the recorded steps and layers a token was in the region."""
    looks: Array
    """(s, f, y, x): the subject map, mean over recorded steps and layers, in logits."""

    @cached_property
    def events(self) -> list[Due]:
        """All events with the latent frames they are due in."""
        found: list[Due] = []
        rows = snap_plan(self.plan, self.clip)
        for number, (subject, stretches) in enumerate(zip(self.plan.subjects, rows, strict=True)):
            for event, stretch in zip(subject.events, stretches, strict=True):
                found.append(Due(len(found), number, event.text, stretch))
        return found

    @property
    def acted(self) -> bool:
        """Whether control acted in any recorded step; otherwise this is the model alone."""
        return any(self.acting)

    @property
    def everywhere(self) -> bool:
        """Whether control acts on all tokens by its setting, so that the region is no finding."""
        return self.control.get("policy", "ts-attn") != "ts-attn" or not self.control.get("region", True)

    def inside(self, *, after: bool) -> Array:
        """(g, f): the mass inside the motion region, mean over layers and, if any was, the controlled steps; NaN without any
        token.
        """
        return _mean((self.inside_after if after else self.inside_before)[self._shown])

    def whole(self, *, after: bool) -> Array:
        """(g, f): the same over whole frames."""
        return _mean((self.after if after else self.before)[self._shown])

    @property
    def _shown(self) -> NDArray[np.bool_]:
        return np.array([one or not self.acted for one in self.acting])

    def save(self, stem: str | Path) -> list[str]:
        """Write `stem`.safetensors with the arrays and `stem`.json with all else; returns the two names.

        Raises `OutputError` where they cannot be written.
        """
        from safetensors.numpy import save

        stem = Path(stem)
        arrays, rest = stem.with_name(stem.name + ".safetensors"), stem.with_name(stem.name + ".json")
        with moved_into_place(arrays) as part:
            part.write_bytes(save({name: np.ascontiguousarray(getattr(self, name)) for name in ARRAYS}))
        with moved_into_place(rest) as part:
            part.write_text(json.dumps(self._facts()) + "\n", encoding="utf-8")
        return [arrays.name, rest.name]

    def _facts(self) -> dict[str, Any]:
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ARRAYS}
        axes = {"layers": len(self.layers), "steps": len(self.steps), "latent_frames": self.grid.frames}
        return {
            "version": VERSION,
            **given,
            "plan": self.plan.model_dump(mode="json"),
            "control": dict(self.control),
            "tokens": self.tokens._asdict(),
            "columns": [one._asdict() for one in self.columns],
            "clip": self.clip._asdict(),
            "grid": self.grid._asdict(),
            "axes": axes,
        }

    @classmethod
    def load(cls, stem: str | Path) -> Record:
        """Read what `save` wrote. Raises `RunError` where that is missing, damaged or of another version."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        stem = Path(stem)
        try:
            facts = json.loads(stem.with_name(stem.name + ".json").read_text(encoding="utf-8"))
            arrays: dict[str, Any] = load(stem.with_name(stem.name + ".safetensors").read_bytes())
            if facts.get("version") != VERSION:
                raise RunError(f"it is of version {facts.get('version')!r}; this tsattn reads version {VERSION}")
            return cls(**_read(facts), **{name: arrays[name] for name in ARRAYS})._checked()
        except OSError as error:
            raise RunError(f"cannot read the recording {stem}: {error.strerror or error}") from error
        except (TsattnError, SafetensorError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise RunError(f"{stem} holds no recording that can be read: {error}; record the run again") from error

    def _checked(self) -> Record:
        subjects, groups = len(self.plan.subjects), len(self.events) + len(self.plan.subjects) + 1
        table = (len(self.steps), len(self.layers))
        shapes = dict.fromkeys(ARRAYS[:4], (*table, groups, self.grid.frames))
        shapes["region"] = (*table, subjects, self.grid.frames)
        shapes["where"] = shapes["looks"] = (subjects, *self.grid)
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} should have the shape {shape}, but has {getattr(self, name).shape}")
        return self


ARRAYS = ("before", "after", "inside_before", "inside_after", "region", "where", "looks")
"""Fields of a record that are arrays."""


def _read(facts: Mapping[str, Any]) -> dict[str, Any]:
    tokens, clip = facts["tokens"], Clip(**facts["clip"])
    return {
        "plan": validated(facts["plan"]),
        "tokens": Tokens(str(tokens["text"]), _pairs(tokens["offsets"]), int(tokens["length"]), _pairs(tokens["lost"])),
        "columns": tuple(
            SubjectColumns(tuple(one["subject"]), tuple(map(tuple, one["events"]))) for one in facts["columns"]
        ),
        "clip": clip,
        "grid": Grid(**facts["grid"]),
        "control": dict(facts["control"]),
        "total_steps": int(facts["total_steps"]),
        "joint": bool(facts["joint"]),
        **{name: tuple(facts[name]) for name in ("steps", "acting", "skipped", "layers")},
    }


def _pairs(given: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in given)


def _mean(table: Array) -> Array:
    """The mean over steps and layers of the numbers that there are; NaN where there are none."""
    count, total = np.isfinite(table).sum((0, 1)), np.nansum(table, (0, 1))
    mean: Array = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean
