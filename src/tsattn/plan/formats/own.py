"""Our own plan files: everything a plan holds, in JSON or YAML. `docs/plan.schema.json` describes them."""

from __future__ import annotations

from typing import Any

from tsattn.errors import PlanError
from tsattn.plan.formats.base import Format
from tsattn.plan.formats.document import add_scalars
from tsattn.plan.schema import Event, Plan, Subject, locate, validated
from tsattn.plan.timeline import Clip

KEYS = frozenset(Plan.model_fields)
_MAP, _LIST = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


def recognises(data: Any) -> bool:
    """A mapping with subjects, or with a prompt and nothing that another format has."""
    return isinstance(data, dict) and ("subjects" in data or ("prompt" in data and data.keys() <= KEYS))


def write_json(plan: Plan, clip: Clip | None) -> str:
    """All of it, for programs."""
    return plan.model_dump_json(indent=2) + "\n"


def write_yaml(plan: Plan, clip: Clip | None) -> str:
    """For people: a line for each event, segments as text, and spans only where the words alone do not tell."""
    import yaml  # type: ignore[import-untyped, unused-ignore]

    subjects = [
        {
            **_words(plan, subject),
            "events": [_Line(_words(plan, event), segment=event.segment.written) for event in subject.events],
        }
        for subject in plan.subjects
    ]
    data = {"version": plan.version, "prompt": plan.prompt, "subjects": subjects}
    dumper: Any = type("PlanDumper", (yaml.SafeDumper,), {})
    add_scalars(dumper)
    dumper.add_representer(tuple, lambda dump, span: dump.represent_sequence(_LIST, span, flow_style=True))
    dumper.add_representer(_Line, lambda dump, event: dump.represent_mapping(_MAP, event.items(), flow_style=True))
    # unescaped, line separators such as U+0085 come back as spaces
    text: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=plan.prompt.isprintable(), width=100)
    return text


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


def _words(plan: Plan, part: Subject | Event) -> dict[str, Any]:
    try:
        locate(plan.prompt, part.text)
    except PlanError:
        return {"text": part.text, "span": part.span}
    return {"text": part.text}


JSON = Format("json", "ours, for programs", recognises, validated, write_json)
YAML = Format("yaml", "ours, for people", recognises, validated, write_yaml)
