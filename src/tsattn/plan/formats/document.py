"""Files and documents from anywhere: bounded in size and depth, each key once, no aliases, no code."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import Any, NoReturn

from tsattn.errors import PlanError
from tsattn.plan.schema import LARGEST_TIME, MOST_EVENTS, did_you_mean, quoted

LARGEST_FILE = 1_000_000
"""Bytes of a plan file at the most."""
DEEPEST = 20
"""Levels of nesting at the most."""
_LIKE_JSON = re.compile(r"\s*[{\[][\s{\[]*\"")


def read_file(path: Path) -> str:
    """The text of a plan file. Raises `PlanError` where it cannot be read, is too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise PlanError(f"cannot read the plan {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > LARGEST_FILE:
        raise PlanError(f"{path} is larger than {LARGEST_FILE} bytes, which no plan is; is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{path} is not UTF-8 text: byte 0x{content[error.start]:02x} at position {error.start}; save it as UTF-8"
        ) from error


def load(text: str) -> Any:
    """What a JSON or YAML text holds. Raises `PlanError` saying what is wrong, and on which line."""
    try:
        # YAML takes most of JSON, but not all of its characters
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        return _load_yaml(text, error)
    except RecursionError as error:
        raise PlanError("it is nested too deeply for a plan") from error


def fields(data: Any, known: Iterable[str], *, where: str = "") -> Mapping[str, Any]:
    """A mapping with these keys and no others. Raises `PlanError` naming the first that is unknown."""
    if not isinstance(data, dict):
        raise PlanError(f"{where or 'the plan'} should be a mapping, but is {quoted(data)}")
    for key in data:
        if key not in known:
            raise PlanError(f"{where and where + ': '}unknown key {quoted(key)}; {did_you_mean(key, sorted(known))}")
    return data


def text_in(data: Mapping[str, Any], key: str, *, where: str = "") -> str:
    """A text with more than spaces. Raises `PlanError` naming its place."""
    return text(_required(data, key, where), where=_at(where, key))


def items_in(data: Mapping[str, Any], key: str, *, where: str = "") -> list[Any]:
    """A list of at least one item. Raises `PlanError` naming its place."""
    value = _required(data, key, where)
    if not isinstance(value, list) or not value:
        raise PlanError(f"{_at(where, key)} should be a list with at least one item, but is {quoted(value)}")
    check_count(value, where=_at(where, key))
    return value


def check_count(items: Sized, *, where: str) -> None:
    """Raise `PlanError` where there are more items than a plan can have events."""
    if len(items) > MOST_EVENTS:
        raise PlanError(f"{where} has {len(items)} items; a plan has {MOST_EVENTS} events at the most")


def number_in(data: Mapping[str, Any], key: str, *, where: str = "") -> float:
    """A time. Raises `PlanError` naming its place."""
    return number(_required(data, key, where), where=_at(where, key))


def text(value: Any, *, where: str) -> str:
    """A value that must be a text with more than spaces."""
    if not isinstance(value, str):
        raise PlanError(f"{where} should be a text, but is {quoted(value)}")
    if not value.strip():
        raise PlanError(f"{where} is empty")
    return value


def number(value: Any, *, where: str) -> float:
    """A value that must be a time: a number, not negative, and none that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlanError(f"{where} should be a number, but is {quoted(value)}")
    if not math.isfinite(value) or not 0 <= value <= LARGEST_TIME:
        raise PlanError(f"{where} should be between 0 and {LARGEST_TIME:.0f}, but is {value}")
    return value


def _required(data: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in data:
        raise PlanError(f"{_at(where, key)} is missing")
    return data[key]


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise PlanError(f"the key {quoted(key)} is there twice")
        found[key] = value
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)


def _no_number(name: str) -> NoReturn:
    raise PlanError(f"{name} is no number that a plan can hold")


def _load_yaml(text: str, not_json: json.JSONDecodeError) -> Any:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        _check_events(yaml.parse(text, Loader=_base_loader()))
        return yaml.load(text, Loader=_loader())
    except PlanError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        reason, line, column = not_json.msg, not_json.lineno, not_json.colno
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and not _LIKE_JSON.match(text):
            mark = error.problem_mark
            reason, line, column = str(error.problem), mark.line + 1, mark.column + 1
        raise PlanError(f"it is neither JSON nor YAML: {reason} (line {line}, column {column})") from error


def _check_events(events: Iterable[Any]) -> None:
    """Refuse what makes a small file large or dangerous, before anything is built of it."""
    depth = 0
    for event in events:
        kind, line = type(event).__name__, event.start_mark.line + 1 if event.start_mark else 0
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise PlanError(f"line {line}: a plan may not use YAML anchors (&) and aliases (*); write the value out")
        if getattr(event, "tag", None):
            raise PlanError(f"line {line}: a plan may not use YAML tags such as {event.tag!r}; leave it out")
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > DEEPEST + 2:  # the stream and the document are levels, too
            raise PlanError(f"line {line}: it is nested too deeply for a plan")


def _base_loader() -> Any:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _loader() -> Any:
    """YAML's safe loader with the scalars of JSON only, and each key once.

    YAML 1.1 would make dates, base-60 numbers and booleans of words such as "1:30" and "no".
    """

    def construct_mapping(loader: Any, node: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int):
                raise PlanError(f"line {line}: {quoted(key)} cannot be a key in a plan")
            if key in found:
                raise PlanError(f"line {line}: the key {quoted(key)} is there twice")
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    loader: Any = type("PlanLoader", (_base_loader(),), {"yaml_implicit_resolvers": {}})
    add_scalars(loader)
    loader.add_constructor("tag:yaml.org,2002:map", construct_mapping)
    return loader


def add_scalars(loader_or_dumper: Any) -> None:
    """Make a YAML loader take, and a dumper quote, what JSON has as null, true, false and numbers."""
    patterns = {
        "null": (r"null|~|", "n~"),
        "bool": (r"true|false", "tf"),
        "int": (r"-?\d{1,18}", "-0123456789"),
        "float": (r"-?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d{1,5})?|[-+]?\.(inf|nan)", "-+.0123456789"),
    }
    for name, (pattern, first) in patterns.items():
        expression = re.compile(rf"(?:{pattern})\Z", re.ASCII)
        loader_or_dumper.add_implicit_resolver(f"tag:yaml.org,2002:{name}", expression, [*first, ""])
