"""`tsattn eval shapes`: progress on the terminal, figures as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tsattn.errors import PlanError
from tsattn.evaluate.shapes import evaluate
from tsattn.methods import COMPARED, check_method


def run_shapes(*, events: int, n: int, seed: int, methods: Sequence[str] | None, as_json: bool) -> None:
    """Run the evaluation. Raises `PlanError` for a method that there is not."""
    names = list(dict.fromkeys(methods or COMPARED))
    for option, value, least, most in (("events", events, 1, 4), ("n", n, 1, 10**6), ("seed", seed, 0, 2**63 - 1)):
        if not least <= value <= most:
            raise PlanError(f"--{option} must be from {least} to {most}, but got {value}")
    for name in names:
        check_method(name)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("videos", total=n * len(names))
        result = evaluate(events=events, n=n, seed=seed, methods=names, on_video=lambda: progress.advance(task))
    if as_json:
        print(json.dumps(result))
        return
    table = Table(title=f"{result['world']}: {n} prompts with {events} event{'s' * (events > 1)}, seed {seed}")
    scores: dict[str, dict[str, float]] = result["methods"]  # type: ignore[assignment]
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    for figure in next(iter(scores.values())):
        table.add_row(figure, *(f"{score[figure]:.3f}" for score in scores.values()))
    Console().print(table)
