"""What is judged: the prompts of a benchmark, and where their videos are."""

from __future__ import annotations

import http.client
import re
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tsattn.errors import EvaluationError

LONGEST_STEM = 198
"""Signs of a video's name without its ending."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
SCHEMES = ("http://", "https://")
_SECONDS = 30.0


class Item(NamedTuple):
    """A prompt: the file name that its videos bear, its words, its events in order, and its classes."""

    name: str
    prompt: str
    events: tuple[str, ...]
    classes: tuple[str, ...]


class Video(NamedTuple):
    """Where the video of an item should be. `absent` says why it is not, where that is known."""

    item: Item
    path: Path
    absent: str = ""


class VideoSet(NamedTuple):
    """Videos that one model made in one way with one seed (None where it is unknown), one for each item."""

    label: str
    seed: int | None
    videos: tuple[Video, ...]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    prompt: Annotated[str, Field(min_length=1)]
    event_list: Annotated[list[str], Field(min_length=1)]
    classes: Annotated[list[str], Field(alias="class")] = []


def video_name(prompt: str) -> str:
    """The file name of a prompt's video, as the benchmark has it."""
    return "_".join(re.sub(r"[^\w\s]", "", prompt).split())[:LONGEST_STEM] + ".mp4"


def read_items(source: str) -> list[Item]:
    """The prompts in a file, or at an http(s) address: a JSON object from file names to prompts.

    Raises `EvaluationError` where it cannot be read, is no such object, or holds a name that is no plain file name. The
    query of an address may hold a key, so no error repeats it.
    """
    content, source = _content(source), _shown(source)
    try:
        entries = TypeAdapter(dict[str, _Entry]).validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = " → ".join(str(step) for step in problem["loc"])
        raise EvaluationError(
            f"{source} is no file of prompts{place and f', at {place}'}: {problem['msg']}; expected "
            '{"<name>.mp4": {"prompt": "...", "event_list": ["..."], "class": ["..."]}}'
        ) from None
    if not entries:
        raise EvaluationError(f"{source} holds no prompts")
    for name in entries:
        check_name(name, source)
    return [Item(name, e.prompt, tuple(e.event_list), tuple(e.classes)) for name, e in entries.items()]


def check_name(name: str, source: str) -> None:
    """Raise `EvaluationError` unless a name stays in its folder and can be written on every system."""
    plain = name == Path(name).name and not set(name) & set('/\\:*?"<>|')
    printable = not any(unicodedata.category(sign).startswith("C") for sign in name)
    if not (plain and printable and name.strip(". ") and len(name.encode(errors="replace")) <= 255):
        raise EvaluationError(f"{source} names a video {name[:80]!r}; expected a plain file name of at most 255 bytes")
    if _RESERVED.fullmatch(name):
        raise EvaluationError(
            f"{source} names a video {name!r}, which some systems keep for devices; name it otherwise"
        )


def find_videos(folder: Path, items: Iterable[Item]) -> list[VideoSet]:
    """The videos of these items: in the folder itself, or in its subfolders, one for each model.

    Raises `EvaluationError` where there is no such folder, or no video of any item in it.
    """
    items = list(items)
    if not folder.is_dir():
        raise EvaluationError(f"there is no folder {folder}; give one that holds videos, or a folder for each model")
    try:
        subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
        places = [path for path in (folder, *subfolders) if any((path / item.name).is_file() for item in items)]
    except OSError as error:
        raise EvaluationError(f"cannot look into {folder}: {error.strerror}") from None
    if not places:
        raise EvaluationError(
            f"{folder} holds no video of any of the {len(items)} prompts, nor does a folder in it; the first should be "
            f"{items[0].name}"
        )
    return [
        VideoSet(place.resolve().name, None, tuple(Video(item, place / item.name) for item in items))
        for place in places
    ]


def tagged(classes: Iterable[str], events: int) -> tuple[str, ...]:
    """Classes with the one for the number of events, should it be missing."""
    known = tuple(classes)
    return known if any(name.endswith("_events") for name in known) else (*known, f"{events}_events")


def _content(source: str) -> bytes:
    try:
        if not source.startswith(SCHEMES):
            return Path(source).read_bytes()
        with urllib.request.urlopen(source, timeout=_SECONDS) as reply:
            content: bytes = reply.read()
            return content
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise EvaluationError(f"cannot read the prompts {_shown(source)}: {_reason(error)}") from None


def _shown(source: str) -> str:
    """A source as errors name it: of an address, without user and query."""
    if not source.startswith(SCHEMES):
        return source
    return re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", source)[0])


def _reason(error: Exception) -> str:
    """Why a source cannot be read, and what to do. What the libraries say of an address repeats it, so that is left out."""
    match error:
        case urllib.error.HTTPError():
            return f"the server replied {error.code}; check the address, or download the file and give its path"
        case http.client.InvalidURL() | ValueError():
            return "it is no path or address that can be opened; give a file, or an address without spaces"
        case http.client.HTTPException():
            return f"the reply is broken ({type(error).__name__}); try again, or download the file and give its path"
    return str(getattr(error, "strerror", None) or getattr(error, "reason", None) or error)
