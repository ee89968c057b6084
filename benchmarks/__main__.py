"""Speed and memory, each figure beside the model alone in one run.

    python -m benchmarks [cross parts block idle joint generation scaling start] [--rounds 5] [--quick] [-o out/bench]

Prints tables, and writes results.json and plots. Without a name everything is measured, which takes more than an hour on two
cores; --quick takes the small sizes only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging
from rich.console import Console
from rich.table import Table

from benchmarks import generation, idle, layers, parts, plots, scaling, start
from benchmarks.measure import machine
from tsattn.attention.region import Grid

CONSOLE = Console()
GRIDS = {2000: Grid(5, 20, 20), 8000: Grid(5, 40, 40), 33000: Grid(21, 30, 52)}
"""Grids by about how many tokens they have; the last is a 480p video of five seconds on Wan 2.1."""
EVERY = ["vanilla", "controlled", "idle", "dense bias", "released", "released, dense"]
DENSE = ("dense bias", "released, dense")
JOINT = {2000: Grid(5, 20, 20), 8000: Grid(5, 40, 40)}


def block(rounds: int, quick: bool) -> list[layers.Case]:
    """Cross-attention and block of Wan 2.1 1.3B and 14B."""
    cases = [("1.3B", number) for number in list(GRIDS)[:2]]
    if not quick:
        cases += [("14B", min(GRIDS)), ("1.3B", max(GRIDS))]
    found = []
    for size, number in cases:
        # at 33 k tokens, and in 14B, a pass takes up to a minute
        ways, times = (EVERY, rounds) if (size, number) in cases[:2] else (EVERY[:3], min(rounds, 2))
        found.append(layers.measure(f"Wan {size}", layers.wan_layer(size), GRIDS[number], rounds=times, ways=ways))
        show_layer(found[-1])
    return found


def cross(rounds: int, quick: bool) -> list[layers.Case]:
    """Cross-attention of Wan 2.1 1.3B alone, with a short prompt, a long one, and one of two subjects."""
    layer, found = layers.cross_attention("1.3B"), []
    for subjects, length in ((1, 20), (1, 80), (2, 100)):
        plan = scaling.plan_of(3, subjects, length=length, tokenizer=layer.pipe.tokenizer)
        name = f"Wan 1.3B cross-attention, {subjects} subject{'s' * (subjects > 1)}"
        ways = EVERY if subjects == 1 else [way for way in EVERY if way not in DENSE]  # they know one subject
        found.append(layers.measure(name, layer, GRIDS[2000 if quick else 8000], rounds=rounds, ways=ways, plan=plan))
        show_layer(found[-1])
    return found


def shares(rounds: int, quick: bool) -> parts.Case:
    """Where a controlled layer's time goes."""
    found = parts.measure(GRIDS[2000 if quick else 8000], rounds=rounds)
    rows = [(name, f"{percent:.2f}") for name, percent in found.percent.items()]
    show(f"Wan 1.3B cross-attention under control: {found.tokens} tokens, {found.seconds:.2f} s", ("part", "%"), rows)
    if torch.cuda.is_available():
        CONSOLE.print(f"one pass launched {found.launches} kernels and waited {found.waits} times for the device")
    return found


def attached(rounds: int, quick: bool) -> idle.Case:
    """Control that is attached and does nothing."""
    found = idle.measure(rounds=rounds)
    rows = [(f"{found.alone:.0f}", ratio(found.added))]
    show(f"attached but idle: {found.blocks} tiny blocks", ("block alone, µs", "added, µs"), rows)
    return found


def joint(rounds: int, quick: bool) -> list[layers.Case]:
    """The joint attention of CogVideoX 5B."""
    found = []
    for number, grid in JOINT.items():
        if quick and number > 2000:
            continue
        # at 8 k tokens a dense bias would be 48 x 8.2 k x 8.2 k numbers, 13 GB
        ways = ["vanilla", "controlled", "idle"] + ["dense bias"] * (number == 2000)
        found.append(layers.measure("CogVideoX 5B", layers.cogvideox_layer(), grid, rounds=rounds, ways=ways))
        show_layer(found[-1])
    return found


