"""`tsattn eval judge`: find the videos, show the cost, ask, write results."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.cost import Budget, LimitReached, Preview, preview, read_price
from tsattn.evaluate.storyeval.items import Item, Video, VideoSet, find_videos, read_items
from tsattn.evaluate.storyeval.judges import EndpointJudge, Judge, LocalJudge
from tsattn.evaluate.storyeval.judging import Case, Judging, prepare
from tsattn.evaluate.storyeval.layout import entry, file_name, read_results, write_results
from tsattn.evaluate.storyeval.protocol import GPT4O, LLAVA, PROTOCOLS, Protocol
from tsattn.evaluate.storyeval.report import reasons
from tsattn.evaluate.storyeval.rounds import Reason
from tsattn.evaluate.storyeval.score import score
from tsattn.evaluate.storyeval.store import Store
from tsattn.plan.chat import OPENAI, Endpoint, Usage
from tsattn.video import sweep

MANIFEST = "manifest.sqlite"
"""The file by which the folder of a batch is known."""
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


class Who(NamedTuple):
    """The options that choose a judge."""

    model: str | None
    base_url: str | None
    key_file: Path | None
    local: str | None
    device: str | None
    concurrency: int
    per_minute: float | None
    timeout: float
    retries: int

    @property
    def name(self) -> str:
        """The judge's name. Raises `EvaluationError` unless there is one."""
        if (self.model is None) == (self.local is None):
            raise EvaluationError("name one judge: --model NAME for a server, or --local NAME for one on this machine")
        return str(self.model or self.local)

    @property
    def endpoint(self) -> Endpoint:
        """Where the judge is asked."""
        return Endpoint(
            model=self.name,
            base_url=self.base_url or OPENAI,
            timeout=self.timeout,
            retries=self.retries,
            key_file=self.key_file,
        )


class How(NamedTuple):
    """The options that say how to judge, and for how much."""

    protocol: str | None
    rounds: int | None
    prices: Path | None
    max_cost: float | None
    preview: bool
    yes: bool
    ask_again: bool
    compat: bool


def run_judge(folder: Path, prompts: str | None, output: Path, *, who: Who, how: How) -> None:
    """Judge the videos of a folder, and write replies and results into another."""
    console, name = Console(stderr=True), who.name
    if who.local is None:
        _ = who.endpoint  # an address that cannot be one fails here
    price = None if how.prices is None else read_price(how.prices, name)
    if how.max_cost is not None and price is None:
        raise EvaluationError("--max-cost needs --prices, a table with the price of the judge")
    sets = videos_in(folder, prompts)
    paths = _paths(output, sets, name)
    protocol = PROTOCOLS[how.protocol] if how.protocol else (LLAVA if who.local else GPT4O)
    protocol = replace(protocol, repeats=how.rounds or protocol.repeats)
    with Store(output) as store:
        sweep(output, "*.json")
        cases = _look_at(sets, name, protocol, console)
        judging = Judging(chain.from_iterable(of for _, of in cases), protocol, store)
        if how.ask_again:
            judging.ask_again()
        budget = Budget(price, how.max_cost, price.of(Usage(*store.tokens(name))) if price else 0.0)
        _show_preview(judging, name, protocol, budget, console)
        if how.preview:
            return
        if judging.unfinished() and who.local is None:
            _consent(yes=how.yes)
        try:
            _ask(judging, who, budget, console)
        finally:
            _write(paths, cases, judging, name, compat=how.compat)
            why = _show_results(paths, budget.spent if price else None)
    if why[Reason.FAILED.value]:
        raise typer.Exit(1)


def videos_in(folder: Path, prompts: str | None) -> list[VideoSet]:
    """The videos of a batch, or those of the prompts. Raises `EvaluationError` where there are none."""
    if (folder / MANIFEST).is_file():
        if prompts is not None:
            raise EvaluationError(f"{folder} is a batch, which knows its prompts; leave out --prompts")
        return _of_batch(folder)
    if prompts is None:
        raise EvaluationError(f"{folder} is no batch, so --prompts must say which videos it should hold")
    return find_videos(folder, read_items(prompts))


def _of_batch(folder: Path) -> list[VideoSet]:
    from tsattn.batch import finished, unfinished

    sets: dict[tuple[str, str, int], list[Video]] = {}
    for job in finished(folder):
        job.check()
        item = Item(f"{job.prompt_id}.mp4", job.prompt, job.events, job.tags)
        sets.setdefault((job.model, job.method, job.seed), []).append(Video(item, job.video))
    for gap in unfinished(folder):
        item = Item(f"{gap.prompt_id}.mp4", gap.prompt, gap.events, gap.tags)
        video = Video(item, folder / item.name, absent=gap.error or f"its job is {gap.state}")
        sets.setdefault((gap.model, gap.method, gap.seed), []).append(video)
    return [VideoSet(f"{model} {method}", seed, tuple(of)) for (model, method, seed), of in sets.items()]


