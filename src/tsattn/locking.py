"""A folder that one run at a time works in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tsattn.errors import OutputError


@contextmanager
def held(folder: Path, *, doing: str = "is at work") -> Iterator[None]:
    """Hold a folder, made where it is not there, for one run; the system lets go of it when the process ends, however.

    Raises `OutputError` where another run holds it, saying what it is `doing` there, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"another run {doing} in {folder}; wait for it, stop it, or choose another folder with -o"
        ) from error
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to {folder}: {reason}; choose another folder with -o") from error
    try:
        yield
    finally:
        lock.release()


def in_use(folder: Path) -> bool:
    """Whether a run holds a folder. False also where that cannot be told, as in a folder that is read-only."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
