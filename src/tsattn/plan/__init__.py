"""What should happen when: a plan from a prompt or a file, placed on the clip and in the tokenized prompt."""

from __future__ import annotations

from tsattn.plan.formats import read, write
from tsattn.plan.parser import parse
from tsattn.plan.schema import Event, Plan, Segment, Subject, uniform
from tsattn.plan.segments import parse_segments

__all__ = ["Event", "Plan", "Segment", "Subject", "parse", "parse_segments", "read", "uniform", "write"]
