"""Changes to live objects that can be taken back to the last trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsattn.errors import ControlError

_ABSENT = object()


class Undo:
    """A stack of changes. Each is recorded before it is made and remembers where the old value lived."""

    def __init__(self) -> None:
        self._stack: list[tuple[Callable[[], bool], Callable[[], None], str]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute on the instance; taking it back restores the very object, or its absence there."""
        before = vars(owner).get(name, _ABSENT)

        def unchanged() -> bool:
            return vars(owner).get(name, _ABSENT) is value

        def restore() -> None:
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._stack.append((unchanged, restore, f"{type(owner).__name__}.{name}"))
        setattr(owner, name, value)

    def call(self, restore: Callable[[], None]) -> None:
        """Remember a call that takes back a change."""
        self._stack.append((lambda: True, restore, ""))

    def replaced(self) -> list[str]:
        """Attributes that someone else has changed since, by name."""
        return [name for unchanged, _, name in self._stack if not unchanged()]

    def all(self) -> None:
        """Take everything back, newest first.

        Raises `ControlError`, after restoring all the rest, where someone else has changed an attribute meanwhile: theirs
        may hold on to ours, so putting the old one back could break it.
        """
        foreign = self.replaced()
        while self._stack:
            unchanged, restore, _ = self._stack.pop()
            if unchanged():
                restore()
        if foreign:
            raise ControlError(
                f"{', '.join(sorted(set(foreign)))} changed while tsattn was on, so it was left as it is; switch tsattn "
                "off before fusing projections, setting processors or replacing pipeline methods"
            )
