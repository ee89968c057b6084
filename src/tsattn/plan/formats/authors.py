"""The JSON of TS-Attn's authors: `{prompt, subject, motion[], event_range}`, alone or under the name of a video."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tsattn.errors import PlanError
from tsattn.plan.formats import document
from tsattn.plan.formats.base import Format
from tsattn.plan.notation import write_decimal
from tsattn.plan.schema import LARGEST_TIME, Plan, Segment, locate, quoted, uniform, validated
from tsattn.plan.segments import one_after_the_other
from tsattn.plan.timeline import Clip

BENCHMARK = ("event_list", "class")
"""Keys about the benchmark that a prompt comes from."""
KEYS = ("prompt", "subject", "motion", "event_range", *BENCHMARK)
_LONGEST_NAME = 198


def recognises(data: Any) -> bool:
    """A mapping with motions, or one of such mappings."""
    return _is_one(data) or (isinstance(data, dict) and any(map(_is_one, data.values())))


def read(data: Mapping[str, Any]) -> Plan:
    """The plan of one prompt. Raises `PlanError` where the file holds several."""
    where = ""
    if not _is_one(data):
        if len(data) > 1:
            names = ", ".join(quoted(name) for name in list(data)[:3])
            raise PlanError(f"it holds {len(data)} prompts ({names} ...), but a plan is for one; keep one of them")
        where, data = next(iter(data.items()))
        where = str(where)
    entry = document.fields(data, KEYS, where=where)
    prompt = document.text_in(entry, "prompt", where=where)
    subject = entry.get("subject")
    if isinstance(subject, list) and len(subject) > 1:
        raise PlanError(
            f"subject names {len(subject)}, but the format does not say which motion is whose; write a plan with subjects"
        )
    name = document.text(subject[0] if isinstance(subject, list) and subject else subject, where="subject")
    motions = [
        document.text(motion, where=f"motion[{k}]") for k, motion in enumerate(document.items_in(entry, "motion"))
    ]
    segments = _segments(entry.get("event_range"), len(motions))
    events = [
        {"text": motion, "span": _span(prompt, motion, f"motion[{k}]"), "segment": segment}
        for k, (motion, segment) in enumerate(zip(motions, segments, strict=True))
    ]
    return validated({"prompt": prompt, "subjects": [{"text": name, "span": _first(prompt, name), "events": events}]})


def write(plan: Plan, clip: Clip | None) -> str:
    """One prompt under its name, as the authors' code reads it."""
    if len(plan.subjects) > 1:
        names = ", ".join(quoted(subject.text) for subject in plan.subjects)
        raise PlanError(f"there are {len(plan.subjects)} subjects ({names}), but this format has one")
    (subject,) = plan.subjects
    bounds = [Decimal(0)]
    for event in subject.events:
        start, end = _fractions(event.segment, clip)
        if start != bounds[-1]:
            raise PlanError(
                f"{event.text!r} does not begin where the event before it ends, or at 0; this format has no gaps"
            )
        bounds.append(end)
    if bounds[-1] != 1:
        raise PlanError(f"{subject.events[-1].text!r} ends before the clip, but in this format the events fill it")
    lengths = [after - before for before, after in pairwise(bounds)]
    entry = {
        "prompt": plan.prompt,
        "subject": subject.text,
        "motion": [event.text for event in subject.events],
        "event_range": f"[{', '.join(map(_plain, lengths))}]",
    }
    name = "_".join(re.sub(r"[^\w\s]", "", plan.prompt).split())[:_LONGEST_NAME]
    return json.dumps({f"{name}.mp4": entry}, indent=2, ensure_ascii=False) + "\n"


FORMAT = Format("authors", "that of TS-Attn's authors: subject, motion, event_range", recognises, read, write)


def _is_one(data: Any) -> bool:
    return isinstance(data, dict) and not data.keys().isdisjoint(("motion", "event_range"))


def _first(prompt: str, subject: str) -> tuple[int, int]:
    """Where the subject stands first: again is the same subject, though not the same words."""
    match = re.search(rf"(?<!\w){re.escape(subject)}(?!\w)", prompt)
    if match is None:
        raise PlanError(
            f"subject: {quoted(subject)} does not occur in the prompt {quoted(prompt)}; write it as it is there"
        )
    return match.span()


def _span(prompt: str, phrase: str, where: str) -> tuple[int, int]:
    try:
        return locate(prompt, phrase)
    except PlanError as error:
        raise PlanError(f"{where}: {error}") from error


def _segments(value: Any, count: int) -> list[Segment]:
    if value is None:
        return uniform(count)
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        shares = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        shares = None
    if not isinstance(shares, list) or not all(isinstance(share, Decimal) for share in shares):
        raise PlanError(f'event_range should be a list of shares such as "[0.6, 0.4]", but is {quoted(value)}')
    if len(shares) != count:
        raise PlanError(f"event_range has {len(shares)} shares, but there are {count} motions; give one for each")
    for k, share in enumerate(shares):
        if not 0 < share <= LARGEST_TIME:
            raise PlanError(f"event_range[{k}] should be a share of the clip above 0, but is {share}")
    return one_after_the_other(shares, "fraction", names=[f"event_range[{k}]" for k in range(count)])


def _fractions(segment: Segment, clip: Clip | None) -> tuple[Decimal, Decimal]:
    start, end = segment.start, 1.0 if segment.end is None and segment.unit == "fraction" else segment.end
    if segment.unit != "fraction":
        if clip is None:
            raise PlanError(f"the segment {segment} is no fraction of the clip; give the clip, and it is converted")
        start = clip.frame_at(start, segment.unit) / clip.frames
        end = 1.0 if end is None else min(clip.frame_at(end, segment.unit) / clip.frames, 1.0)
    return Decimal(repr(float(start))), Decimal(repr(float(end or 1)))


def _plain(length: Decimal) -> str:
    return write_decimal(length, "frames").removesuffix("f")