def whole(rounds: int, quick: bool) -> list[generation.Case]:
    """Whole generations."""
    found = [generation.embedded(rounds=rounds)]
    if not quick:
        found.append(generation.mid_size(rounds=rounds))
    for case in found:
        title = f"{case.model}: {case.tokens} tokens, {case.steps} steps"
        rows = [
            (
                name, str(case.work[name].calls), str(case.work[name].tokens),
                f"{case.work[name].gigabytes / case.work['vanilla'].gigabytes:.3f}",
                f"{case.work[name].gigaflops / case.work['vanilla'].gigaflops:.4f}",
                f"{case.seconds[name]['whole run']:.2f}", ratio(case.ratios[name]["whole run"]),
            )
            for name in case.seconds
        ]  # fmt: skip
        show(title, ("method", "calls", "tokens", "x bytes", "x flops", "seconds", "x vanilla"), rows)
    return found


def growth(rounds: int, quick: bool) -> dict[str, Any]:
    """What the cost grows with."""
    points, slopes = scaling.measure()
    rows = [
        (
            p.axis, f"{p.at:g}", f"{p.vanilla.gigabytes:.2f}", f"{p.added.gigabytes:.3f}", f"{p.added.operations:.0f}",
            f"{100 * p.added.gigaflops / p.vanilla.gigaflops:.2f}",
        )
        for p in points
    ]  # fmt: skip
    show("Wan 1.3B cross-attention", ("axis", "at", "GB alone", "GB added", "operations added", "% flops added"), rows)
    show("added bytes grow", ("with", "by", ""), [(s.axis, f"{s.value:.2f}", s.unit) for s in slopes])
    return {"points": points, "slopes": slopes}


def waiting(rounds: int, quick: bool) -> list[start.Case]:
    """Cold starts."""
    found = start.measure(rounds=rounds)
    show("cold start", ("command", "seconds"), [(case.what, ratio(case.seconds)) for case in found])
    return found


PARTS: dict[str, Callable[[int, bool], Any]] = {
    "cross": cross, "parts": shares, "block": block, "idle": attached, "joint": joint, "generation": whole, "scaling": growth, "start": waiting,
}  # fmt: skip


def show_layer(case: layers.Case) -> None:
    """A table of one layer."""
    base = case.peak["vanilla"]
    rows = [
        (
            way,
            f"{seconds['attention']:.3f}", ratio(case.ratios[way]["attention"]),
            f"{seconds['block']:.2f}", ratio(case.ratios[way]["block"]),
            f"{100 * (case.peak[way] - base) / base:+.1f} %",
        )
        for way, seconds in case.seconds.items()
    ]  # fmt: skip
    title = f"{case.layer}: {case.tokens} video tokens, {case.columns} tokens of prompt, {case.rounds} rounds"
    show(title, ("way", "attention s", "x vanilla", "block s", "x vanilla", "peak memory"), rows)


def ratio(value: Any) -> str:
    """Median and extremes."""
    return f"{value.median:.3f} ({value.smallest:.3f} to {value.largest:.3f})"


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A table."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    CONSOLE.print(table)


def plain(value: Any) -> Any:
    """Named tuples as mappings, for JSON."""
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


@torch.no_grad()
def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="what to measure (default: everything)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/bench"))
    options = parser.parse_args()
    logging.disable_progress_bar()
    options.output.mkdir(parents=True, exist_ok=True)
    file, results = options.output / "results.json", dict[str, Any]()
    if file.exists():  # parts measured earlier stay, each with the machine and the versions of its own run
        results = json.loads(file.read_text())
    CONSOLE.print(machine())
    for name in options.parts or PARTS:
        results[name] = {"machine": machine(), "found": plain(PARTS[name](options.rounds, options.quick))}
        file.write_text(json.dumps(results, indent=2) + "\n")
    for picture in plots.draw({name: part["found"] for name, part in results.items()}, options.output):
        CONSOLE.print(f"written: {picture}")


if __name__ == "__main__":
    main()
