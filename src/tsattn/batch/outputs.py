"""Files of a batch's folder: one run at a time, each file complete or absent, no name from the outside as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tsattn.errors import OutputError
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
    """Hold a folder, made where it is not there, for one run; the system lets go of it when the process ends, however.

    Raises `OutputError` where another run holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"another run is at work in {folder}; wait for it, stop it, or choose another folder with -o"
        ) from error
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to {folder}: {reason}; choose another folder with -o") from error
    try:
        _sweep(folder)
        yield
    finally:
        lock.release()


def in_use(folder: Path) -> bool:
    """Whether a run is at work in a folder. False also where that cannot be told, as in a folder that is read-only."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False


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
