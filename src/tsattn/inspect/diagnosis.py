"""What the numbers of a record say, in sentences a person can act on, from thresholds that are stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.inspect.store import Array, Due, Record

Level = Literal["problem", "note", "good"]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Above or below what the diagnosis speaks up."""

    small_region: float = 0.05
    """Share of a frame's tokens below which a motion region is called small: control changes so few tokens."""
    large_region: float = 0.5
    """The same above which it is called large: it is no longer the subject that is found."""
    tie: float = 0.1
    """Lead, (first - second) / (first + second), below which two events are called tied."""
    raised: float = 1.25
    """Ratio of an event's share after and before control below which control is said to do little."""
    starved: float = 0.5
    """Ratio of the share of the subject's own words after and before control below which the subject is said to pay."""
    rest: float = 0.75
    """Share of the attention on text that is neither subject nor event above which that is worth a note."""


class Finding(NamedTuple):
    """One sentence; `event` is the number from 0 of the event it is about, None for the whole run."""

    event: int | None
    level: Level
    text: str


def diagnose(
    record: Record,
    *,
    baseline: Record | None = None,
    done: Sequence[bool | None] | None = None,
    thresholds: Thresholds = Thresholds(),
) -> list[Finding]:
    """What to know of a run, problems first.

    `baseline` is the record of the model alone, `done` says for each event whether it was seen to happen in its segment.
    All is about the recorded steps of the conditional pass, inside the motion region.
    """
    found: list[Finding] = []
    for due in record.events:
        if not record.everywhere:
            found += _region(record, due, thresholds)
        found += _lead(record, due, thresholds)
        if record.acted:
            found += _raise(record, due, thresholds)
        if baseline is not None:
            found += _alone(baseline, due)
        if done is not None:
            found += _seen(
                due, done[due.number], troubled=any(f.event == due.number and f.level == "problem" for f in found)
            )
    found += _swapped(record) + _starved(record, thresholds) + _whole(record, thresholds)
    order = {"problem": 0, "note": 1, "good": 2}
    return sorted(found, key=lambda finding: (order[finding.level], -1 if finding.event is None else finding.event))


def _region(record: Record, due: Due, thresholds: Thresholds) -> list[Finding]:
    """Whether there is a region to act in, and whether it is the subject's."""
    region = f"the region of {record.plan.subjects[due.subject].text!r}"
    share = record.region[:, :, due.subject].mean((0, 1))
    empty, small = (
        [frame for frame in range(*due.stretch) if share[frame] <= bound] for bound in (0.0, thresholds.small_region)
    )
    mean = share[slice(*due.stretch)].mean()
    if empty:
        ask = "is the subject too small, or erosion too strong? (erosion=1 keeps every token)"
        return [_problem(due, f"{region} is empty in {_frames(empty)}, so control cannot act there: {ask}")]
    if small:
        covers = f"{region} covers {_percent(share[small].mean())} of {_frames(small)}"
        return [_problem(due, f"{covers}: is the subject too small?")]
    if mean > thresholds.large_region:
        covers = f"{region} covers {_percent(mean)} of its frames"
        return [_note(due, f"{covers}: the model does not tell the subject from the rest")]
    return []


def _lead(record: Record, due: Due, thresholds: Thresholds) -> list[Finding]:
    """Whether an event has more attention than the subject's other events where it alone is due."""
    others = [one for one in record.events if one.subject == due.subject and one.number != due.number]
    shares = record.inside(after=True)
    frames = [f for f in range(*due.stretch) if np.isfinite(shares[due.number, f]) and not _due_too(others, f)]
    if not others or not frames:
        return []
    own = shares[due.number, frames]
    rivals = shares[[one.number for one in others]][:, frames]
    rival, most = _named(others[int(rivals.mean(1).argmax())]), rivals.max(0)
    ahead, lead = own > most, float(((own - most) / np.maximum(own + most, 1e-12)).mean())
    if not ahead.any():
        return [_problem(due, f"it never gets more attention than {rival} in its own segment ({_frames(frames)})")]
    if not ahead.all():
        behind = _frames([frame for frame, first in zip(frames, ahead, strict=True) if not first])
        return [_problem(due, f"another event of the subject, mostly {rival}, has more attention in {behind}")]
    if lead < thresholds.tie:
        return [_problem(due, f"it is all but tied with {rival} in its own segment, so the two may blend")]
    share = _percent(own.mean())
    return [Finding(due.number, "good", f"{_named(due)} has the most attention in all of its segment ({share})")]


