"""The command line: nouns are groups, verbs are commands. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import warnings
from contextlib import suppress
from typing import Any

from tsattn.cli.app import app
from tsattn.errors import PlanWarning, TsattnError

__all__ = ["app", "main"]

IMPORT_CHATTER = ("torchao", "torch.utils._pytree", "diffusers.quantizers")
"""Loggers that warn, where torchao is installed, of parts of it that this machine cannot load: diffusers imports it always."""


def main() -> None:
    """Run the command line; expected errors become one clear line and exit code 2, warnings a line each."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without the characters of a picture gets question marks
            stream.reconfigure(errors="replace")
    _print_plan_warnings()
    for name in IMPORT_CHATTER:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:  # it is where it was closed before
                sys.stdout.flush()
    except TsattnError as error:
        print(f"tsattn: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        with suppress(OSError):  # what is left in the buffer is not tried again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:  # whoever reads has gone, and knows it
            sys.exit(1)
        print(
            "tsattn: the output cannot be written, there is no space left; make room, or write elsewhere",
            file=sys.stderr,
        )
        sys.exit(2)


def _print_plan_warnings() -> None:
    """Show each `PlanWarning` once as a line of its own, at once and without the place in the code."""
    others, seen = warnings.showwarning, set[str]()

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if not issubclass(category, PlanWarning):
            others(message, category, *place)
        elif str(message) not in seen:
            seen.add(str(message))
            print(f"tsattn: warning: {message}", file=sys.stderr)

    warnings.simplefilter("always", PlanWarning)
    warnings.showwarning = show  # type: ignore[assignment]
