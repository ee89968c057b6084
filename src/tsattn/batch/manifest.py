"""What is done, what is not and why: one SQLite file in the batch's folder.

SQLite, because it comes with Python, survives being killed at any moment, and lets everybody read while one writes
(write-ahead log). DuckDB is made for analysis: a second process cannot read what a first one writes, and it would have
to be installed. Only the process that runs the batch writes, never a worker, so that there is nothing to agree on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tsattn.batch.jobs import Job
from tsattn.batch.updates import Record
from tsattn.errors import OutputError

NAME = "manifest.sqlite"
VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY,
    position INTEGER,              -- in the latest spec; NULL where only an earlier one asked for it
    prompt_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    model TEXT NOT NULL,
    method TEXT NOT NULL,
    seed INTEGER NOT NULL,
    events TEXT NOT NULL,          -- JSON list
    tags TEXT NOT NULL,            -- JSON list
    definition TEXT NOT NULL,      -- JSON: all that the key is the hash of
    video TEXT NOT NULL,           -- path in this folder
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    frames INTEGER,
    fps REAL,
    seconds REAL,
    peak_memory INTEGER,
    worker TEXT,
    environment TEXT,              -- JSON: versions, device, threads
    verdict TEXT,                  -- JSON
    size INTEGER,
    sha256 TEXT,
    changed TEXT                   -- time of the latest change of state, UTC
)
"""
_ADD = """
INSERT INTO jobs (key, position, prompt_id, prompt, model, method, seed, events, tags, definition, video, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')
ON CONFLICT (key) DO UPDATE SET
    position = excluded.position, prompt_id = excluded.prompt_id, model = excluded.model, method = excluded.method,
    events = excluded.events, tags = excluded.tags,
    video = CASE state WHEN 'done' THEN video ELSE excluded.video END
"""
_DONE = f"""
UPDATE jobs SET state = 'done', error = NULL, changed = ?, {", ".join(f"{field} = ?" for field in Record._fields)}
WHERE key = ?
"""


class Manifest:
    """The manifest of a folder, open for writing; `with` closes it. Raises `OutputError` where it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        with _explained(self.path):
            self._db = sqlite3.connect(self.path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        _check_version(self._db, self.path)
        self._db.execute(_TABLE)
        self._db.execute(f"PRAGMA user_version = {VERSION}")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close; what was running waits again."""
        with _explained(self.path):
            try:
                self._db.execute("UPDATE jobs SET state = 'pending' WHERE state = 'running'")
            finally:
                self._db.close()

    def want(self, jobs: Iterable[Job]) -> dict[str, tuple[str, int]]:
        """Make these the jobs that are asked for, and set all but the done ones to wait.

        Returns path and size of the video of each that is done, by key.
        """
        with _explained(self.path), self._transaction():
            self._db.execute("UPDATE jobs SET position = NULL")
            self._db.executemany(_ADD, (_row(position, job) for position, job in enumerate(jobs)))
            self._db.execute("UPDATE jobs SET state = 'pending', attempts = 0, error = NULL WHERE state != 'done'")
            rows = self._db.execute(
                "SELECT key, video, size FROM jobs WHERE state = 'done' AND position IS NOT NULL"
            ).fetchall()
        return {key: (video, size) for key, video, size in rows}

    def start(self, key: str, worker: str) -> None:
        """A job runs."""
        self._set("state = 'running', attempts = attempts + 1, worker = ?", worker, key=key)

    def wait(self, key: str, reason: str | None = None) -> None:
        """A job waits, again or because its video is gone."""
        self._set("state = 'pending', error = ?", reason, key=key)

    def fail(self, key: str, error: str) -> None:
        """A job could not be done."""
        self._set("state = 'failed', error = ?", error, key=key)

    def finish(self, key: str, record: Record) -> None:
        """A job is done and its video in place."""
        values = [json.dumps(value) if isinstance(value, dict) else value for value in record]
        with _explained(self.path):
            self._db.execute(_DONE, (_now(), *values, key))

    def _set(self, change: str, value: str | None, *, key: str) -> None:
        with _explained(self.path):
            self._db.execute(f"UPDATE jobs SET changed = ?, {change} WHERE key = ?", (_now(), value, key))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # on a full disk, SQLite has rolled back already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def rows(folder: Path, where: str = "position IS NOT NULL") -> list[sqlite3.Row]:
    """The jobs of a folder in the order of its spec, also while a run is at work in it, changing nothing.

    Raises `OutputError` where the folder holds no batch, or one that cannot be read.
    """
    path = folder / NAME
    if not path.is_file():
        raise OutputError(
            f"{folder} holds no batch: it has no {NAME}; `tsattn batch run SPEC.yaml -o {folder}` makes one"
        )
    with _explained(path):
        try:
            return _select(path, "mode=ro", where)
        except sqlite3.OperationalError:
            if Path(f"{path}-wal").exists():
                raise
            # in a folder that cannot be written to, a manifest at rest can be read only as one that never changes
            return _select(path, "immutable=1", where)


def _select(path: Path, mode: str, where: str) -> list[sqlite3.Row]:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
    try:
        db.row_factory = sqlite3.Row
        _check_version(db, path)
        return db.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY position").fetchall()
    finally:
        db.close()


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise OutputError(f"{path} is of version {version}, but this tsattn knows up to {VERSION}; update tsattn")


def _row(position: int, job: Job) -> tuple[Any, ...]:
    return (
        job.key, position, job.prompt_id, job.plan.prompt, job.model, job.method, job.settings.seed,
        json.dumps(job.events), json.dumps(job.tags), json.dumps(job.definition), job.video.as_posix(),
    )  # fmt: skip


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into an `OutputError` that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"cannot use {path}: {error}; what is done is safe. Make room, or make it writable, and start again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise OutputError(
            f"{path} is damaged ({error}); move it away and start again: videos that are done are found again by the "
            "files beside them"
        ) from error