def _raise(record: Record, due: Due, thresholds: Thresholds) -> list[Finding]:
    """How much control raises an event where it is due."""
    before, after = (_mean(record.inside(after=one)[due.number], due) for one in (False, True))
    if not (before > 0 and after < thresholds.raised * before):
        return []
    return [
        _note(
            due, f"control raises it from {_percent(before)} to {_percent(after)} only; try a larger strength or r_max"
        )
    ]


def _alone(baseline: Record, due: Due) -> list[Finding]:
    """Whether the model alone routes its attention by time."""
    shares = baseline.inside(after=False)[due.number]
    own, outside = _mean(shares, due), np.delete(shares, np.arange(*due.stretch))
    elsewhere = float(np.nanmean(outside)) if np.isfinite(outside).any() else float("nan")
    if not own <= elsewhere:
        return []
    figures = f"{_percent(own)} against {_percent(elsewhere)}"
    return [_note(due, f"the model alone gives it no more attention in its segment than elsewhere ({figures})")]


def _seen(due: Due, done: bool | None, *, troubled: bool) -> list[Finding]:
    """What the verdict adds to all of that."""
    if done is None or done != troubled:
        return []
    if done:
        return [_note(due, "it happened all the same")]
    why = "the later steps undid it, the subject was lost, or the model cannot do it"
    return [_problem(due, f"it was missed although it has the attention it should have: {why}")]


def _swapped(record: Record) -> list[Finding]:
    shares, found = record.inside(after=True), []
    for one, other in combinations(record.events, 2):
        if one.subject != other.subject or one.stretch == other.stretch:
            continue
        here = _mean(shares[other.number], one) > _mean(shares[one.number], one)
        there = _mean(shares[one.number], other) > _mean(shares[other.number], other)
        if here and there:
            text = f"{_named(one)} and {_named(other)} look swapped: each has more attention in the other's segment"
            found.append(Finding(one.number, "problem", text))
    return found


def _starved(record: Record, thresholds: Thresholds) -> list[Finding]:
    """Whether control takes so much from a subject's own words that its looks may suffer."""
    found, events = [], len(record.events)
    for number, subject in enumerate(record.plan.subjects):
        before, after = (record.inside(after=one)[events + number] for one in (False, True))
        if not np.isfinite(before).any() or np.nanmean(after) >= thresholds.starved * np.nanmean(before):
            continue
        change = f"{_percent(float(np.nanmean(before)))} to {_percent(float(np.nanmean(after)))}"
        text = f"control takes the attention from {subject.text!r} itself ({change}), so it may lose its looks"
        found.append(Finding(None, "problem", f"{text}; try --method gentle, or a smaller strength"))
    return found


def _whole(record: Record, thresholds: Thresholds) -> list[Finding]:
    found = []
    rest = (
        float(np.nanmean(record.inside(after=False)[-1])) if np.isfinite(record.inside(after=False)[-1]).any() else 0.0
    )
    if rest > thresholds.rest:
        whose = "the attention" if record.everywhere else "the region's attention"
        text = f"before control, {_percent(rest)} of {whose} goes to other words and padding"
        found.append(Finding(None, "note", text))
    if record.skipped:
        steps = ", ".join(str(step + 1) for step in record.skipped)
        found.append(Finding(None, "note", f"steps {steps} are not recorded: a cache left out blocks in them"))
    return found


def _problem(due: Due, text: str) -> Finding:
    return Finding(due.number, "problem", f"{_named(due)}: {text}")


def _note(due: Due, text: str) -> Finding:
    return Finding(due.number, "note", f"{_named(due)}: {text}")


def _named(due: Due) -> str:
    return f"event {due.number + 1} {due.text!r}"


def _due_too(others: Sequence[Due], frame: int) -> bool:
    return any(one.stretch.first <= frame < one.stretch.last for one in others)


def _mean(shares: Array, due: Due) -> float:
    """Mean over an event's segment; NaN where there is no region in it."""
    own = shares[slice(*due.stretch)]
    own = own[np.isfinite(own)]
    return float(own.mean()) if len(own) else float("nan")


def _frames(frames: Sequence[int] | NDArray[np.int_]) -> str:
    """Latent frames in words, by their stretches."""
    parts: list[list[int]] = []
    for frame in map(int, frames):
        if parts and frame == parts[-1][1] + 1:
            parts[-1][1] = frame
        else:
            parts.append([frame, frame])
    named = [f"{first}" if first == last else f"{first}-{last}" for first, last in parts]
    return f"latent frame{'s' if len(frames) > 1 else ''} {', '.join(named)}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
