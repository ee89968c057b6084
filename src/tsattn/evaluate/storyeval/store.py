"""Every reply of the judge, kept: one SQLite file, because it writes a reply whole or not at all.

A judging is a program whose only input is the judge's replies, so to resume it is to run it again: what was answered is
read from here, and only the rest is asked. Nothing is ever deleted. What a later run asks again stays, no longer current.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tsattn.errors import OutputError

FILE = "replies.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS judged (judging TEXT PRIMARY KEY, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS replies (
    id INTEGER PRIMARY KEY,
    judging TEXT NOT NULL REFERENCES judged, round INTEGER NOT NULL, step TEXT NOT NULL, ask INTEGER NOT NULL,
    current INTEGER NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL, cut_off INTEGER NOT NULL,
    tokens_asked INTEGER NOT NULL, tokens_answered INTEGER NOT NULL, seconds REAL NOT NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE TABLE IF NOT EXISTS broken (judging TEXT PRIMARY KEY, why TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS one_current ON replies (judging, round, step, ask) WHERE current;
CREATE INDEX IF NOT EXISTS failures ON replies (judging, round) WHERE outcome = 'failed';
"""


class Place(NamedTuple):
    """Which reply: of which judging (a hash of all that determines it), round, step (describe or score) and ask."""

    judging: str
    round: int
    step: str
    ask: int


class Reply(NamedTuple):
    """An outcome, `said`, `refused` or `failed`; its text, or the reason; and tokens, the server's or else estimated."""

    outcome: str
    text: str
    cut_off: bool = False
    tokens_asked: int = 0
    tokens_answered: int = 0
    seconds: float = 0.0


class Store:
    """The replies kept in a folder, for one process at a time and any of its threads. A context manager.

    Its methods raise `OutputError` where the file is damaged, locked by another run, or cannot be written; what was kept
    before stays kept.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another with -o") from None
        with self._explained():
            self._db = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("BEGIN EXCLUSIVE")
                for statement in _SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._db.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._db.close()

    def about(self, judging: str, facts: Mapping[str, object]) -> None:
        """Keep what a judging is about: for people who look into the file, and its "judge" for `tokens`."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO judged VALUES (?, ?)", (judging, json.dumps(facts, ensure_ascii=False)))

    def keep_broken(self, judging: str, why: str) -> None:
        """Keep why the video of a judging cannot be decoded. A judging is of its bytes, so this is so for good."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO broken VALUES (?, ?)", (judging, why))

    def broken(self, judging: str) -> str | None:
        """Why the video of a judging cannot be decoded, None where that is not known."""
        found = self._read("SELECT why FROM broken WHERE judging = ?", (judging,))
        return str(found[0][0]) if found else None

    def reply(self, place: Place) -> Reply | None:
        """The current reply, None where there is none."""
        found = self._read(
            "SELECT outcome, text, cut_off, tokens_asked, tokens_answered, seconds FROM replies"
            " WHERE judging = ? AND round = ? AND step = ? AND ask = ? AND current",
            place,
        )
        return Reply(*found[0]) if found else None

    def keep(self, place: Place, reply: Reply) -> None:
        """Keep a reply. A failure is kept as news only: it will be asked again."""
        current = reply.outcome != "failed"
        with self._writing() as db:
            db.execute(
                "INSERT INTO replies (judging, round, step, ask, current, outcome, text, cut_off, tokens_asked,"
                " tokens_answered, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*place, current, *reply),
            )

    def last_failure(self, judging: str, round: int) -> str | None:
        """Why a round failed when it was last tried, None where it did not."""
        found = self._read(
            "SELECT text FROM replies WHERE judging = ? AND round = ? AND outcome = 'failed' ORDER BY id DESC LIMIT 1",
            (judging, round),
        )
        return str(found[0][0]) if found else None

    def latest_failure(self, judging: str) -> int:
        """When a judging failed last, as a number that grows with every reply kept; 0 where it never did."""
        query = "SELECT coalesce(max(id), 0) FROM replies WHERE judging = ? AND outcome = 'failed'"
        return int(self._read(query, (judging,))[0][0])

    def ask_again(self, judging: str, round: int) -> None:
        """Let all that was asked in a round count no more."""
        with self._writing() as db:
            db.execute("UPDATE replies SET current = 0 WHERE judging = ? AND round = ?", (judging, round))

    def tokens(self, judge: str) -> tuple[int, int]:
        """Tokens of all questions to a judge and of all its answers that were ever kept, by the "judge" of `about`."""
        asked, answered = self._read(
            "SELECT total(tokens_asked), total(tokens_answered) FROM replies JOIN judged USING (judging)"
            " WHERE json_extract(about, '$.judge') = ?",
            (judge,),
        )[0]
        return int(asked), int(answered)

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            yield self._db

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise OutputError(
                    f"another run writes to {self.path}; wait for it to end, or choose another folder with -o"
                ) from None
            raise OutputError(
                f"cannot write {self.path}: {error}; nothing that was kept is lost, give it room and the right to write"
            ) from None
        except sqlite3.DatabaseError as error:
            raise OutputError(
                f"{self.path} is damaged ({error}); restore it from a copy, or move it away to judge from the start"
            ) from None
