"""Prompt Relay's JSON: text for the whole clip, texts for its parts, and the times of these in one of three ways.

`segment_lengths` count latent frames, `time_intervals` seconds, `segment_intervals` what `time_unit` says: latent frames
("internal_frame", the default) or seconds. Without any of them the texts share the clip evenly. In ComfyUI's node the texts
stand between bars and the lengths, in frames, between commas.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tsattn.errors import PlanError, PlanWarning
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format, check_contiguous, ends_in, events_of, is_uniform
from tsattn.plan.formats.texts import Told, joined
from tsattn.plan.notation import Interval, Unit
from tsattn.plan.schema import Plan, Segment, did_you_mean, quoted, uniform
from tsattn.plan.segments import one_after_the_other, segment
from tsattn.plan.timeline import Clip

TIMES = ("segment_lengths", "time_intervals", "segment_intervals")
METHOD = ("epsilon", "tail_width", "routing_mode")
"""Settings of Prompt Relay's method, which TS-Attn has no use for."""
KEYS = ("global_prompt", "local_prompts", *TIMES, "time_unit", *METHOD)
_UNITS: dict[str, Unit] = {"internal_frame": "latent_frames", "seconds": "seconds"}


def recognises(data: Any) -> bool:
    """A mapping with `local_prompts`, or with what only goes with them."""
    return isinstance(data, dict) and not data.keys().isdisjoint(("global_prompt", "local_prompts", *TIMES))


def read(data: Mapping[str, Any]) -> Plan:
    """The plan of a relay document."""
    data = document.fields(data, KEYS)
    ignored = [key for key in METHOD if key in data]
    if ignored:
        message = (
            f"{', '.join(ignored)}: settings of Prompt Relay's method, which mean nothing to TS-Attn, are left out"
        )
        warnings.warn(message, PlanWarning, stacklevel=2)
    told_apart = isinstance(data.get("local_prompts"), str)
    if told_apart:
        texts = [text.strip() for text in data["local_prompts"].split("|")]
        document.check_count(texts, where="local_prompts")
    else:
        texts = document.items_in(data, "local_prompts")
    texts = [document.text(text, where=f"local_prompts[{k}]") for k, text in enumerate(texts)]
    front = data.get("global_prompt", "")
    if not isinstance(front, str):
        raise PlanError(f"global_prompt should be a text, but is {quoted(front)}")
    front = front.strip()
    # what applies to the whole clip is a sentence of its own, never the subject of what follows
    whole = Told(front if not front or front[-1] in ".!?…。,;:" else f"{front}.", None)
    segments = _segments(data, len(texts), lengths_in="frames" if told_apart else "latent_frames")
    return joined([whole, *(Told(text, segment) for text, segment in zip(texts, segments, strict=True))])


def write(plan: Plan, clip: Clip | None) -> str:
    """Lengths in latent frames where the plan has them, else intervals in seconds; none where the clip is shared evenly."""
    front, told = events_of(plan, front=True)
    texts = [text for text, _ in told]
    data: dict[str, Any] = {"global_prompt": front[0].text if front else "", "local_prompts": texts}
    if is_uniform(told):
        pass
    elif all(segment is not None and segment.unit == "latent_frames" for _, segment in told):
        ends = [ends_in("latent_frames", one, clip) for one in told]
        try:
            check_contiguous(ends, told)
            data["segment_lengths"] = [round((end or 0) - start) for start, end in ends]
        except PlanError:
            data |= {
                "segment_intervals": [[round(time or 0) for time in pair] for pair in ends],
                "time_unit": "internal_frame",
            }
    else:
        data["time_intervals"] = [list(ends_in("seconds", one, clip)) for one in told]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


FORMAT = Format("relay", "Prompt Relay's JSON: global_prompt, local_prompts ...", recognises, read, write)


def _segments(data: Mapping[str, Any], count: int, *, lengths_in: Unit) -> list[Segment]:
    given = [key for key in TIMES if data.get(key)]
    if len(given) > 1:
        raise PlanError(f"{given[0]} and {given[1]} both say when the texts are due; give one of them")
    unit = data.get("time_unit")
    if unit is not None and unit not in _UNITS:
        raise PlanError(f"time_unit: unknown unit {quoted(unit)}; {did_you_mean(unit, list(_UNITS))}")
    if not given:
        return uniform(count)
    key = given[0]
    values = data[key]
    if isinstance(values, str) and key == "segment_lengths":
        values = [int(value) if value.strip().isdecimal() and len(value) < 10 else value for value in values.split(",")]
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)} of them" if isinstance(values, list) else quoted(values)
        raise PlanError(f"{key} should be a list with one time for each of the {count} texts, but is {found}")
    names = [f"{key}[{k}]" for k in range(count)]
    if key == "segment_lengths":
        if unit == "seconds":
            raise PlanError("segment_lengths count frames, so time_unit cannot be seconds; give time_intervals")
        lengths = [Decimal(repr(document.number(value, where=name))) for name, value in zip(names, values, strict=True)]
        return one_after_the_other(lengths, lengths_in, names=names)
    if key == "time_intervals" and unit == "internal_frame":
        raise PlanError("time_intervals are in seconds, so time_unit cannot be internal_frame; give segment_intervals")
    in_unit = "seconds" if key == "time_intervals" else _UNITS[unit or "internal_frame"]
    return [_interval(value, in_unit, name) for name, value in zip(names, values, strict=True)]


def _interval(pair: Any, unit: Unit, name: str) -> Segment:
    if not isinstance(pair, list) or len(pair) != 2:
        raise PlanError(f"{name} should be a pair [start, end], but is {quoted(pair)}")
    start, end = (Decimal(repr(document.number(time, where=f"{name}[{k}]"))) for k, time in enumerate(pair))
    return segment(Interval(start, end, unit), name=name)
