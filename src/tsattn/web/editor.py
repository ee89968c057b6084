"""The timeline editor's side of the plan: what is drawn of it, and what each edit makes of it.

The plan is the only truth: the page sends an edit, gets a whole view back and draws that. Everything here is a function
from plans to plans or to JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, pairwise
from typing import Any

from tsattn.errors import PlanError
from tsattn.palette import event_colour, ink_on
from tsattn.plan.formats import read_text
from tsattn.plan.notation import Unit
from tsattn.plan.parser import parse
from tsattn.plan.schema import Event, Plan, Segment, locate, quoted, uniform, validated
from tsattn.plan.timeline import Clip, Stretch, misfits, overruns, remarks, snap_plan

View = dict[str, Any]
"""What the page draws, as JSON.

`plan` (None where the prompt gives none), `kept` (the plan whose timing a person chose, or None), `words` (the prompt in
pieces), `rows` (a subject each, with its events and their latent frames), `clip` (frames, fps, the first frame of each
latent frame and the end) and `problems` (each with `level` "error" or "warning", and `text`).
"""
Row = list[tuple[Event, Stretch]]


def view(plan: Plan, clip: Clip, *, kept: Plan | None = None) -> View:
    """What is drawn of a plan on a clip, whether it fits or not."""
    wrong = misfits(plan, clip)
    odd = [] if wrong else [*overruns(plan, clip), *remarks(plan, snap_plan(plan, clip), clip)]
    problems = [("error", text) for text in wrong] + [("warning", text) for text in odd]
    return {
        "plan": plan.model_dump(mode="json"),
        "kept": None if kept is None else kept.model_dump(mode="json"),
        "words": words(plan),
        "rows": drawn(plan, clip),
        "clip": ruler(clip),
        "problems": [{"level": level, "text": text} for level, text in problems],
    }


def no_view(problem: str, clip: Clip, *, kept: Plan | None = None) -> View:
    """What is drawn where the prompt gives no plan."""
    return {
        "plan": None,
        "kept": None if kept is None else kept.model_dump(mode="json"),
        "words": [],
        "rows": [],
        "clip": ruler(clip),
        "problems": [{"level": "error", "text": problem}],
    }


def ruler(clip: Clip) -> dict[str, Any]:
    """The clip's frames, frames per second, and the frames on which latent frames begin or end."""
    bounds = [clip.first_frame(latent) for latent in range(clip.latent_frames + 1)]
    return {"frames": clip.frames, "fps": clip.fps, "bounds": bounds}


def words(plan: Plan) -> list[dict[str, Any]]:
    """The prompt in pieces, each with the number of the event that it belongs to and whether it names a subject."""
    events = [event.span for subject in plan.subjects for event in subject.events]
    subjects = [subject.span for subject in plan.subjects]
    cuts = sorted({0, len(plan.prompt), *chain.from_iterable(events + subjects)})
    return [
        {
            "text": plan.prompt[first:last],
            "event": next((k for k, span in enumerate(events) if span[0] <= first < span[1]), None),
            "subject": any(span[0] <= first < span[1] for span in subjects),
        }
        for first, last in pairwise(cuts)
    ]


def drawn(plan: Plan, clip: Clip) -> list[dict[str, Any]]:
    """A row for each subject: its events with their number over all subjects, colours and latent frames."""
    rows, number = [], 0
    for subject in plan.subjects:
        row = []
        for event, stretch in _row(subject.events, clip):
            colour = event_colour(number)
            place = {"first": stretch.first, "last": stretch.last, "segment": str(event.segment)}
            row.append({"number": number, "text": event.text, "colour": colour, "ink": ink_on(colour), **place})
            number += 1
        rows.append({"text": subject.text, "events": row})
    return rows


