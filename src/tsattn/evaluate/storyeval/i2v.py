"""The image-to-video variant of the benchmark: a first frame for each prompt, with the record of how it came to be.

    prompt → initial state, by a language model → first frame, by a text-to-image pipeline → review by a person

In the folder: `prompts.json`, which is the benchmark's file with an `image` for each prompt, ready for a batch; `frames/`;
`records/`, one file for each prompt with all that was made for it; `review.html`. Whatever is there is not made again. A frame
that a person rejects stays, and the next is rolled with another seed.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tsattn.errors import AccessError, ChatError, EvaluationError, OutputError, RefusalError
from tsattn.evaluate.storyeval.items import Item
from tsattn.evaluate.storyeval.painter import Painter
from tsattn.evaluate.storyeval.protocol import read_template, spoken
from tsattn.locking import held
from tsattn.video import LONGEST_NAME, moved_into_place, sweep

if TYPE_CHECKING:
    from tsattn.plan.chat import Client

INITIAL = "initial-v1.txt"
"""The question. A new wording is a new file, and asks anew."""
BY_HAND = "by hand"
ASKS = 3


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class State(_Strict):
    """A prompt's initial state, who wrote it (a model, or `BY_HAND`), when, and in answer to which question."""

    text: Annotated[str, Field(min_length=1)]
    by: str
    question: str
    at: str


class Frame(_Strict):
    """A first frame: its file in the folder, the state it shows, its seed, and what made it."""

    roll: int
    file: str
    sha256: str
    state: str
    seed: int
    model: str
    settings: dict[str, int | str]
    at: str
    rejected: bool = False


class Failure(_Strict):
    """Why a model could not be asked, and when."""

    why: str
    at: str


class Record(_Strict):
    """All that was made for a prompt.

    `refused` says why there is no state, where the model would not write one; `failed` where it could not, the last time.
    """

    name: str
    prompt: str
    state: State | None = None
    refused: str | None = None
    failed: Failure | None = None
    frames: list[Frame] = []

    @property
    def frame(self) -> Frame | None:
        """The frame that stands, None before there is one."""
        return self.frames[-1] if self.frames and not self.frames[-1].rejected else None


class Rejection(_Strict):
    """A frame that a person does not want, by its roll, and the initial state as they would have it."""

    roll: int
    state: Annotated[str, Field(min_length=1)]


