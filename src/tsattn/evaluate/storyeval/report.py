"""Runs side by side: as Markdown, as one HTML page with the pictures in it, as CSV, and as pictures."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tsattn.errors import OutputError
from tsattn.evaluate.intervals import Interval
from tsattn.evaluate.storyeval.layout import Result
from tsattn.evaluate.storyeval.protocol import read_template
from tsattn.evaluate.storyeval.runs import MORE, Rated
from tsattn.evaluate.storyeval.score import PAPER, prompt_score
from tsattn.evaluate.tables import csv_text, markdown_table, plain
from tsattn.video import moved_into_place

FILES = ("report.md", "report.html", "scores.csv", "gains.csv", "prompts.csv")
PICTURES = ("scores.svg", "gains.svg")


def write_report(folder: Path, rated: Sequence[Rated], *, compat: bool, pictures: bool) -> list[Path]:
    """Write the report into a folder. Raises `OutputError` where that cannot be, `EvaluationError` without matplotlib."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder with -o") from error
    drawn: dict[str, str] = {}
    if pictures:
        from tsattn.evaluate.storyeval.plots import draw_gains, draw_scores

        drawn["scores.svg"] = draw_scores(rated)
        if any(one.gains for one in rated):
            drawn["gains.svg"] = draw_gains(rated)
    text = as_markdown(rated, list(drawn), compat=compat)
    contents = {
        "report.md": text,
        "report.html": as_html(text, drawn),
        "scores.csv": csv_text(_score_rows(rated)),
        "gains.csv": csv_text(_gain_rows(rated)),
        "prompts.csv": csv_text(_prompt_rows(rated)),
        **drawn,
    }
    for name, content in contents.items():
        with moved_into_place(folder / name) as part:
            part.write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def as_markdown(rated: Sequence[Rated], pictures: Sequence[str], *, compat: bool) -> str:
    """The report as Markdown."""
    parts = ["# StoryEval report", "Scores in percent, the best of each column in bold.", _paper_table(rated)]
    if "scores.svg" in pictures:
        parts.append("![Score of each run by class](scores.svg)")
    parts += ["## Further scores", _more_table(rated)]
    if any(one.gains for one in rated):
        parts += ["## What is gained", _gain_table(rated)]
        if "gains.svg" in pictures:
            parts.append("![Gain over the baseline by class](gains.svg)")
    parts += ["## What is unscored", _unscored_table(rated, compat=compat)]
    parts += ["## How to read this", _NOTES]
    return "\n\n".join(parts) + "\n"


def as_html(markdown: str, pictures: dict[str, str]) -> str:
    """A page with everything in it, of Markdown and the SVG of its pictures."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    for name, svg in pictures.items():
        shown = svg[svg.index("<svg") :]
        body = re.sub(rf'<img src="{re.escape(name)}" alt="[^"]*" />', lambda _, shown=shown: shown, body)  # type: ignore[misc]
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return read_template("report.html").replace("$body", body)


_NOTES = """\
* An event is done where every round of the judge that gave a verdict says so. A prompt scores the share of its events that
  are done; a class, and the average, is the mean over its prompts.
* Intervals hold 95 % of 10,000 draws of prompts with replacement, each prompt with all its seeds. Each holds by
  itself: of twenty, one misses.
* A gain compares the same prompts and seeds in both runs; what is missing or unscored in one is left out of both.
* What is unscored has a reason and is no zero: it is left out, unless the table above says that it counts. An *empty list* is
  the benchmark's own way to leave a video without a verdict; it counts as 0 there and here."""


def _paper_table(rated: Sequence[Rated]) -> str:
    heads = ["run", *("Average" if name == "all" else name.capitalize() for name in PAPER), "95 % interval"]
    best = {name: max((one.scores.classes[name] or 0.0 for one in rated), default=0.0) for name in PAPER}
    rows = [
        [
            plain(one.run.label),
            *(_bold(_percent(one.scores.classes[name]), one.scores.classes[name] == best[name] > 0) for name in PAPER),
            _bounds(one.average),
        ]
        for one in rated
    ]
    return markdown_table(heads, rows)


def _more_table(rated: Sequence[Rated]) -> str:
    heads = ["run", "Medium", "2 events", "3 events", "4 events", "prompts with all events", "events", "videos"]
    rows = [
        [
            plain(one.run.label),
            *(_percent(one.scores.classes[name]) for name in MORE),
            _percent(one.scores.complete),
            _percent(one.scores.micro),
            f"{one.scores.counted}",
        ]
        for one in rated
    ]
    return markdown_table(heads, rows)


def _gain_table(rated: Sequence[Rated]) -> str:
    heads = ["run", "gain in points", "95 % interval", "better", "same", "worse", "pairs", "left out"]
    rows = []
    for one in rated:
        if one.gains:
            whole = one.gains["all"]
            gain = "–" if whole.gain is None else f"{100 * whole.gain.mean:+.1f}"
            figures = (whole.wins, whole.ties, whole.losses, whole.pairs, whole.left_out)
            rows.append([plain(one.run.label), gain, _bounds(whole.gain, sign="+"), *map(str, figures)])
    base = next(one.run.label for one in rated if not one.gains)
    return f"Beside {plain(base)}, paired by prompt and seed.\n\n{markdown_table(heads, rows)}"


def _unscored_table(rated: Sequence[Rated], *, compat: bool) -> str:
    rows = []
    for one in rated:
        for reason, number in sorted(reasons(one.run.results).items()):
            counts_as = "0" if compat or reason == "empty list" else "left out"
            rows.append([plain(one.run.label), plain(reason), str(number), counts_as])
    return markdown_table(["run", "reason", "videos", "counted as"], rows) if rows else "Nothing."


def reasons(results: Iterable[Result]) -> Counter[str]:
    """How many results have no list, by reason in a word or two."""
    return Counter((r.unscored or "empty list").partition(":")[0] for r in results if not r.completion)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _bounds(found: Interval | None, *, sign: str = "") -> str:
    return "–" if found is None else f"{100 * found.low:{sign}.1f} to {100 * found.high:{sign}.1f}"


def _bold(text: str, wanted: bool) -> str:
    return f"**{text}**" if wanted else text


def _score_rows(rated: Sequence[Rated]) -> Iterable[Sequence[object]]:
    yield "run", "measure", "value"
    for one in rated:
        more = {"all_events_complete": one.scores.complete, "event_micro": one.scores.micro}
        low_high = {} if one.average is None else {"all_low": one.average.low, "all_high": one.average.high}
        counted = {"counted": one.scores.counted, "total": one.scores.total}
        for name, value in {**one.scores.flat(), **low_high, **more, **counted}.items():
            yield one.run.label, name, value


def _gain_rows(rated: Sequence[Rated]) -> Iterable[Sequence[object]]:
    yield "run", "class", "gain", "low", "high", "wins", "ties", "losses", "pairs", "left_out"
    for one in rated:
        for name, found in one.gains.items():
            yield one.run.label, name, *(found.gain or (None, None, None)), *found[1:]


def _prompt_rows(rated: Sequence[Rated]) -> Iterable[Sequence[object]]:
    yield "run", "video", "seed", "score", "completion_list_avg", "unscored"
    for one in rated:
        for result in one.run.results:
            value = None if result.unscored else prompt_score(result)
            shares = json.dumps(list(result.completion))
            yield one.run.label, result.name, result.seed, value, shares, result.unscored
