"""Files of a batch's folder: one run at a time, each file complete or absent, no name from the outside as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsattn.errors import OutputError
from tsattn.locking import held
from tsattn.video import moved_into_place

LONGEST_SLUG = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.ASCII)


def slug(text: str) -> str:
    """A text as a part of a file name on any system: lower-case ASCII letters and digits, and hyphens between them."""
    plain = unicodedata.normalize("NFKD", text[:1000]).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-") or "x"
    return f"{name}-x" if _RESERVED.fullmatch(name) else name


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a batch's folder, swept of what a killed run left. Raises `OutputError` as `locking.held`."""
    with held(folder):
        _sweep(folder)
        yield


def write(path: Path, content: bytes) -> None:
    """Write a file in one step. Raises `OutputError` where that cannot be.

    After a power failure it may be shorter than it was; its size, which the manifest holds, tells.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    with moved_into_place(path) as part:
        part.write_bytes(content)


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed had begun to write."""
    for part in (folder / "videos").glob("*/*/.*.part"):
        part.unlink(missing_ok=True)
