"""`tsattn eval build-i2v`: initial states, then first frames, then the review sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tsattn.errors import AccessError, ChatError, EvaluationError
from tsattn.evaluate.storyeval.i2v import Builder, Rejection, read_rejections
from tsattn.evaluate.storyeval.items import Item, read_items
from tsattn.evaluate.storyeval.judging import FAILURES
from tsattn.evaluate.storyeval.painter import open_painter
from tsattn.plan.chat import OPENAI, Client, Endpoint

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


class Choice(NamedTuple):
    """The options that say what makes states and frames."""

    llm_model: str | None
    base_url: str | None
    key_file: Path | None
    image_model: str
    pipeline: str | None
    size: str
    steps: int | None
    seed: int


def build(prompts: str, folder: Path, *, choice: Choice, reject: Path | None) -> None:
    """Make what is missing in the folder. Exits with 1 where the language model failed on a prompt."""
    width, height = _size(choice.size)
    rejections = {} if reject is None else read_rejections(reject)
    with Builder(folder, read_items(prompts)) as builder:
        _make(builder, rejections, choice, width, height)


def _make(builder: Builder, rejections: Mapping[str, Rejection], choice: Choice, width: int, height: int) -> None:
    console = Console(stderr=True)
    if rejections:
        typer.echo(f"{builder.reject(rejections)} of {len(rejections)} rejected frames are rolled again", err=True)
    builder.drop_lost()
    try:
        _write_states(builder, choice, console)
        _paint(builder, choice, width, height, console)
    finally:
        made, page = builder.write_prompts(), builder.write_review()
    frames = sum(record.frame is not None for record in builder.records.values())
    typer.echo(f"{frames} of {len(builder.items)} first frames: {made}; look at them in {page}")
    for record in builder.records.values():
        if record.refused:
            typer.echo(f"no frame: {record.name}: {record.refused}")
    failed = [(record.name, record.failed.why) for record in builder.records.values() if record.failed]
    for name, why in failed:
        typer.echo(f"no frame yet: {name}: {why}; it is asked again on the next run")
    if failed:
        raise typer.Exit(1)


def _write_states(builder: Builder, choice: Choice, console: Console) -> None:
    missing = builder.stateless()
    if not missing:
        return
    if choice.llm_model is None:
        raise EvaluationError(f"{len(missing)} initial states are to be written; name who writes them with --llm-model")
    endpoint = Endpoint(model=choice.llm_model, base_url=choice.base_url or OPENAI, key_file=choice.key_file)
    with Client(endpoint) as client, Progress(*COLUMNS, console=console) as progress:
        in_a_row = 0
        for item in progress.track(missing, description="initial states"):
            in_a_row = 0 if _is_answered(builder, item, client) else in_a_row + 1
            if in_a_row >= FAILURES:
                console.print(f"{FAILURES} prompts failed one after another; no more are asked", style="red")
                break


def _is_answered(builder: Builder, item: Item, client: Client) -> bool:
    """Ask for an initial state. A failure on this prompt is in its record, and told at the end."""
    try:
        builder.write_state(item, client)
    except AccessError:
        raise
    except ChatError:
        return False
    return True


def _paint(builder: Builder, choice: Choice, width: int, height: int, console: Console) -> None:
    missing = builder.frameless()
    if not missing:
        return
    with console.status("opening the text-to-image model"):
        painter = open_painter(
            choice.image_model, width=width, height=height, steps=choice.steps, pipeline=choice.pipeline
        )
    with Progress(*COLUMNS, console=console) as progress:
        for item in progress.track(missing, description="first frames"):
            builder.paint(item, painter, choice.seed)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if match is None:
        raise EvaluationError(f"--size should be WIDTHxHEIGHT in pixels, such as 832x480, but is {text!r}")
    return int(match[1]), int(match[2])
