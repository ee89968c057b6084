"""The command line: nouns are groups, verbs are commands. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import sys

from tsattn.cli.app import app
from tsattn.errors import TsattnError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; expected errors become one clear line and exit code 2."""
    try:
        app()
    except TsattnError as error:
        print(f"tsattn: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
