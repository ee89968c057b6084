"""`tsattn batch`: what a spec asks for, making it, and how far it is."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tsattn.batch import Engine, RayEngine, SerialEngine, damaged, load_spec, run
from tsattn.batch.jobs import Job, expand
from tsattn.batch.manifest import NAME, rows
from tsattn.batch.updates import Ended, Failed, Lost, Made, Note, Started, Update
from tsattn.errors import BatchError
from tsattn.locking import in_use

SHOWN = 5
"""Failed jobs that are shown at the most."""


def run_batch(
    spec_file: Path,
    folder: Path | None,
    *,
    engine: str,
    address: str | None,
    workers: int | None,
    threads: int,
    retries: int,
) -> None:
    """Make what is missing, with a live table. Exits with 1 where a job failed, and with 130 after Ctrl-C."""
    chosen = _engine(engine, address=address, workers=workers, threads=threads, retries=retries)
    console = Console()
    folder = folder or Path(spec_file.stem)
    with console.status("reading the spec"):
        spec = load_spec(spec_file)
    board = Board(console, folder)
    try:
        with board.shown():
            run(spec, folder, chosen, board)
    except KeyboardInterrupt:
        console.print(
            Text(f"stopped; {board.sum('done')} of {board.total} videos are in {folder}; start again to go on")
        )
        raise typer.Exit(130) from None
    board.conclude()
    if board.sum("failed"):
        raise typer.Exit(1)


def plan_batch(spec_file: Path, folder: Path | None, *, as_json: bool) -> None:
    """Print what a spec asks for, what of it a folder holds, and how long the rest takes by what was measured there."""
    jobs = expand(load_spec(spec_file))
    folder = folder or Path(spec_file.stem)
    known = {row["key"]: dict(row) for row in rows(folder, "1")} if (folder / NAME).is_file() else {}
    tallies = _tallies(
        {"model": job.model, "method": job.method, **_of(known.get(job.key), "state", "seconds")} for job in jobs
    )
    if as_json:
        typer.echo(json.dumps([tally.summary for tally in tallies], indent=2))
    else:
        Console().print(_table(tallies, f"{len(jobs)} videos of {spec_file} in {folder}"))


def show_status(folder: Path, *, check: bool, as_json: bool) -> None:
    """Print how far a batch is. With `check`, read every video, and exit with 1 where one is damaged."""
    found = [dict(row) for row in rows(folder)]
    broken = damaged(folder) if check else []
    failed = [row for row in found if row["state"] == "failed"]
    setups = Counter(row["environment"] for row in found if row["state"] == "done")
    tallies = _tallies(found)
    if as_json:
        errors = [_of(row, "prompt_id", "model", "method", "seed", "error") for row in failed]
        answer = {"at_work": in_use(folder), "tallies": [tally.summary for tally in tallies], "failed": errors}
        typer.echo(json.dumps({**answer, "setups": len(setups), "damaged": list(map(str, broken))}, indent=2))
    else:
        console = Console()
        at_work = "a run is at work in it" if in_use(folder) else "no run is at work in it"
        console.print(_table(tallies, f"{folder}: {at_work}"))
        _print_failed(console, [(f"{row['model']} {row['method']} {row['prompt_id']}", row["error"]) for row in failed])
        if len(setups) > 1:
            console.print(Text(f"warning: videos come from {len(setups)} different set-ups:", "bold yellow"))
            for setup, count in setups.items():
                console.print(Text(f"  {count:>6}  {', '.join(f'{k} {v}' for k, v in json.loads(setup).items())}"))
        for path in broken:
            console.print(Text(f"damaged: {path}; delete it and start the batch again", "red"))
    if broken:
        raise typer.Exit(1)


def _engine(name: str, *, address: str | None, workers: int | None, threads: int, retries: int) -> Engine:
    if name == "ray":
        return RayEngine(address=address, workers=workers, threads=threads, retries=retries)
    given = {"address": address, "workers": workers}
    for option, value in given.items():
        if value is not None:
            raise BatchError(f"--{option} is for many workers; add --engine ray")
    return SerialEngine(threads=threads)


@dataclass
class Tally:
    """How far one model is with one method."""

    model: str
    method: str
    done: int = 0
    failed: int = 0
    running: int = 0
    total: int = 0
    made: int = 0
    """Videos whose time is known ..."""
    seconds: float = 0.0
    """... and the sum of it."""

    @property
    def left(self) -> int:
        """Videos yet to be made; one that failed is tried again by the next run."""
        return self.total - self.done

    @property
    def each(self) -> float | None:
        """Seconds that a video takes, by those made."""
        return self.seconds / self.made if self.made else None

    @property
    def summary(self) -> dict[str, Any]:
        """For JSON."""
        counts = {"done": self.done, "failed": self.failed, "running": self.running, "total": self.total}
        return {"model": self.model, "method": self.method, **counts, "seconds_per_video": self.each}


@dataclass
class Board:
    """The live table of a run: a line for each model and method, the last one for all."""

    console: Console
    folder: Path
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    """When each running job was begun."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Videos of the batch."""
        return self.sum("total")

    def sum(self, name: str) -> int:
        """Of a count over all lines."""
        return sum(getattr(tally, name) for tally in self.tallies.values())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Drawn anew twice a second on a terminal; elsewhere each video gets a line and the table comes last."""
        if self.console.is_terminal:
            with Live(console=self.console, refresh_per_second=2, get_renderable=self.drawn):
                yield
        else:
            yield

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        """Count."""
        waiting = {job.key for job in missing}
        for job in jobs:
            tally = self._tally(job)
            tally.total += 1
            tally.done += job.key not in waiting

    def tell(self, update: Update) -> None:
        """Count on."""
        match update:
            case Started(job, _):
                self.began[job.key] = time.monotonic()
                self._tally(job).running += 1
            case Ended(job, result):
                self._end(job, result)
            case Lost(job, reason):
                self._tally(job).running -= self.began.pop(job.key, None) is not None
                self.notes.append(f"lost a worker, {job.name} waits again: {reason}")
            case Note(text):
                self.notes.append(text)
                if not self.console.is_terminal:
                    self.console.print(Text(text))

    def _end(self, job: Job, result: Made | Failed) -> None:
        tally = self._tally(job)
        began = self.began.pop(job.key, None)
        tally.running -= began is not None
        if isinstance(result, Failed):
            tally.failed += 1
            self.failures.append((job.name, result.error))
        else:
            tally.done += 1
            tally.made += 1
            tally.seconds += time.monotonic() - (began or time.monotonic())
        if not self.console.is_terminal:
            outcome = f"failed: {result.error}" if isinstance(result, Failed) else f"{result.record.seconds:.1f} s"
            count = self.sum("done") + self.sum("failed")
            self.console.print(Text(f"[{count}/{self.total}] {job.name}: {outcome}"))

    def drawn(self) -> Group:
        """The table as it is now."""
        workers = max(1, self.sum("running"))
        table = _table(list(self.tallies.values()), str(self.folder), workers=workers)
        return Group(*(Text(note, "dim") for note in self.notes[-SHOWN:]), table)

    def conclude(self) -> None:
        """Say where the videos are, and what failed."""
        if not self.console.is_terminal:
            self.console.print(self.drawn())
        _print_failed(self.console, self.failures)
        self.console.print(Text(f"{self.sum('done')} of {self.total} videos are in {self.folder}"))

    def _tally(self, job: Job) -> Tally:
        return self.tallies.setdefault((job.model, job.method), Tally(job.model, job.method))


def _tallies(found: Any) -> list[Tally]:
    tallies: dict[tuple[str, str], Tally] = {}
    for row in found:
        tally = tallies.setdefault((row["model"], row["method"]), Tally(row["model"], row["method"]))
        tally.total += 1
        for state in ("done", "failed", "running"):
            setattr(tally, state, getattr(tally, state) + (row.get("state") == state))
        if row.get("state") == "done":
            tally.made += 1
            tally.seconds += row["seconds"]
    return list(tallies.values())


def _of(row: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    return {} if row is None else {name: row[name] for name in names}


def _table(tallies: Sequence[Tally], title: str, *, workers: int = 1) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    for heading in ("model", "method"):
        table.add_column(heading, overflow="fold")
    table.add_column("", ratio=1)
    for heading in ("done", "running", "failed", "each", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    whole = Tally("all", "")
    left: float | None = 0.0
    for tally in tallies:
        own = 0.0 if not tally.left else None if tally.each is None else tally.left * tally.each / workers
        left = None if left is None or own is None else left + own
        table.add_row(*_line(tally, own))
        for name in ("done", "failed", "running", "total", "made", "seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    if len(tallies) > 1:
        table.add_section()
        table.add_row(*_line(whole, left), style="bold")
    return table


def _line(tally: Tally, left: float | None) -> tuple[Any, ...]:
    bar = ProgressBar(total=tally.total, completed=tally.done)
    failed = Text(str(tally.failed), "red" if tally.failed else "")
    each = "" if tally.each is None else f"{tally.each:.1f} s"
    remaining = "?" if left is None else _duration(left)
    return tally.model, tally.method, bar, f"{tally.done}/{tally.total}", str(tally.running), failed, each, remaining


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _print_failed(console: Console, failures: Sequence[tuple[str, str]]) -> None:
    for name, error in failures[:SHOWN]:
        console.print(Text.assemble(("failed: ", "bold red"), f"{name}: {error}"))
    if len(failures) > SHOWN:
        console.print(Text(f"and {len(failures) - SHOWN} more; `tsattn batch status --json` lists all"))