def replanned(text: str, kept: Plan | None) -> Plan:
    """The plan of what stands in the prompt box: a sentence, or one with timing in it, in any format.

    A sentence takes over the timing that a person chose before, as long as it tells as many events of as many subjects.
    Raises `PlanError`.
    """

    def plain(sentence: str) -> Plan:
        plan = parse(sentence)
        same = kept is not None and _counts(plan) == _counts(kept)
        return plan.with_segments(_segments(kept)) if kept is not None and same else plan

    return read_text(text, plain=plain)


def edited(plan: Plan, edit: Mapping[str, Any], clip: Clip) -> Plan:
    """The plan after an edit: `do` says which, `subject` and `event` count from 0. Raises `PlanError` where it cannot be."""
    do = _EDITS.get(str(edit.get("do")))
    if do is None:
        raise PlanError(f"unknown edit {quoted(edit.get('do'))}; there are {', '.join(_EDITS)}")
    try:
        rows = [_row(subject.events, clip) for subject in plan.subjects]
        return do(plan, rows, edit, clip)
    except PlanError:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise PlanError(f"the edit {quoted(dict(edit))} does not fit the plan; reload the page") from error


def _edge(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """The "start" or "end" of event `event` (`edge` says which) moves to latent frame `at`, or as near as it can be.

    An edge that another event shares moves for both, unless `alone`.
    """
    row, k, at = rows[edit["subject"]], edit["event"], int(edit["at"])
    event, (first, last) = row[k]
    starts = edit["edge"] == "start"
    shared = first if starts else last
    others = [] if edit.get("alone") else [j for j in range(len(row)) if row[j][1][starts] == shared and j != k]
    if starts:
        at = min(max(at, 0, *(row[j][1].first + 1 for j in others)), last - 1)
        row[k] = event, Stretch(at, last)
    else:
        at = max(min(at, clip.latent_frames, *(row[j][1].last - 1 for j in others)), first + 1)
        row[k] = event, Stretch(first, at)
    for j in others:
        near, stretch = row[j]
        row[j] = near, Stretch(stretch.first, at) if starts else Stretch(at, stretch.last)
    return _with_row(plan, edit["subject"], row, clip)


def _shift(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """Event `event` begins with latent frame `to`, or as near as it can, and keeps its length."""
    row, k = rows[edit["subject"]], edit["event"]
    event, (first, last) = row[k]
    to = min(max(int(edit["to"]), 0), clip.latent_frames - (last - first))
    row[k] = event, Stretch(to, to + last - first)
    return _with_row(plan, edit["subject"], row, clip)


def _move(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """Event `event` changes places with the one before (`by` -1) or after it (`by` 1); both keep their lengths."""
    row = rows[edit["subject"]]
    one, two = sorted((edit["event"], edit["event"] + edit["by"]))
    if one < 0:
        raise IndexError(one)
    (early, a), (late, b) = row[one], row[two]
    row[one] = late, Stretch(a.first, a.first + b.last - b.first)
    row[two] = early, Stretch(b.last - (a.last - a.first), b.last)
    return _with_row(plan, edit["subject"], row, clip)


def _remove(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """Event `event` goes, and a neighbour that touches it takes its time; with its last event goes the subject."""
    row, k = rows[edit["subject"]], edit["event"]
    if len(row) == 1 and len(rows) == 1:
        raise PlanError("a plan needs an event; add another one first, or change the prompt")
    _, gone = row.pop(k)
    for near in (k - 1, k):
        if 0 <= near < len(row) and (row[near][1].last == gone.first or row[near][1].first == gone.last):
            event, kept = row[near]
            row[near] = event, Stretch(min(kept.first, gone.first), max(kept.last, gone.last))
            break
    return _with_row(plan, edit["subject"], row, clip)


def _add(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """The words `text` of the prompt become an event in the second half of the last event that has room for two.

    With `write`, words that the prompt lacks are written at its end.
    """
    text = " ".join(str(edit["text"]).split())
    if not text:
        raise PlanError("say which words of the prompt are the event")
    prompt = plan.prompt
    if edit.get("write") and text not in prompt:
        end = len(prompt.rstrip(" .!"))
        prompt = f"{prompt[:end]}, then {text}{prompt[end:]}"
    span = locate(prompt, text)
    row = rows[edit["subject"]]
    k = next((k for k in reversed(range(len(row))) if row[k][1].last - row[k][1].first > 1), None)
    if k is None:
        raise PlanError(
            f"there is no room for {quoted(text)}: every event has a single latent frame; remove one, or make the clip longer"
        )
    event, (first, last) = row[k]
    middle = (first + last + 1) // 2
    new = Event(text=text, span=span, segment=Segment(unit=event.segment.unit))
    row[k : k + 1] = [(event, Stretch(first, middle)), (new, Stretch(middle, last))]
    longer = plan.model_copy(update={"prompt": prompt})
    return _with_row(longer, edit["subject"], row, clip)


def _words(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """Event `event` is told by the words `text` of the prompt."""
    row, k, text = rows[edit["subject"]], edit["event"], " ".join(str(edit["text"]).split())
    event, stretch = row[k]
    row[k] = event.model_copy(update={"text": text, "span": locate(plan.prompt, text)}), stretch
    return _with_row(plan, edit["subject"], row, clip)


def _even(plan: Plan, rows: list[Row], edit: Mapping[str, Any], clip: Clip) -> Plan:
    """The events of each subject share the clip evenly."""
    return plan.with_segments([segment for row in rows for segment in uniform(len(row))])


_EDITS: dict[str, Callable[[Plan, list[Row], Mapping[str, Any], Clip], Plan]] = {
    "edge": _edge,
    "shift": _shift,
    "move": _move,
    "remove": _remove,
    "add": _add,
    "words": _words,
    "even": _even,
}


def _with_row(plan: Plan, subject: int, row: Row, clip: Clip) -> Plan:
    """The plan with another row of events, in the order in which they begin, all of them due in whole latent frames."""
    data = plan.model_dump()
    data["subjects"][subject]["events"] = [
        {**event.model_dump(), "segment": _segment(event.segment, stretch, clip)}
        for event, stretch in sorted(row, key=lambda pair: pair[1].first)
    ]
    data["subjects"] = [one for one in data["subjects"] if one["events"]]
    return validated(data)


def _segment(before: Segment, stretch: Stretch, clip: Clip) -> Segment:
    """The latent frames as a segment in the unit that the event had."""
    ends = [_time(clip.first_frame(latent), before.unit, clip) for latent in stretch]
    open_end = before.end is None and stretch.last == clip.latent_frames and before.start > 0
    return Segment(start=ends[0], end=None if open_end else ends[1], unit=before.unit)


def _time(frame: int, unit: Unit, clip: Clip) -> float:
    """Rounded far below half a latent frame, so that files hold 0.160494 and not 0.16049382716049382."""
    return round(float(clip.time_at(frame, unit)), 6)


def _row(events: tuple[Event, ...], clip: Clip) -> Row:
    return [(event, _nearest(event.segment, clip)) for event in events]


def _nearest(segment: Segment, clip: Clip) -> Stretch:
    """Where a segment is drawn: as `timeline.snap` has it where it fits, else at the nearest place that there is."""
    end = clip.frames if segment.end is None else clip.frame_at(segment.end, segment.unit)
    frames = (clip.frame_at(segment.start, segment.unit), end)
    first, last = (int(clip.time_at(min(frame, clip.frames), "latent_frames")) for frame in frames)
    first = min(first, clip.latent_frames - 1)
    return Stretch(first, max(last, first + 1))


def _counts(plan: Plan) -> list[int]:
    return [len(subject.events) for subject in plan.subjects]


def _segments(plan: Plan) -> list[Segment]:
    return [event.segment for subject in plan.subjects for event in subject.events]
