"""TS-Attn: multi-event video from one prompt, with the weights of the model you have.

    prompt ──parse──▶ Plan ──control──▶ pipeline run ──▶ video
                       │                    │
             subjects, events,     in early steps, inside the moving subject's region,
             segments of the clip  each frame attends to the words of the event that is due

    import tsattn

    plan = tsattn.plan.parse("A cat watches a bowl, then dips its paw into the water, then takes it out")
    with tsattn.control(pipe, plan):
        video = pipe(plan.prompt).frames[0]

Source of the method: arXiv 2604.19473 (ICLR 2026). Importing tsattn loads neither torch nor diffusers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# imported now, so that the name means the function and not the package it comes from
from tsattn.control import ControlConfig, columns, control, disable, enable
from tsattn.errors import TsattnError
from tsattn.inspect import record

if TYPE_CHECKING:
    from tsattn import plan
    from tsattn.plan import Event, Plan, Segment, Subject, parse

__version__ = "0.1.0"
__all__ = [
    "ControlConfig",
    "Event",
    "Plan",
    "Segment",
    "Subject",
    "TsattnError",
    "columns",
    "control",
    "disable",
    "enable",
    "parse",
    "plan",
    "record",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "plan":
        return importlib.import_module("tsattn.plan")
    if name in ("Event", "Plan", "Segment", "Subject", "parse"):
        return getattr(importlib.import_module("tsattn.plan"), name)
    raise AttributeError(f"module 'tsattn' has no attribute {name!r}")
