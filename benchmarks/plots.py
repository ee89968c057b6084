"""Pictures of `results.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """One picture for each part that was measured."""
    written = [
        _layers(results[part], folder / f"{part}.png") for part in ("cross", "block", "joint") if results.get(part)
    ]
    if "scaling" in results:
        written.append(_scaling(results["scaling"], folder / "scaling.png"))
    return written


def _layers(cases: list[dict[str, Any]], file: Path) -> Path:
    """Time relative to the model alone, attention above and block below; bars span the rounds."""
    figure, rows = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    labels = [f"{case['layer']}\n{case['tokens']} tokens" for case in cases]
    ways = list(dict.fromkeys(way for case in cases for way in case["ratios"] if way != "vanilla"))
    for axes, part in zip(rows, ("attention", "block"), strict=True):
        for number, way in enumerate(ways):
            at = [
                k + (number - len(ways) / 2 + 0.5) / (len(ways) + 1)
                for k, case in enumerate(cases)
                if way in case["ratios"]
            ]
            ratios = [case["ratios"][way][part] for case in cases if way in case["ratios"]]
            middle = [ratio["median"] for ratio in ratios]
            reach = [[r["median"] - r["smallest"] for r in ratios], [r["largest"] - r["median"] for r in ratios]]
            axes.bar(at, middle, 1 / (len(ways) + 1), yerr=reach, label=way, capsize=3)
        axes.axhline(1, color="black", linewidth=1)
        axes.set_ylabel(f"time of the {part}\n(x model alone)")
    rows[0].legend(ncols=len(ways), fontsize="small")
    rows[1].set_xticks(range(len(cases)), labels)
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file


def _scaling(results: dict[str, Any], file: Path) -> Path:
    """Bytes that the layer moves, and those that TS-Attn adds, along each axis."""
    axes_of = {"tokens": "video tokens", "events": "events", "subjects": "subjects", "prompt": "tokens of the prompt"}
    figure, row = plt.subplots(1, len(axes_of), figsize=(14, 3.5), layout="constrained")
    for axes, (axis, title) in zip(row, axes_of.items(), strict=True):
        points = [point for point in results["points"] if point["axis"] == axis]
        at = [point["at"] for point in points]
        for name, label in (("vanilla", "layer alone"), ("added", "added by TS-Attn")):
            axes.plot(at, [point[name]["gigabytes"] for point in points], "o-", label=label)
        axes.set_xlabel(title)
        axes.set_ylim(bottom=0)
    row[0].set_ylabel("read and written (GB)")
    row[0].legend(fontsize="small")
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file
