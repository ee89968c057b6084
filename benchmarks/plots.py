"""Pictures of `results.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """One picture for each part that was measured."""
    made = {part: _layers(results[part]) for part in ("cross", "block", "joint") if results.get(part)}
    if "parts" in results:
        percent = results["parts"]["percent"]
        made["parts"] = _bars(list(percent), [_exactly(value) for value in percent.values()], "% of the layer's time")
    if "idle" in results:
        made["idle"] = _bars(["attached but idle"], [results["idle"]["added"]], "added to a block (µs)")
    if "generation" in results:
        runs = [(case, way) for case in results["generation"] for way in case["ratios"] if way != "vanilla"]
        labels = [f"{way}\n{case['model']}" for case, way in runs]
        ratios = [case["ratios"][way]["whole run"] for case, way in runs]
        made["generation"] = _bars(labels, ratios, "time of a whole run (x model alone)", line=1)
    if "scaling" in results:
        made["scaling"] = _scaling(results["scaling"])
    if "start" in results:
        cases = results["start"]
        made["start"] = _bars([case["what"] for case in cases], [case["seconds"] for case in cases], "seconds")
    files = []
    for part, figure in made.items():
        files.append(folder / f"{part}.png")
        figure.savefig(files[-1], dpi=120)
        plt.close(figure)
    return files


def _exactly(value: float) -> dict[str, float]:
    return {"median": value, "smallest": value, "largest": value}


def _bars(labels: list[str], ratios: list[dict[str, float]], axis: str, *, line: float | None = None) -> Figure:
    """One bar for each label, as far as the median; its line spans the rounds."""
    figure, axes = plt.subplots(figsize=(8, 1 + 0.5 * len(labels)), layout="constrained")
    middle, reach = _spans(ratios)
    axes.barh(labels, middle, xerr=reach, capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    if line is not None:
        axes.axvline(line, color="black", linewidth=1)
    return figure


def _spans(ratios: list[dict[str, float]]) -> tuple[list[float], list[list[float]]]:
    """Medians, and how far the extremes lie below and above them."""
    middle = [ratio["median"] for ratio in ratios]
    return middle, [
        [r["median"] - r["smallest"] for r in ratios], [r["largest"] - r["median"] for r in ratios],
    ]  # fmt: skip


def _layers(cases: list[dict[str, Any]]) -> Figure:
    """Relative to the model alone: time of the attention, time of its block, and the attention's peak memory."""
    figure, rows = plt.subplots(3, 1, figsize=(8, 8), sharex=True, layout="constrained")
    labels = [f"{case['layer']}\n{case['tokens']} tokens" for case in cases]
    ways = list(dict.fromkeys(way for case in cases for way in case["ratios"] if way != "vanilla"))
    width = 1 / (len(ways) + 1)
    for number, way in enumerate(ways):
        chosen = [case for case in cases if way in case["ratios"]]
        at = [cases.index(case) + (number - len(ways) / 2 + 0.5) * width for case in chosen]
        for axes, part in zip(rows, ("attention", "block"), strict=False):
            middle, reach = _spans([case["ratios"][way][part] for case in chosen])
            axes.bar(at, middle, width, yerr=reach, label=way, capsize=3)
        rows[2].bar(at, [case["peak"][way] / case["peak"]["vanilla"] for case in chosen], width)
    for axes, what in zip(rows, ("time of the attention", "time of the block", "peak memory"), strict=True):
        axes.axhline(1, color="black", linewidth=1)
        axes.set_ylabel(f"{what}\n(x model alone)")
    rows[0].legend(ncols=len(ways), fontsize="small")
    rows[2].set_xticks(range(len(cases)), labels)
    return figure


def _scaling(results: dict[str, Any]) -> Figure:
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
    return figure