class Builder:
    """The folder of an image-to-video benchmark, for one run at a time. A context manager.

    Raises `OutputError` where another run holds the folder, or it cannot be written to, `EvaluationError` where a name is
    too long for the files that it gets, two would share theirs, or a record cannot be read.
    """

    def __init__(self, folder: Path, items: Sequence[Item]) -> None:
        _check_files(items)
        self.folder, self.items = folder, items
        self._hold = ExitStack()
        self._hold.enter_context(held(folder, doing="builds first frames"))
        try:
            self._make_folders()
            self.records = {item.name: self._read(item) for item in items}
        except BaseException:
            self._hold.close()
            raise

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self._hold.close()

    def reject(self, rejections: Mapping[str, Rejection]) -> int:
        """Set rejected frames aside, and take over states that were rewritten. Returns how many frames are affected.

        Frames that were rolled since are not affected. Raises `EvaluationError` for a prompt that is not there.
        """
        unknown = [name for name in rejections if name not in self.records]
        if unknown:
            raise EvaluationError(f"{unknown[0]!r} is rejected, but there is no such prompt in {self.folder}")
        count = 0
        for name, rejection in rejections.items():
            record = self.records[name]
            if record.frame and record.frame.roll == rejection.roll:
                record.frame.rejected = True
                if record.state and record.state.text != rejection.state:
                    record.state = State(text=rejection.state, by=BY_HAND, question=INITIAL, at=_now())
                self._write(record)
                count += 1
        return count

    def stateless(self) -> list[Item]:
        """Prompts whose initial state is still to be written; those that failed come last, the latest failure at the end."""

        def failed(item: Item) -> str:
            failure = self.records[item.name].failed
            return failure.at if failure else ""

        return sorted((item for item in self.items if self.records[item.name].state is None), key=failed)

    def write_state(self, item: Item, client: Client) -> None:
        """Have the initial state of a prompt written. A refusal is recorded.

        Raises `AccessError` where the server will answer nothing, and `ChatError` where the model fails on this prompt, which
        is recorded too.
        """
        record = self.records[item.name]
        try:
            text = _asked(item, client)
        except RefusalError as error:
            record.refused, record.failed = str(error), None
        except AccessError:
            raise
        except ChatError as error:
            record.failed = Failure(why=str(error), at=_now())
            self._write(record)
            raise
        else:
            record.state = State(text=text, by=client.endpoint.model, question=INITIAL, at=_now())
            record.refused = record.failed = None
        self._write(record)

    def drop_lost(self) -> None:
        """Take frames for not made whose file is gone, or is not what was made."""
        for record in self.records.values():
            frame = record.frame
            if frame and not self._is_there(frame):
                record.frames.remove(frame)

    def frameless(self) -> list[Item]:
        """Prompts that have an initial state and no frame that stands."""
        records = ((item, self.records[item.name]) for item in self.items)
        return [item for item, record in records if record.state and record.frame is None]

    def paint(self, item: Item, painter: Painter, seed: int) -> None:
        """Make the next frame of a prompt, with a seed of its own for each roll."""
        record = self.records[item.name]
        if record.state is None:
            raise EvaluationError(f"{item.name} has no initial state to paint")
        roll = record.frames[-1].roll + 1 if record.frames else 0
        picture = painter.paint(record.state.text, seed + roll)
        path = self.folder / "frames" / f"roll-{roll}" / _files(item.name)[1]
        path.parent.mkdir(exist_ok=True)
        with moved_into_place(path) as part:
            picture.save(part, "PNG")
        record.frames.append(
            Frame(
                roll=roll,
                file=path.relative_to(self.folder).as_posix(),
                sha256=_digest(path),
                state=record.state.text,
                seed=seed + roll,
                model=painter.model,
                settings=painter.settings,
                at=_now(),
            )
        )
        self._write(record)

    def write_prompts(self) -> Path:
        """Write `prompts.json`, with the prompts that have a frame."""
        entries = {}
        for item in self.items:
            if frame := self.records[item.name].frame:
                events, classes = list(item.events), list(item.classes)
                entries[item.name] = {
                    "prompt": item.prompt, "event_list": events, "class": classes, "image": frame.file
                }  # fmt: skip
        path = self.folder / "prompts.json"
        with moved_into_place(path) as part:
            part.write_text(json.dumps(entries, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def write_review(self) -> Path:
        """Write `review.html`, where a person looks at the frames and saves what to reject."""
        cards = "\n".join(_card(self.records[item.name]) for item in self.items)
        page = Template(read_template("review.html")).substitute(
            cards=cards,
            frames=sum(self.records[item.name].frame is not None for item in self.items),
            prompts=len(self.items),
        )
        path = self.folder / "review.html"
        with moved_into_place(path) as part:
            part.write_text(page, encoding="utf-8")
        return path

    def _is_there(self, frame: Frame) -> bool:
        path = self.folder / frame.file
        return path.is_file() and _digest(path) == frame.sha256

    def _make_folders(self) -> None:
        """Make the folders, and sweep them of what a killed run left."""
        frames, records = self.folder / "frames", self.folder / "records"
        try:
            frames.mkdir(exist_ok=True)
            records.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make folders in {self.folder}: {error.strerror}; choose another with -o"
            ) from None
        for place in (self.folder, records, *frames.glob("roll-*")):
            sweep(place, "*")

    def _path(self, name: str) -> Path:
        return self.folder / "records" / _files(name)[0]

    def _read(self, item: Item) -> Record:
        path = self._path(item.name)
        try:
            record = Record.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Record(name=item.name, prompt=item.prompt)
        except (OSError, ValidationError) as error:
            reason = getattr(error, "strerror", None) or "it is no record"
            raise EvaluationError(f"cannot read {path}: {reason}; restore it, or delete it to start over") from None
        if record.prompt != item.prompt:
            raise EvaluationError(
                f"{path} is of the prompt {record.prompt[:60]!r}, not {item.prompt[:60]!r}; use another folder"
            )
        if record.state and record.state.by != BY_HAND and record.state.question != INITIAL:
            record.state = None
        return record

    def _write(self, record: Record) -> None:
        with moved_into_place(self._path(record.name)) as part:
            part.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _files(name: str) -> tuple[str, str]:
    """The file names of a prompt's record and of its frames."""
    stem = Path(name).stem
    return f"{stem}.json", f"{stem}.png"


def _check_files(items: Sequence[Item]) -> None:
    """Raise `EvaluationError` unless each prompt gets files of its own, with names that can be written."""
    owners: dict[str, str] = {}
    for name in (item.name for item in items):
        record, frame = _files(name)
        excess = max(len(file.encode(errors="replace")) for file in (record, frame)) - LONGEST_NAME
        if excess > 0:
            raise EvaluationError(
                f"the name {name[:80]!r} is too long for the files of its first frame, which may have {LONGEST_NAME} "
                f"bytes; shorten it by {excess}"
            )
        if record in owners:
            raise EvaluationError(
                f"{owners[record]!r} and {name!r} would share a record and a frame; rename one, so that they differ in "
                "more than the ending"
            )
        owners[record] = name


def read_rejections(path: Path) -> dict[str, Rejection]:
    """What the review sheet saved. Raises `EvaluationError` where it is something else."""
    try:
        return TypeAdapter(dict[str, Rejection]).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or "expected the file that the review sheet saves"
        raise EvaluationError(f"cannot read the rejections {path}: {reason}") from None


def _asked(item: Item, client: Client) -> str:
    events = "\n".join(f"{number}. {event}" for number, event in enumerate(item.events, 1))
    question = Template(read_template(INITIAL)).substitute(prompt=item.prompt, events=events)
    for _ in range(ASKS):
        if text := " ".join(spoken(client.complete([{"role": "user", "content": question}]).text).split()):
            return text
    raise RefusalError(f"{client.endpoint.model} gave {ASKS} replies without a text")


def _card(record: Record) -> str:
    """A prompt on the review sheet."""
    frame = record.frame
    if frame is None:
        why = record.refused or (record.failed and record.failed.why) or "not made yet"
        return Template(_EMPTY_CARD).substitute(prompt=html.escape(record.prompt), why=html.escape(why))
    return Template(_CARD).substitute(
        name=html.escape(record.name),
        prompt=html.escape(record.prompt),
        file=quote(frame.file),
        state=html.escape(frame.state),
        roll=frame.roll,
        seed=frame.seed,
        by=html.escape(record.state.by if record.state else ""),
    )


_CARD = """<article data-name="$name" data-roll="$roll"><img src="$file" alt="" loading="lazy">
<h2>$prompt</h2><textarea rows="5" aria-label="Initial state">$state</textarea>
<p>seed $seed, roll $roll, state by $by</p><label><input type="checkbox"> Reject</label></article>"""
_EMPTY_CARD = """<article class="none"><h2>$prompt</h2><p>No frame: $why</p></article>"""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
