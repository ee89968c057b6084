"""Plans drawn on the terminal: the prompt in colours, and a bar of latent frames with its rulers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tsattn.palette import event_colour, ink_on
from tsattn.plan.schema import Event, Plan
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip, Stretch

WIDEST_LABEL = 14
"""Columns for the name of a subject."""
WIDEST_CELL = 8
"""Columns for a latent frame."""
NARROWEST_CELL = 3
"""Columns for a latent frame below which they need not be the same for all."""
TICK = 7
"""Columns between two numbers on a ruler at least."""


class Due(NamedTuple):
    """An event of a plan, counted over all subjects, and its latent frames."""

    number: int
    event: Event
    stretch: Stretch

    @property
    def colour(self) -> str:
        """The colour in which it is shown everywhere."""
        return event_colour(self.number)


def highlighted(plan: Plan) -> Text:
    """The prompt with its subjects underlined and each event in its colour."""
    text = _legible(plan.prompt)
    number = 0
    for subject in plan.subjects:
        text.stylize("bold underline", *subject.span)
        for event in subject.events:
            text.stylize(event_colour(number), *event.span)
            number += 1
    return text


def bar(plan: Plan, rows: Sequence[Sequence[Stretch]], clip: Clip, *, width: int) -> Text:
    """The clip's latent frames from left to right, a line for each subject, and more where its events overlap."""
    label = min(WIDEST_LABEL, max(7, *(cell_len(subject.text) for subject in plan.subjects)))
    room = width - label - 8  # the number at the end stands behind it
    cell = min(WIDEST_CELL, room // clip.latent_frames)
    full = cell * clip.latent_frames if cell >= NARROWEST_CELL else room

    def column(latent: int) -> int:
        return round(latent * full / clip.latent_frames)

    ticks = _ticks(clip, column)
    shown: dict[str, Callable[[int], str]] = {
        "latent": lambda latent: str(latent) if latent < clip.latent_frames else "",
        "frame": lambda latent: str(clip.first_frame(latent)),
        "second": lambda latent: f"{clip.first_frame(latent) / clip.fps:.2f}",
    }
    lines = []
    for name, text in shown.items():
        ruler = name.ljust(label + 2)
        for latent in ticks:
            ruler = ruler.ljust(label + 2 + column(latent)) + text(latent)
        lines.append(Text(ruler.rstrip(), "dim"))
    for name, lane in _lanes(plan, rows):
        line = _legible(name, "bold")
        line.truncate(label, overflow="ellipsis", pad=True)
        line.append("  ")
        at = 0
        for due in lane:
            first, last = column(due.stretch.first), max(column(due.stretch.last), column(due.stretch.first) + 1)
            line.append("·" * (first - at), "dim")
            line.append(str(due.number + 1)[: last - first], f"bold {ink_on(due.colour)} on {due.colour}")
            line.append("█" * (last - first - len(str(due.number + 1))), due.colour)
            at = last
        line.append("·" * (column(clip.latent_frames) - at), "dim")
        lines.append(line)
    return Text("\n").join(lines)


def summary(clip: Clip, model: str) -> Text:
    """The clip in a line."""
    return Text(
        f"{model}: {clip.frames} frames at {clip.fps:g} fps, {clip.seconds:.4g} s, {clip.latent_frames} latent frames",
        "dim",
    )


def table(plan: Plan, rows: Sequence[Sequence[Stretch]], clip: Clip) -> Table:
    """Each event with its segment as asked for, and what becomes of it."""
    found = _table("#", "event", "asked for", "latent", "frames", "seconds")
    for due in _due(plan, rows):
        first, last = (clip.first_frame(latent) for latent in due.stretch)
        found.add_row(
            Text(str(due.number + 1), due.colour),
            _legible(due.event.text, due.colour),
            str(due.event.segment),
            _counted(*due.stretch),
            _counted(first, last),
            f"{first / clip.fps:.2f}-{last / clip.fps:.2f}",
        )
    return found


def words(plan: Plan, tokens: Tokens, columns: Sequence[SubjectColumns]) -> Table:
    """The words of subjects and events with the model's tokens for them."""

    def pieces(chosen: Sequence[int]) -> Text:
        return _legible("|".join(tokens.text[slice(*tokens.offsets[column])].strip() for column in chosen))

    found = _table("", "words", "tokens", f"of the prompt's {tokens.length}")
    number = 0
    for subject, (of_subject, of_events) in zip(plan.subjects, columns, strict=True):
        found.add_row("", _legible(subject.text, "bold underline"), str(len(of_subject)), pieces(of_subject))
        for event, chosen in zip(subject.events, of_events, strict=True):
            colour = event_colour(number)
            number += 1
            found.add_row(Text(str(number), colour), _legible(event.text, colour), str(len(chosen)), pieces(chosen))
    return found


def _table(*headings: str) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in headings:
        right = heading in ("#", "latent", "frames", "seconds", "tokens")
        made.add_column(heading, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return made


def _due(plan: Plan, rows: Sequence[Sequence[Stretch]]) -> list[Due]:
    events = (event for subject in plan.subjects for event in subject.events)
    stretches = (stretch for row in rows for stretch in row)
    return [Due(k, event, stretch) for k, (event, stretch) in enumerate(zip(events, stretches, strict=True))]


def _lanes(plan: Plan, rows: Sequence[Sequence[Stretch]]) -> list[tuple[str, list[Due]]]:
    """Events that do not overlap, line by line; only the first line of a subject bears its name."""
    lanes: list[tuple[str, list[Due]]] = []
    queue = iter(_due(plan, rows))
    for subject in plan.subjects:
        own: list[tuple[str, list[Due]]] = []
        for _, due in zip(subject.events, queue, strict=False):
            free = next((lane for _, lane in own if lane[-1].stretch.last <= due.stretch.first), None)
            if free is None:
                own.append(("" if own else subject.text, free := []))
            free.append(due)
        lanes += own
    return lanes


def _ticks(clip: Clip, column: Callable[[int], int]) -> list[int]:
    """Latent frames that the rulers number: the first, the end, and as many between them as there is room for."""
    ticks = [0]
    for latent in range(1, clip.latent_frames + 1):
        if column(latent) - column(ticks[-1]) >= TICK:
            ticks.append(latent)
    if ticks[-1] != clip.latent_frames and len(ticks) > 1:
        ticks[-1] = clip.latent_frames
    return ticks


def _legible(text: str, style: str = "") -> Text:
    """Text of a plan, character by character, without those that would steer the terminal."""
    return Text("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text), style)


def _counted(first: int, last: int) -> str:
    """What is counted from `first` up to but not including `last`."""
    return f"{first}" if last == first + 1 else f"{first}-{last - 1}"
