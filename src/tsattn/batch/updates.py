"""What workers hand to engines, and engines to whoever runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tsattn.batch.jobs import Job


class Record(NamedTuple):
    """What was measured when a video was made."""

    frames: int
    fps: float
    seconds: float
    """Of the pipeline's run, all passes together."""
    peak_memory: int | None
    """Bytes: on a GPU of the call's tensors; else of the worker's process, the most so far; None where unknown."""
    worker: str
    environment: dict[str, Any]
    """Versions, device and threads."""
    verdict: dict[str, Any] | None
    """The exact verifier's, on the embedded model."""
    size: int
    """Of the video, in bytes."""
    sha256: str


class Made(NamedTuple):
    """A finished video: the bytes of its MP4 file."""

    video: bytes
    record: Record


class Failed(NamedTuple):
    """A job that could not be done, and why, in one line."""

    error: str


class Unopened(NamedTuple):
    """A model that a worker could not open, and why, in one line; the job was not begun, and another worker may do it."""

    error: str


@dataclass(frozen=True)
class Started:
    """A worker has begun a job."""

    job: Job
    worker: str


@dataclass(frozen=True)
class Ended:
    """A job is over."""

    job: Job
    result: Made | Failed


@dataclass(frozen=True)
class Lost:
    """A job's worker is gone; the job waits again."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Note:
    """Something a person wants to know."""

    text: str


Update = Started | Ended | Lost | Note
