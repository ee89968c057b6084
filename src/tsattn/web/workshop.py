"""Where runs are made: one at a time, in the order asked for, each with its progress, and each can be cancelled.

A page only follows a job; closing it stops nothing, and a page that is opened later can follow it, too.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tsattn.errors import TsattnError
from tsattn.web.messages import told

Stage = Literal["waiting", "opening", "running", "drawing", "done", "cancelled", "failed"]
OVER = ("done", "cancelled", "failed")
MOST_WAITING = 3
"""Jobs of one browser that may wait or run at a time ..."""
MOST_WAITING_IN_ALL = 20
"""... and of all browsers."""


class BusyError(TsattnError):
    """More runs are asked for than may wait."""


class Cancelled(Exception):
    """Raised inside a run to end it."""


@dataclass
class Job:
    """A run that was asked for. `work` does it, and calls `step` after every denoising step with the video's name."""

    owner: str
    """The browser that asked."""
    steps: int
    """Denoising steps of each video."""
    videos: tuple[str, ...]
    work: Callable[[Job], Any]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    stage: Stage = "waiting"
    done: dict[str, int] = field(default_factory=dict)
    """Denoising steps done of each video."""
    result: Any = None
    """What `work` gave back."""
    error: str = ""
    began: float = 0.0
    """When denoising began, and when its latest step was done, in seconds of a clock that only runs."""
    stepped: float = 0.0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.stage in OVER

    def enter(self, stage: Stage) -> None:
        """The job begins its next stage. Raises `Cancelled` where it shall end."""
        if self.stopping.is_set():
            raise Cancelled
        if stage == "running":
            self.began = time.monotonic()
        self.stage = stage

    def step(self, video: str) -> None:
        """A denoising step of a video is done. Raises `Cancelled` where the job shall end."""
        self.done[video] = self.done.get(video, 0) + 1
        self.stepped = time.monotonic()
        if self.stopping.is_set():
            raise Cancelled


class Workshop:
    """Does jobs in a thread of its own, so that the page stays quick and one model is in memory."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="tsattn-workshop", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises `BusyError` where too many wait."""
        with self._changed:
            mine = sum(other.owner == job.owner for other in self._jobs)
            if mine >= MOST_WAITING:
                raise BusyError(f"{mine} of your runs are waiting or running; cancel one, or wait for it")
            if len(self._jobs) >= MOST_WAITING_IN_ALL:
                raise BusyError(f"{len(self._jobs)} runs are waiting; try again in a while")
            self._jobs.append(job)
            self._changed.notify()

    def ahead(self, job: Job) -> int:
        """How many jobs come before this one."""
        with self._changed:
            return self._jobs.index(job) if job in self._jobs else 0

    def active(self, owner: str) -> Job | None:
        """The latest job of a browser that is not over."""
        with self._changed:
            return next((job for job in reversed(self._jobs) if job.owner == owner), None)

    def find(self, owner: str, name: object) -> Job | None:
        """A browser's job of this id, None where it has none or that is over."""
        with self._changed:
            return next((job for job in self._jobs if job.owner == owner and job.id == name), None)

    def cancel(self, job: Job) -> None:
        """End a job: at once where it waits, after the step that it is in where it runs."""
        with self._changed:
            job.stopping.set()
            if job.stage == "waiting":
                job.stage = "cancelled"
                self._jobs.remove(job)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
                job = self._jobs[0]
                job.stage = "opening"
            outcome: Stage = "failed"
            try:
                job.result = job.work(job)
                outcome = "done"
            except Cancelled:
                outcome = "cancelled"
            except Exception as error:  # whatever a model raises must not end the workshop
                job.error = told(error)
            with self._changed:
                self._jobs.remove(job)
                job.stage = outcome
