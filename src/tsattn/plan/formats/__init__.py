"""Reading and writing plans in everyone's format. The format of a text is told by its content.

text or file → a document (JSON, YAML) or plain text → the format that recognises it → plan
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsattn.errors import PlanError
from tsattn.plan.formats import authors, document, frames, inline, own, pipes, relay, scope
from tsattn.plan.formats.base import Format, differences
from tsattn.plan.parser import parse
from tsattn.plan.schema import LONGEST_PROMPT, Plan, closest, did_you_mean, quoted
from tsattn.plan.timeline import Clip, snap, snap_plan

DOCUMENTS = (own.YAML, relay.FORMAT, scope.FORMAT, authors.FORMAT, frames.FORMAT)
"""Formats in JSON or YAML, in the order in which they are asked."""
TEXTS = (pipes.FORMAT, inline.SECTIONS, inline.INLINE)
"""Formats of plain text, in the order in which they are asked."""
FORMATS = {form.name: form for form in (own.JSON, *DOCUMENTS, *TEXTS)}
"""All formats by name, to write in."""

_ENDINGS = (".json", ".yaml", ".yml")
_KEYS = sorted({*own.KEYS, *relay.KEYS, *scope.KEYS, *scope.BESIDE, *authors.KEYS})
_TELLING = {*_KEYS} - {"text", "id", "color", "settings", "class", "subject", "version"}
"""Keys that no sentence begins with by chance."""
_KEY = re.compile(r"^(?:- )?[\"']?(\w+)[\"']?\s*:(?:\s|$)", re.MULTILINE)


def read(source: str | Path, *, plain: Callable[[str], Plan] = parse) -> Plan:
    """The plan of a file, or of a text in any of the formats; `plain` makes one of a sentence without timing.

    A string is a file's name where there is such a file. Raises `PlanError` that says what is wrong and where.
    """
    text, where, ending = _opened(source)
    try:
        form, content = _recognised(text, must_be_document=ending in _ENDINGS)
        return plain(text.strip() if where else text) if form is None else form.read(content)
    except PlanError as error:
        if not where:
            raise
        raise type(error)(f"{where}{error}") from error


def read_text(text: str, *, plain: Callable[[str], Plan] = parse) -> Plan:
    """The plan of a text in any of the formats, never of a file that it may name. Raises `PlanError` as `read` does."""
    form, content = _recognised(text)
    return plain(text) if form is None else form.read(content)


def read_document(text: str) -> Plan:
    """The plan of a text that must be a document. Raises `PlanError` as `read` does."""
    form, content = _recognised(text, must_be_document=True)
    assert form is not None
    return form.read(content)


def form_of(path: Path) -> str | None:
    """The name of the format that a file is in, None for a sentence without timing. Raises `PlanError` as `read` does."""
    text, _, ending = _opened(path)
    form, _ = _recognised(text, must_be_document=ending in _ENDINGS)
    if form is own.YAML and text.lstrip().startswith("{"):
        form = own.JSON
    return None if form is None else form.name


def write(plan: Plan, name: str, *, clip: Clip | None = None) -> str:
    """A text that is read back as the same plan, in the format `name`.

    With a clip, times are converted to what the format counts in, and "the same" means on that clip. Raises `PlanError`
    listing what the format cannot hold.
    """
    if name not in FORMATS:
        raise PlanError(f"unknown format {name!r}; {did_you_mean(name, list(FORMATS))}")
    if clip is not None:
        snap_plan(plan, clip)
    try:
        text = FORMATS[name].write(plan, clip)
        form, content = _recognised(text)
        if form is None or form.read is not FORMATS[name].read:
            raise PlanError("its texts look like another format")
        lost = differences(plan, form.read(content), same=_same_on(clip))
    except PlanError as error:
        raise PlanError(f"the plan cannot be written as {name}: {error}") from error
    if lost:
        raise PlanError(f"the plan cannot be written as {name} without loss of {'; '.join(lost)}")
    return text


def _opened(source: str | Path) -> tuple[str, str, str]:
    """A text; if it is a file's, what errors begin with and how its name ends."""
    if not isinstance(source, Path) and not _is_file(source):
        return source, "", ""
    path = Path(source)
    return document.read_file(path), f"{path}: ", path.suffix.lower()


def _recognised(text: str, *, must_be_document: bool = False) -> tuple[Format | None, Any]:
    """The format of a text and what it is to read, or None and the text where that has no timing.

    Raises `PlanError` where a document is in no format.
    """
    if must_be_document or _looks_like_a_document(text):
        data = document.load(text)
        for form in DOCUMENTS:
            if form.recognises(data):
                return form, data
        raise PlanError(_unrecognised(data))
    if len(text) > LONGEST_PROMPT:
        raise PlanError(f"the prompt has {len(text)} characters; {LONGEST_PROMPT} are the most")
    return next(((form, text) for form in TEXTS if form.recognises(text)), (None, text))


def _is_file(source: str) -> bool:
    """Whether a string names a file. One that can only be a file's name and is not there counts, and is missed later."""
    if os.path.exists(source):
        return True
    return source.lower().endswith(_ENDINGS) and not any(map(str.isspace, source))


def _looks_like_a_document(text: str) -> bool:
    """Whether a text is meant as JSON or YAML: it opens a brace, or has a line with a key of some format."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "---", "- {", "- startTime")) or re.match(r"\[\s*[{\"\]]", start):
        return True
    keys = [match[1] for match in _KEY.finditer(start)]
    return bool(keys) and (not _TELLING.isdisjoint(keys) or bool(re.match(r"\d+\s*:\s", start)))


def _unrecognised(data: Any) -> str:
    known = "; ".join(f"{form.name} ({form.what})" for form in DOCUMENTS)
    if not isinstance(data, dict):
        return f"a plan is a mapping, but this is {quoted(data)}; there are the formats {known}"
    keys = ", ".join(quoted(key) for key in list(data)[:5]) or "none"
    close = next(
        (f"did you mean {near!r}?" for key in list(data)[:50] if (near := closest(key, _KEYS)) not in (None, key)), None
    )
    return f"its keys ({keys}) are those of no format; {close or f'there are the formats {known}'}"


def _same_on(clip: Clip | None) -> Callable[[Any, Any], bool]:
    if clip is None:
        return lambda one, other: bool(one == other)
    return lambda one, other: snap(one, clip) == snap(other, clip)
