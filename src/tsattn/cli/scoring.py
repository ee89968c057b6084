"""`tsattn eval score` and `tsattn eval report`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from tsattn.cli.generating import check_folder
from tsattn.evaluate.storyeval.layout import read_results
from tsattn.evaluate.storyeval.report import FILES, PICTURES, reasons, write_report
from tsattn.evaluate.storyeval.runs import rate, read_runs
from tsattn.evaluate.storyeval.score import CLASSES, COUNTS, counts, score


def show_score(file: Path, *, as_json: bool, compat: bool) -> None:
    """Print the scores of a results file."""
    results = read_results(file)
    scores = score(results, compat=compat)
    averaged = [result for result in results if counts(result, compat=compat)]
    if as_json:
        print(json.dumps(scores.flat()))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("", "score in percent", "prompts"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in ("all", *CLASSES, *COUNTS):
        number = sum(name in ("all", *result.classes) for result in averaged)
        table.add_row(name.replace("_", " "), _percent(scores.classes[name]), str(number))
    table.add_section()
    table.add_row("prompts with all events", _percent(scores.complete), str(scores.counted))
    table.add_row("events", _percent(scores.micro), "")
    console = Console()
    console.print(table)
    for reason, number in reasons(results).most_common():
        counted = "counted as 0" if compat or reason == "empty list" else "left out"
        console.print(f"unscored: {reason}  {number}, {counted}", markup=False, highlight=False)


def make_report(
    files: Sequence[str], output: Path, *, baseline: str | None, pictures: bool, compat: bool, overwrite: bool
) -> None:
    """Write a report of results files into a folder."""
    rated = rate(read_runs(files), baseline, compat=compat)
    check_folder(output, (*FILES, *PICTURES), overwrite=overwrite)
    written = write_report(output, rated, compat=compat, pictures=pictures)
    typer.echo(f"written to {output}: {', '.join(path.name for path in written)}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"
