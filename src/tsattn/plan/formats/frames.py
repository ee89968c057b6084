"""A prompt for each of some frames, `{0: "...", 40: "..."}`, as diffusers has them for FreeNoise.

Each text lasts from its frame, counted from 0, to the next one; the last to the end of the clip.
"""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from tsattn.errors import PlanError
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format, check_contiguous, ends_in, events_of
from tsattn.plan.formats.texts import Told, joined
from tsattn.plan.notation import Interval
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.segments import segment
from tsattn.plan.timeline import Clip


def recognises(data: Any) -> bool:
    """A mapping with a frame for a key."""
    return isinstance(data, dict) and any(_frame(key) is not None for key in data)


def read(data: dict[Any, Any]) -> Plan:
    """The plan of a mapping from frames to texts."""
    document.check_count(data, where="the mapping")
    texts: dict[int, str] = {}
    for key, value in data.items():
        frame = _frame(key)
        if frame is None or frame < 0:
            raise PlanError(f"the key {quoted(key)} is no frame; all keys should be numbers of frames, counted from 0")
        if frame in texts:
            raise PlanError(f"frame {frame} is there twice")
        texts[frame] = document.text(value, where=f"the text of frame {frame}")
    frames = sorted(texts)
    told = []
    for start, end in zip_longest(frames, frames[1:]):
        interval = Interval(Decimal(start), None if end is None else Decimal(end), "frames")
        told.append(Told(texts[start], segment(interval, name=f"frame {start}")))
    return joined(told)


def write(plan: Plan, clip: Clip | None) -> str:
    """A mapping that is Python and YAML at once."""
    _, told = events_of(plan)
    ends = [ends_in("frames", one, clip, may_be_open=one is told[-1]) for one in told]
    ends = [(round(start), None if end is None else round(end)) for start, end in ends]
    check_contiguous(ends, told)
    if ends[-1][1] is not None:
        raise PlanError(
            f"{quoted(told[-1].text)} ends at frame {ends[-1][1]}, but in this format the last text lasts to the clip's end"
        )
    lines = (
        f"  {start}: {json.dumps(one.text, ensure_ascii=False)},\n" for (start, _), one in zip(ends, told, strict=True)
    )
    return "{\n" + "".join(lines) + "}\n"


FORMAT = Format("frames", 'a prompt per frame, diffusers\' {0: "...", 40: "..."}', recognises, read, write)


def _frame(key: Any) -> int | None:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    return int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10 else None
