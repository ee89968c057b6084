"""Running a batch: spec → jobs → those that are missing → engine → files and manifest.

The order of writing makes it safe to kill: first the record beside the video, then the video, each complete or absent, then the
manifest. A video is done when it is there; where the manifest does not know of it yet, it is found by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from tsattn.batch import outputs
from tsattn.batch.engine_serial import SerialEngine
from tsattn.batch.jobs import Job, expand
from tsattn.batch.manifest import Manifest
from tsattn.batch.spec import Spec
from tsattn.batch.updates import Ended, Failed, Lost, Made, Note, Record, Started, Update


class Engine(Protocol):
    """What does jobs, in any order. It may be closed at any time and then leaves no process behind."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Update]:
        """Do all of them."""


class Progress(Protocol):
    """Who wants to know how a run goes."""

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        """All jobs, and those of them that are not done yet."""

    def tell(self, update: Update) -> None:
        """What has just happened, and is stored already."""


class Silence:
    """A progress that nobody wants to know."""

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        """Say nothing."""

    def tell(self, update: Update) -> None:
        """Say nothing."""


def run(spec: Spec, folder: str | Path, engine: Engine | None = None, progress: Progress | None = None) -> None:
    """Make all videos of a spec that a folder does not hold yet.

    The engine is the serial one unless another is given. Jobs that fail are recorded, and the rest goes on. Raises
    `BatchError`, `PlanError` or `ModelError` where the spec cannot be run, before anything is written, and `OutputError`
    where another run is at work in the folder, or where it or a worker's folder for temporary files cannot be written to; what
    is done by then stays done, and the next run goes on from there.
    """
    run_jobs(expand(spec), Path(folder), engine or SerialEngine(), progress or Silence())


def run_jobs(jobs: Sequence[Job], folder: Path, engine: Engine, progress: Progress) -> None:
    """The same for jobs."""
    with outputs.locked(folder), Manifest(folder) as manifest:
        missing = _missing(jobs, folder, manifest)
        progress.begin(jobs, missing)
        with closing(engine(missing)) as updates:  # type: ignore[type-var]
            for update in updates:
                _store(update, folder, manifest)
                progress.tell(update)


def _store(update: Update, folder: Path, manifest: Manifest) -> None:
    match update:
        case Started(job, worker):
            manifest.start(job.key, worker)
        case Lost(job, reason):
            manifest.wait(job.key, reason)
        case Ended(job, Failed(error)):
            manifest.fail(job.key, error)
        case Ended(job, Made(video, record)):
            about = {"key": job.key, **job.definition, "made": record._asdict()}
            outputs.write(folder / job.video.with_suffix(".json"), json.dumps(about).encode())
            outputs.write(folder / job.video, video)
            manifest.finish(job.key, record)
        case Note():
            pass


def _missing(jobs: Sequence[Job], folder: Path, manifest: Manifest) -> list[Job]:
    """The jobs that are not done; those that are, but unknown to the manifest, become known to it."""
    done = manifest.want(jobs)
    missing = []
    for job in jobs:
        if job.key in done and _size(folder / done[job.key][0]) == done[job.key][1]:
            continue
        if (record := _found(folder / job.video, job.key)) is not None:
            manifest.finish(job.key, record)
            continue
        if job.key in done:
            manifest.wait(job.key, "its video was gone or had another size")
        missing.append(job)
    return missing


def _found(video: Path, key: str) -> Record | None:
    """The record beside a video, if both are whole and of this job."""
    size = _size(video)
    if size is None:
        return None
    try:
        about = json.loads(video.with_suffix(".json").read_bytes())
        record = Record(**about["made"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return record if about.get("key") == key and record.size == size else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