def _look_at(
    sets: Sequence[VideoSet], judge: str, protocol: Protocol, console: Console
) -> list[tuple[VideoSet, list[Case]]]:
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        task = progress.add_task("looking at videos", total=sum(len(one.videos) for one in sets))

        def look(video: Video) -> Case:
            progress.advance(task)
            return prepare(video, judge, protocol)

        return [(one, [look(video) for video in one.videos]) for one in sets]


def _show_preview(judging: Judging, name: str, protocol: Protocol, budget: Budget, console: Console) -> None:
    likely, most = preview(judging.calls(), budget.price)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("", "likely", "at the most"):
        table.add_column(heading, justify="right" if heading else "left")

    def row(label: str, shown: Sequence[str]) -> None:
        table.add_row(label, *shown)

    both = (likely, most)
    row("questions", [f"{one.calls:,}" for one in both])
    row("frames sent", [f"{one.frames:,}" for one in both])
    row("tokens asked", [f"{one.tokens.asked:,}" for one in both])
    row("tokens answered", [f"{one.tokens.answered:,}" for one in both])
    row("cost", [_dollars(one) for one in both])
    rounds = f"{protocol.repeats} round{'s' * (protocol.repeats > 1)} each"
    console.print(f"{len(judging.unfinished()):,} videos to be judged by {name}, {rounds}", markup=False)
    console.print(table)
    if budget.price is not None and budget.limit is not None:
        console.print(f"${budget.spent:.2f} spent so far, ${budget.limit:.2f} at the most", markup=False)


def _dollars(one: Preview) -> str:
    return "no --prices" if one.dollars is None else f"${one.dollars:,.2f}"


def _consent(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise EvaluationError("nobody is there to agree to the cost; look at it with --preview, then pass --yes")
    typer.confirm("Ask?", abort=True, err=True)


def _ask(judging: Judging, who: Who, budget: Budget, console: Console) -> None:
    videos = len(judging.unfinished())
    if not videos:
        return
    with ExitStack() as stack:
        judge: Judge
        if who.local is None:
            judge = EndpointJudge(who.endpoint, at_once=who.concurrency, per_minute=who.per_minute)
            stack.enter_context(judge)
        else:
            with console.status("opening the judge"):
                judge = LocalJudge(who.local, device=who.device)
        progress = stack.enter_context(Progress(*COLUMNS, TextColumn("{task.fields[spent]}"), console=console))
        task = progress.add_task("judging", total=videos, spent="")

        def on_video() -> None:
            progress.update(task, advance=1, spent=f"${budget.spent:.2f}" if budget.price else "")

        try:
            judging.run(judge, budget, on_video)
        except LimitReached:
            raise EvaluationError(
                f"stopped at --max-cost {budget.limit:g}: ${budget.spent:.4f} are spent, and the next question could "
                "cost more than the rest; all replies are kept, give a higher limit to go on"
            ) from None


def _paths(output: Path, sets: Sequence[VideoSet], judge: str) -> list[Path]:
    """Where the results of each set go. Raises `EvaluationError` where two go to the same file."""
    paths = [output / file_name(one, judge) for one in sets]
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise EvaluationError(f"two sets of videos would both have their results in {twice[0]}; rename one of them")
    return paths


def _write(
    paths: Sequence[Path],
    cases: Sequence[tuple[VideoSet, Sequence[Case]]],
    judging: Judging,
    judge: str,
    *,
    compat: bool,
) -> None:
    for path, (videos, of_set) in zip(paths, cases, strict=True):
        entries = {
            case.video.item.name: entry(
                case.video.item, judging.outcome(case), videos=videos, judge=judge, compat=compat
            )
            for case in of_set
        }
        write_results(path, entries)


def _show_results(files: Sequence[Path], spent: float | None) -> Counter[str]:
    """Print the results. Returns how many videos are unscored, by reason."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("results", "scored", "unscored", "score"):
        table.add_column(heading, justify="left" if heading == "results" else "right")
    why: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for path in files:
        results = read_results(path)
        scores = score(results)
        average = scores.classes["all"]
        empty = sum(not result.completion for result in results)
        figure = "–" if average is None else f"{100 * average:.1f} %"
        table.add_row(str(path), str(len(results) - empty), str(empty), figure)
        why += reasons(results)
        for result in results:
            reason, _, detail = (result.unscored or "").partition(": ")
            examples.setdefault(reason, detail)
    console = Console()
    console.print(table)
    for reason, number in why.most_common():
        example = examples.get(reason) and f", as: {examples[reason]}"
        typer.echo(f"unscored: {reason}  {number}{example or ''}")
    if spent is not None:
        typer.echo(f"spent: ${spent:.4f}")
    return why
