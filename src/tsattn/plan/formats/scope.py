"""Daydream Scope's timeline: a list of `{startTime, endTime, prompts: [{text, weight}]}` in seconds, under a key or alone."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal
from typing import Any

from tsattn.errors import PlanError, PlanWarning
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format, ends_in, events_of
from tsattn.plan.formats.texts import Told, joined
from tsattn.plan.notation import Interval
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.segments import segment
from tsattn.plan.timeline import Clip

BESIDE = ("settings", "version", "exportedAt")
"""Keys beside the list, about the pipeline and the file."""
TRANSITION = ("transitionSteps", "temporalInterpolationMethod")
KEYS = ("startTime", "endTime", "prompts", "text", "id", "isLive", "color", *TRANSITION)


def recognises(data: Any) -> bool:
    """A list of entries with times, or a mapping with one."""
    return _key(data) is not None or _is_list(data)


def read(data: Any) -> Plan:
    """The plan of a timeline."""
    key = _key(data)
    if key is not None:
        data = document.fields(data, (key, *BESIDE))[key]
    where = key or "entry "
    document.check_count(data, where=key or "the timeline")
    seen: set[Any] = set()
    told, soft = [], False
    for k, item in enumerate(data):
        at = f"{where}[{k}]"
        entry = document.fields(item, KEYS, where=at)
        if "id" in entry:
            name = quoted(entry["id"])
            if name in seen:
                raise PlanError(f"{at}.id: {name} is there twice")
            seen.add(name)
        soft = soft or not entry.keys().isdisjoint(TRANSITION)
        start, end = (Decimal(repr(document.number_in(entry, time, where=at))) for time in ("startTime", "endTime"))
        told.append(Told(_text(entry, at), segment(Interval(start, end, "seconds"), name=at)))
    if soft:
        message = f"{' and '.join(TRANSITION)} say how texts blend, which a plan cannot hold, and are left out"
        warnings.warn(message, PlanWarning, stacklevel=2)
    return joined(told)


def write(plan: Plan, clip: Clip | None) -> str:
    """A timeline as Scope exports it."""
    _, told = events_of(plan)
    entries = []
    for one in told:
        start, end = ends_in("seconds", one, clip)
        entries.append({"startTime": start, "endTime": end, "prompts": [{"text": one.text, "weight": 100}]})
    return json.dumps({"prompts": entries, "version": "2.1"}, indent=2, ensure_ascii=False) + "\n"


FORMAT = Format("scope", "Daydream Scope's timeline: startTime, endTime, prompts", recognises, read, write)


def _text(entry: Any, at: str) -> str:
    """The text of an entry; several are joined, as Scope shows them."""
    if "prompts" not in entry:
        return document.text_in(entry, "text", where=at)
    texts, weights = [], []
    for k, prompt in enumerate(document.items_in(entry, "prompts", where=at)):
        fields = document.fields(prompt, ("text", "weight"), where=f"{at}.prompts[{k}]")
        texts.append(document.text_in(fields, "text", where=f"{at}.prompts[{k}]").strip())
        if "weight" in fields:
            weights.append(document.number_in(fields, "weight", where=f"{at}.prompts[{k}]"))
    if len(set(weights)) > 1:
        message = f"{at}.prompts: the weights {', '.join(f'{w:g}' for w in weights)} cannot be held by a plan and are left out"
        warnings.warn(message, PlanWarning, stacklevel=2)
    return ", ".join(texts)


def _key(data: Any) -> str | None:
    """The key under which a mapping has its entries."""
    if not isinstance(data, dict):
        return None
    return next((key for key, value in data.items() if isinstance(key, str) and _is_list(value)), None)


def _is_list(value: Any) -> bool:
    """Whether a value is a list with an entry that has a time."""
    return isinstance(value, list) and any(
        isinstance(item, dict) and {"startTime", "endTime"} & item.keys() for item in value
    )
