"""How well the offline parser reads the sentences of `tests/plan/sentences`, and how fast; `--misses` lists what it misses.

Both files hold prompts with the subjects and events that a person finds in them. The parser was developed on one; of the
other only the figures were looked at. An answer is right where it agrees with any of those the file gives for a prompt:

    count     as many events
    subject   as many subjects, of the same head nouns
    words     every subject's events word for word
    found     every event's words stand in the prompt where the plan says
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tsattn.errors import PlanError
from tsattn.plan import Plan, parse

FOLDER = Path(__file__).parents[1] / "tests" / "plan" / "sentences"
SETS = ("development", "held_out")
LOAD = "import time; s = time.perf_counter(); from tsattn.plan import parse; parse('A cat jumps'); print(time.perf_counter() - s)"

_AFTER_HEAD = re.compile(
    r"\s+(?:of|in|on|at|with|from|by|near|under|behind|next to|inside|beside|without|for|to)\s.*| \"[^\"]*\""
)

Rows = list[tuple[str, list[str]]]


class Score(NamedTuple):
    """What is right of one prompt."""

    count: bool
    subject: bool
    words: bool
    found: bool


def rows(plan: Plan) -> Rows:
    """Each subject with its events, as texts."""
    return [(subject.text, [event.text for event in subject.events]) for subject in plan.subjects]


def answers(entry: dict[str, Any]) -> list[Rows]:
    """Every answer that is right for an entry."""
    return [[(row["text"], row["events"]) for row in answer] for answer in (entry["subjects"], *entry.get("also", ()))]


def head(phrase: str) -> str:
    """The head noun of a subject: its last word before any "of ...", "in ..."."""
    return _AFTER_HEAD.sub("", phrase).split()[-1].lower()


def score(entry: dict[str, Any]) -> tuple[Score, Rows]:
    """Parse one entry and compare."""
    try:
        plan = parse(entry["prompt"])
    except PlanError:
        return Score(False, False, False, True), []
    told, expected = rows(plan), answers(entry)
    found = all(plan.prompt[slice(*event.span)] == event.text for subject in plan.subjects for event in subject.events)
    return (
        Score(
            count=any(_count(told) == _count(answer) for answer in expected),
            subject=any(_heads(told) == _heads(answer) for answer in expected),
            words=any(
                sorted(events for _, events in told) == sorted(events for _, events in answer) for answer in expected
            ),
            found=found,
        ),
        told,
    )


def _count(answer: Rows) -> int:
    return sum(len(events) for _, events in answer)


def _heads(answer: Rows) -> list[str]:
    return sorted(head(subject) for subject, _ in answer)


def evaluate(entries: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Score, Rows]]:
    """Score every entry."""
    return [(entry, *score(entry)) for entry in entries]


def load(name: str) -> list[dict[str, Any]]:
    """The entries of a set."""
    entries: list[dict[str, Any]] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return entries


def shares(scores: list[Score]) -> str:
    """The share of prompts that are right, in percent, for each of the measures."""
    return "".join(f"{100 * statistics.mean(column):9.1f}" for column in zip(*scores, strict=True))


def report(name: str, *, misses: bool) -> None:
    """Print the figures of one set."""
    entries = load(name)
    results = evaluate(entries)
    groups: dict[str, list[Score]] = defaultdict(list)
    for entry, right, _ in results:
        groups[entry["construction"]].append(right)
    print(f"\n{name + ', %':24}{'prompts':>9}{'count':>9}{'subject':>9}{'words':>9}{'found':>9}")
    print(f"{'all':24}{len(results):9}{shares([right for _, right, _ in results])}")
    for construction in sorted(groups):
        print(f"  {construction:22}{len(groups[construction]):9}{shares(groups[construction])}")
    times = sorted(_milliseconds(entry["prompt"]) for entry in entries)
    print(f"{'time of one prompt, ms':24}{statistics.median(times):9.1f} median{times[-1]:9.1f} longest")
    if misses:
        for entry, right, told in results:
            if not all(right):
                wrong = ", ".join(measure for measure in Score._fields if not getattr(right, measure))
                print(f"\n[{entry['construction']}] {wrong}: {entry['prompt']}")
                print(f"    parsed    {told}\n    expected  {answers(entry)[0]}")


def _milliseconds(prompt: str) -> float:
    start = time.perf_counter()
    with suppress(PlanError):
        parse(prompt)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description="Accuracy and speed of the offline parser.")
    arguments.add_argument("sets", nargs="*", metavar="SET", help="of development and held_out; both unless named")
    arguments.add_argument("--misses", action="store_true", help="also print each prompt that is not entirely right")
    options = arguments.parse_args()
    for name in options.sets or SETS:
        report(name, misses=options.misses)
    loads = [
        float(subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    print(f"\nload and first prompt in a new process: {min(loads):.2f} s")


if __name__ == "__main__":
    main()
