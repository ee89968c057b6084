"""Outcomes on disk: one line of JSON for each trial, appended, so that a run that is killed at any moment loses only what was
under way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tsattn.errors import EvaluationError, OutputError
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.locking import held

FILE = "outcomes.jsonl"
_OUTCOME = TypeAdapter(Outcome)


class Records:
    """The outcomes kept in a folder, by key, for one run at a time. A context manager.

    Raises `OutputError` where another run holds the folder, or it cannot be written to, `EvaluationError` where a line of it
    cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._hold = ExitStack()
        self._hold.enter_context(held(folder, doing="measures"))
        try:
            self.kept = self._read()
        except BaseException:
            self._hold.close()
            raise

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self._hold.close()

    def add(self, found: Mapping[str, tuple[Outcome, Mapping[str, Any]]]) -> None:
        """Keep outcomes by key, each with what it is about for people, all or none of them."""
        lines = [{"key": key, **about, "outcome": outcome._asdict()} for key, (outcome, about) in found.items()]
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {self._path}: {error.strerror}; what was kept before is still there"
            ) from error
        self.kept.update({key: outcome for key, (outcome, _) in found.items()})

    def _read(self) -> dict[str, Outcome]:
        if not self._path.exists():
            return {}
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if content[whole:].endswith(b"}}"):  # a person saved the file without its last line break
            with self._path.open("ab") as file:
                file.write(b"\n")
            whole = len(content)
        elif whole < len(content):  # a run was killed while it wrote this line
            os.truncate(self._path, whole)
        lines = content[:whole].splitlines()
        return dict(self._outcome(number, line) for number, line in enumerate(lines, start=1))

    def _outcome(self, number: int, text: bytes) -> tuple[str, Outcome]:
        try:
            line = json.loads(text)
            return str(line["key"]), _OUTCOME.validate_python(line["outcome"])
        except (ValueError, LookupError, TypeError) as error:
            raise EvaluationError(
                f"line {number} of {self._path} is no outcome; delete the line, and it is measured again"
            ) from error
