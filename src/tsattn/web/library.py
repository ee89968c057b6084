"""The runs that browsers made or loaded, each in a folder of its own, for as long as the server runs."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsattn.inspect.diagnosis import Finding
    from tsattn.runs import Saved

MOST_KEPT = 24
"""Runs kept for one browser; the oldest goes first."""


@dataclass(frozen=True)
class Entry:
    """A run on disk. Its `id` cannot be guessed, and names its folder in addresses."""

    id: str
    folder: Path
    saved: Saved
    findings: Sequence[Finding] = ()
    loaded: bool = False
    """Whether it came from a file."""
    at: float = field(default_factory=time.time)
    """When it was made or loaded, in seconds since 1970."""

    def files(self) -> list[str]:
        """The names of its files."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())


class Library:
    """All entries, by the browser that they belong to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries: dict[str, list[Entry]] = {}
        self._lock = threading.Lock()

    def add(
        self, owner: str, fill: Callable[[Path], tuple[Saved, Sequence[Finding]]], *, loaded: bool = False
    ) -> Entry:
        """A new entry whose folder `fill` fills; where that raises, nothing is left of it."""
        name = secrets.token_urlsafe(16)
        folder = self._root / name
        folder.mkdir(parents=True)
        try:
            saved, findings = fill(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        entry = Entry(name, folder, saved, findings, loaded)
        with self._lock:
            mine = self._entries.setdefault(owner, [])
            mine.insert(0, entry)
            for old in mine[MOST_KEPT:]:
                shutil.rmtree(old.folder, ignore_errors=True)
            del mine[MOST_KEPT:]
        return entry

    def of(self, owner: str) -> list[Entry]:
        """A browser's entries, the latest first."""
        with self._lock:
            return list(self._entries.get(owner, ()))

    def find(self, owner: str, name: object) -> Entry | None:
        """A browser's entry of this id."""
        return next((entry for entry in self.of(owner) if entry.id == name), None)

    def file(self, owner: str, name: str, file: str) -> Path | None:
        """A file of a browser's entry, None where there is no such file."""
        entry = self.find(owner, name)
        return entry.folder / file if entry is not None and file in entry.files() else None
