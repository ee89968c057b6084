"""Jobs and workers that cost nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

from tsattn.batch.jobs import Job
from tsattn.batch.updates import Failed, Made, Record, Unopened
from tsattn.errors import OutputError
from tsattn.methods import METHODS
from tsattn.plan import Plan
from tsattn.settings import Settings

PLAN = Plan.model_validate(
    {
        "prompt": "A red circle moves right, then grows",
        "subjects": [{"text": "red circle", "events": [{"text": "moves right"}, {"text": "grows"}]}],
    }
)
SETTINGS = Settings(height=64, width=64, frames=25, fps=8.0, steps=1, guidance=4.0)


def job(name: str, *, model: str = "toy", **changes) -> Job:
    """A job of this name."""
    facts = {
        "key": hashlib.sha256(f"{model} {name}".encode()).hexdigest(), "prompt_id": name, "plan": PLAN,
        "events": ("moves right", "grows"), "tags": ("object",), "model": model, "source": model,
        "fingerprint": hashlib.sha256(model.encode()).hexdigest(), "method": "vanilla", "how": METHODS["vanilla"],
        "settings": SETTINGS,
    }  # fmt: skip
    return Job(**{**facts, **changes})


def made(job: Job) -> Made:
    """The video of a job: bytes that only it has."""
    video = f"video of {job.prompt_id}".encode()
    return Made(
        video, Record(25, 8.0, 0.5, 1000, "toy", {"torch": "1"}, None, len(video), hashlib.sha256(video).hexdigest())
    )


class Toy:
    """Makes bytes at once. What a job's name begins with, it does: "fail", "full", "die", "die once", or "meet" the other one.

    The name ends with a file's. A model that is "broken" cannot be opened, and one that is "broken once" not the first time.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def hello(self) -> str:
        return f"toy:{os.getpid()}"

    def do(self, job: Job, image: bytes | None) -> Made | Failed | Unopened:
        if job.model.startswith("broken") and not (opened := Path(job.model.split()[-1])).exists():
            if job.model.startswith("broken once"):
                opened.touch()
            return Unopened("its weights are cut off")
        if job.prompt_id.startswith("fail"):
            return Failed("as its name says")
        if job.prompt_id.startswith("full"):
            raise OutputError("no room; make some") from OSError(errno.ENOSPC, "No space left on device")
        mark = Path(job.prompt_id.split()[-1])
        if job.prompt_id.startswith("meet"):
            mark.touch()
            while len(list(mark.parent.iterdir())) < 2:
                time.sleep(0.05)
        if job.prompt_id.startswith("die") and not mark.exists():
            if job.prompt_id.startswith("die once"):
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return made(job)


class Unable(Toy):
    """Cannot start."""

    def __init__(self, threads: int) -> None:
        raise RuntimeError("no such library")


class Handle(SimpleNamespace):
    """A worker on a machine, or on none yet."""

    machine: int | None = None
    __hash__ = object.__hash__


class Machines:
    """Stands for Ray: a worker has a machine to itself, or waits for one, and finds some models broken on some machines."""

    exceptions = SimpleNamespace(RayError=RuntimeError, RayTaskError=RuntimeError)

    def __init__(self, count: int, broken: set[tuple[int, str]]) -> None:
        self.free, self.broken = list(range(count)), broken
        self.queue: list[Handle] = []

    def start(self) -> Handle:
        actor = Handle()
        actor.hello = SimpleNamespace(remote=lambda: (actor, lambda: str(actor.machine)))
        do = SimpleNamespace(remote=lambda job, image: (actor, lambda: self._done(actor.machine, job)))
        actor.do = SimpleNamespace(options=lambda name: do)
        self.queue.append(actor)
        return actor

    def _done(self, machine: int, job: Job) -> Made | Unopened:
        return Unopened("cut off") if (machine, job.model) in self.broken else made(job)

    def wait(self, calls, *, num_returns: int, timeout: float):
        while self.free and self.queue:
            self.queue.pop(0).machine = self.free.pop()
        ready = [call for call in calls if call[0].machine is not None]
        assert ready, "it would wait for ever"
        return ready[:num_returns], []

    def get(self, call):
        return call[1]()

    def kill(self, actor: Handle) -> None:
        self.free.append(actor.machine)


class Watcher:
    """A progress that remembers everything."""

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        self.jobs, self.missing, self.updates = list(jobs), list(missing), []

    def tell(self, update) -> None:
        self.updates.append(update)

    def of(self, kind: type) -> Iterator:
        return (update for update in self.updates if isinstance(update, kind))
