"""How long a person waits before anything happens, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from benchmarks.measure import Ratio, spread

FIRST_STEP = """
import os, sys
from tsattn.generate import EMBEDDED, describe, open_model
from tsattn.methods import METHODS, make_video
from tsattn.plan import parse

model = open_model(describe(EMBEDDED))
make_video(model, parse(sys.argv[1]), model.facts.settings, METHODS["ts-attn"], on_step=lambda: os._exit(0))
"""
"""A process that ends with the first step of a video."""
PROMPT = "A red circle moves right, then moves up, and then grows"


class Case(NamedTuple):
    """Seconds until a command is done."""

    what: str
    seconds: Ratio


def measure(*, rounds: int) -> list[Case]:
    """Time the commands; files are in the system's cache from a first run that does not count."""
    with tempfile.TemporaryDirectory() as folder:
        one_step = ["generate", PROMPT, "--steps", "1", "--no-compare", "--overwrite", "-o", folder]
        commands = {
            "python -c pass": ["-c", "pass"],
            "import tsattn": ["-c", "import tsattn"],
            "tsattn --help": ["-m", "tsattn", "--help"],
            "tsattn plan show": ["-m", "tsattn", "plan", "show", PROMPT],
            "to the first step": ["-c", FIRST_STEP, PROMPT],
            "a video of one step": ["-m", "tsattn", *one_step],
        }
        return [Case(name, _timed(command, rounds)) for name, command in commands.items()]


def _timed(command: list[str], rounds: int) -> Ratio:
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return spread(taken[1:])
