"""Which held-out prompts tell a story that training has, too: `python -m training.seen docs/effect` splits a folder's outcomes.

The world is small: a colour, a shape and a row of events that a final prompt names can be those of a training scene, whose place,
size, bounds, background and noise are others. What a method does on the prompts that tell a story of no training scene
says whether it only repeats what was learned by heart.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from training.common import scene_of
from training.data import SOURCES, Source
from tsattn.evaluate.shapes.cases import Case
from tsattn.evaluate.shapes.figures import FIGURES, PRIMARY
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.records import FILE
from tsattn.shapes.world import Role, Scene

Story = frozenset[Role]
"""What a prompt tells of each subject: colour, shape and row of events."""


class Kept(NamedTuple):
    """An outcome of one method, and of which prompt."""

    method: str
    case: Case
    outcome: Outcome


def story(scene: Scene) -> Story:
    """The story of a scene."""
    return frozenset(actor.role for actor in scene.actors)


def learned(source: Source = SOURCES[0]) -> set[Story]:
    """The stories of a source of scenes, by default the one that the default recipe trains on."""
    return {story(scene_of(seed, stage=source.stage, mix=source.mix)) for seed in range(source.count)}


def outcomes(folder: Path, *, events: int) -> list[Kept]:
    """The outcomes in a folder on final prompts of so many events with uniform segments."""
    lines = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    return [
        Kept(line["method"], Case((events,), line["seed"], line["number"], True), Outcome(**line["outcome"]))
        for line in lines
        if line["final"] and line["segments"] == "uniform" and line["events"] == [events]
    ]


def split(kept: list[Kept], known: set[Story]) -> dict[str, tuple[list[float], list[float]]]:
    """The primary figure of each video by method: on prompts whose story is known, and on all others."""
    seen = {case: story(case.scene) in known for case in {one.case for one in kept}}
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for one in kept:
        value = FIGURES[PRIMARY].of(one.outcome)
        found[one.method][0 if seen[one.case] else 1].append(float(value or 0))
    return dict(found)


def main() -> None:
    """Print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"folder with an {FILE} of one set of weights")
    parser.add_argument("--events", type=int, default=3, help="number of events")
    options = parser.parse_args()
    print("percent of events in segment with the subject kept (prompts): story in training; not in training")
    for method, groups in split(outcomes(options.folder, events=options.events), learned()).items():
        told = (f"{100 * sum(group) / len(group):.1f} ({len(group)})" if group else "none" for group in groups)
        print(f"{method}: {'; '.join(told)}")


if __name__ == "__main__":
    main()
