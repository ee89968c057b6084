"""Plans on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tsattn.errors import PlanError
from tsattn.palette import event_colour
from tsattn.plan import Plan, parse, parse_segments

BAR = 40
"""Width of a timeline bar, in characters."""


def make_plan(prompt: str | None, plan_file: Path | None, segments: str | None) -> Plan:
    """The plan of a prompt or a file, with other segments where given. Raises `PlanError`."""
    if plan_file is not None:
        plan = Plan.load(plan_file)
        if prompt is not None and prompt != plan.prompt:
            raise PlanError(
                f"the plan {plan_file} is for the prompt {plan.prompt!r}, but the prompt given is {prompt!r}"
            )
    elif prompt is not None:
        plan = parse(prompt)
    else:
        raise PlanError("give a prompt, or a plan file with --plan")
    return plan.with_segments(parse_segments(segments)) if segments is not None else plan


def highlighted(plan: Plan) -> Text:
    """The prompt with its subjects underlined and each event in its colour."""
    text = Text(plan.prompt)
    number = 0
    for subject in plan.subjects:
        text.stylize("bold underline", *subject.span)
        for event in subject.events:
            text.stylize(event_colour(number), *event.span)
            number += 1
    return text


def show(plan: Plan) -> None:
    """Print the prompt and a timeline bar for each event."""
    console = Console()
    console.print(highlighted(plan))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("subject", "event", "segment", "timeline"):
        table.add_column(heading)
    end = max((e.segment.end for s in plan.subjects for e in s.events if e.segment.unit == "seconds"), default=1.0)
    number = 0
    for subject in plan.subjects:
        for event in subject.events:
            whole = end if event.segment.unit == "seconds" else 1.0
            first, last = (round(BAR * moment / whole) for moment in (event.segment.start, event.segment.end))
            bar = Text("·" * first, "dim") + Text("█" * max(1, last - first), event_colour(number))
            bar.append("·" * (BAR - len(bar)), "dim")
            table.add_row(Text(subject.text), Text(event.text, event_colour(number)), str(event.segment), bar)
            number += 1
    console.print(table)
