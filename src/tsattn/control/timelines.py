"""From the columns and latent frames of a plan's events to what each method marks in which frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tsattn.attention.hard_mask import hidden
from tsattn.attention.prompt_relay import relayed
from tsattn.attention.split import Timeline
from tsattn.control.config import ControlConfig
from tsattn.plan.spans import SubjectColumns
from tsattn.plan.timeline import Stretch


def timelines_of(
    subjects: Sequence[SubjectColumns],
    stretches: Sequence[Sequence[Stretch]],
    *,
    parts: int,
    length: int,
    config: ControlConfig,
) -> list[Timeline]:
    """The timeline of every subject on `length` columns, with the video cut into `parts`, of which `stretches` are some."""
    timelines = [_marked(subject, due, parts, length, config) for subject, due in zip(subjects, stretches, strict=True)]
    if config.policy == "hard-mask":
        return hidden(timelines, length)
    if config.policy == "prompt-relay":
        rows = zip(subjects, stretches, strict=True)
        return relayed(timelines, [event for one, due in rows for event in zip(one.events, due, strict=True)], length)
    return timelines


def _marked(
    subject: SubjectColumns, due: Sequence[Stretch], parts: int, length: int, config: ControlConfig
) -> Timeline:
    """What is due of a subject, and what is not."""
    chosen = torch.zeros(length)
    chosen[list(subject.subject)] = 1
    current = torch.zeros(parts, length, dtype=torch.bool)
    every = torch.zeros(length, dtype=torch.bool)
    for columns, (first, last) in zip(subject.events, due, strict=True):
        raised = {*columns, *subject.subject} if config.released_code or config.raise_subject else set(columns)
        current[first:last, list(raised)] = True
        every[list(columns)] = True
    # a frame in which nothing is due asks for nothing; a column that is due now is never suppressed
    other = every & ~current & current.any(-1, keepdim=True)
    used = (every | current.any(0)).nonzero()[:, 0]
    return Timeline(chosen, used, current[:, used], other[:, used])
