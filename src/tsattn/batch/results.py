"""What a batch's folder holds, for judges, tables and people; reads its manifest, also while a run is at work."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsattn.batch.manifest import rows
from tsattn.errors import OutputError
from tsattn.plan import Plan

if TYPE_CHECKING:
    import sqlite3

    from tsattn.shapes.verifier import Verdict


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A video that a batch asks for.

    `key` is the hash of everything that determines the video, and `prompt_id` the prompt's name in the batch. `events` is
    what a judge asks about: the spec's own list, else the words of the plan's events. `tags` are the prompt's classes. `model`
    and `method` are named as in the spec.
    """

    key: str
    prompt_id: str
    prompt: str
    plan: Plan
    events: tuple[str, ...]
    tags: tuple[str, ...]
    model: str
    method: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Finished(Wanted):
    """A video of a batch that is made.

    `video` is the MP4 file, not opened or checked here, with `frames` frames at `fps` frames per second; `seconds` is how long
    it took, all passes of its method together. `verdict` is the exact verifier's, on the embedded model. `sha256` is that of
    the bytes that were written.
    """

    video: Path
    frames: int
    fps: float
    seconds: float
    verdict: Verdict | None
    sha256: str

    def check(self) -> None:
        """Read the file, if it is there. Raises `OutputError` where it holds other bytes than were written."""
        if _hash(self.video) not in (None, self.sha256):
            raise OutputError(
                f"{self.video} is damaged: it holds other bytes than were written; delete it and start the batch again"
            )


@dataclass(frozen=True, kw_only=True)
class Unfinished(Wanted):
    """A video that is not made; `state` is "pending", "running" or "failed"."""

    state: str
    error: str | None


def finished(folder: str | Path) -> list[Finished]:
    """The videos that a folder's latest spec asks for and that are made.

    Ordered by model, prompt, seed and method, each as in the spec. Raises `OutputError` where the folder holds no batch, or its
    manifest cannot be read.
    """
    folder = Path(folder)
    return [
        Finished(
            **_identity(row),
            video=folder / row["video"],
            frames=row["frames"],
            fps=row["fps"],
            seconds=row["seconds"],
            verdict=_verdict(row["verdict"]),
            sha256=row["sha256"],
        )
        for row in rows(folder, "position IS NOT NULL AND state = 'done'")
    ]


def unfinished(folder: str | Path) -> list[Unfinished]:
    """The videos that a folder's latest spec asks for and that are not made; raises as `finished` does."""
    found = rows(Path(folder), "position IS NOT NULL AND state != 'done'")
    return [Unfinished(**_identity(row), state=row["state"], error=row["error"]) for row in found]


def damaged(folder: str | Path) -> list[Path]:
    """The videos that are made but missing, or hold other bytes than were written; reads them all."""
    return [
        Path(folder) / row["video"]
        for row in rows(Path(folder), "state = 'done'")
        if _hash(Path(folder) / row["video"]) != row["sha256"]
    ]


def _identity(row: sqlite3.Row) -> dict[str, Any]:
    known = {name: row[name] for name in ("key", "prompt_id", "prompt", "model", "method", "seed")}
    lists = {name: tuple(json.loads(row[name])) for name in ("events", "tags")}
    return {**known, **lists, "plan": Plan.model_validate(json.loads(row["definition"])["plan"])}


def _verdict(text: str | None) -> Verdict | None:
    from tsattn.shapes.verifier import Verdict

    return None if text is None else Verdict(**json.loads(text))


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
