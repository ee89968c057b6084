"""Which held-out prompts tell a story that training has, too: `python -m training.seen docs/effect` splits a folder's outcomes.

The world is small: a colour, a shape and a row of events that a final prompt names can be those of a training scene, whose place,
size, bounds, background and noise are others. What a method does on the prompts that tell a story of no training scene
says whether it only repeats what was learned by heart.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from training.common import scene_of
from training.data import SOURCES, Source
from tsattn.evaluate.shapes.figures import FIGURES, PRIMARY
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.records import Records
from tsattn.evaluate.shapes.trials import Matrix
from tsattn.fingerprint import fingerprint
from tsattn.generate import EMBEDDED, describe
from tsattn.methods import METHODS, method_named
from tsattn.shapes.world import Role, Scene

Story = frozenset[Role]
"""What a prompt tells of each subject: colour, shape and row of events."""


def story(scene: Scene) -> Story:
    """The story of a scene."""
    return frozenset(actor.role for actor in scene.actors)


def learned(source: Source = SOURCES[0]) -> set[Story]:
    """The stories of a source of scenes, by default the one that the default recipe trains on."""
    return {story(scene_of(seed, stage=source.stage, mix=source.mix)) for seed in range(source.count)}


def measured(folder: Path, matrix: Matrix, model: str = EMBEDDED) -> list[Measured]:
    """The trials of a matrix that a folder of outcomes holds, of this model's present weights."""
    facts = describe(model)
    weights = fingerprint(facts)
    with Records(folder) as records:
        kept = {trial: records.kept.get(trial.key(weights)) for trial in matrix.trials(facts.settings)}
    return [Measured(trial, outcome) for trial, outcome in kept.items() if outcome is not None]


def split(found: Iterable[Measured], known: set[Story]) -> dict[str, tuple[list[float], list[float]]]:
    """The primary figure of each video by method: on prompts whose story is known, and on all others."""
    parts: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for trial, outcome in found:
        value = FIGURES[PRIMARY].of(outcome)
        parts[trial.method][0 if story(trial.case.scene) in known else 1].append(float(value or 0))
    return dict(parts)


def main() -> None:
    """Print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with the outcomes of tsattn eval shapes --final")
    parser.add_argument("--model", default=EMBEDDED, help="whose outcomes")
    parser.add_argument("--method", nargs="+", default=list(METHODS), help="as tsattn eval shapes names them")
    parser.add_argument("--events", type=int, default=3, help="number of events")
    parser.add_argument("--n", type=int, default=300, help="number of prompts")
    options = parser.parse_args()
    methods = {name: method_named(name) for name in options.method}
    matrix = Matrix(methods=methods, events=(options.events,), n=options.n, final=True)
    print("percent of events in segment with the subject kept (prompts): story in training; not in training")
    for method, groups in split(measured(options.folder, matrix, options.model), learned()).items():
        told = (f"{100 * sum(group) / len(group):.1f} ({len(group)})" if group else "none" for group in groups)
        print(f"{method}: {'; '.join(told)}")


if __name__ == "__main__":
    main()
