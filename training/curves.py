"""The curves of the trainings that are kept: `python -m training.curves` draws training/logs into docs/images/training.png."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

LOGS = Path(__file__).parent / "logs"
PICTURE = Path("docs/images/training.png")


def draw(logs: Path, picture: Path) -> None:
    """A panel for each log, its losses over the steps, in the order in which they were made."""
    import matplotlib.pyplot as plt

    files = sorted(logs.glob("*/*.jsonl"), key=lambda file: (file.stem != "vae", ORDER.index(file.parent.name)))
    figure, axes = plt.subplots(len(files), 1, figsize=(8, 2.1 * len(files)), layout="constrained", squeeze=False)
    for axis, file in zip(axes[:, 0], files, strict=True):
        for name, points in losses(file).items():
            axis.plot(*zip(*points, strict=True), label=name)
        axis.set_title(
            f"{file.parent.name}, {'autoencoder' if file.stem == 'vae' else file.stem}", loc="left", fontsize=9
        )
        axis.set_yscale("log")
        axis.legend(fontsize=7, loc="upper right")
    axes[-1, 0].set_xlabel("step")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=80, metadata={"Software": None})
    plt.close(figure)


ORDER = (
    "early",
    "stretches",
    "high-noise",
    "mixed",
    "refined",
    "seed-6",
    "seed-7",
    "seed-8",
    "seed-9",
    "seed-8-longer",
    "seed-9-longer",
    "i2v",
    "pairs",
    "pairs-half",
    "looking",
    "where",
)
"""The trainings of docs/embedded-model.md, the first one first."""


def losses(file: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of every loss of a log. What was done again after a cut counts once, as it was the last time."""
    found = defaultdict[str, list[tuple[int, float]]](list)
    for line in file.read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        step = int(entry.pop("step"))
        for name, value in entry.items():
            if name.startswith(("loss", "where", "when")):
                found[name] = [*(point for point in found[name] if point[0] < step), (step, float(value))]
    return found


if __name__ == "__main__":
    draw(LOGS, PICTURE)
