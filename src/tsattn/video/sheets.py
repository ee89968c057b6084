"""Videos against their plan: two side by side, or a sheet of evenly spaced frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip
from tsattn.video import strips as draw
from tsattn.video.mp4 import Frames, check_frames
from tsattn.video.page import DARK, LIGHT, Page, lanes_of, stacked
from tsattn.video.text import font_of, legible


class Row(NamedTuple):
    """One video of a contact sheet: its label, its frames, and whether each event happened.

    `done` is in the order of the plan's subjects and their events; None where there is no verdict.
    """

    label: str
    video: Frames
    done: list[bool] | None


def side_by_side(left: Frames, right: Frames, *, labels: tuple[str, str], plan: Plan, clip: Clip, scale: int) -> Frames:
    """Two videos of the same clip next to each other, with the plan's timeline beneath and the events that are due.

    Both videos have shape (f, y, x, 3) with f the clip's frames; their pixels become squares of `scale` pixels.
    Returns frames of shape (f, page y, page x, 3). Raises `ValueError` where the videos do not fit each other or the
    clip, and `PlanError` where the plan does not fit the clip.
    """
    for video in (left, right):
        check_frames(video, count=clip.frames)
    if left.shape != right.shape or scale < 1:
        raise ValueError(f"expected videos of one size and scale >= 1, but got {left.shape}, {right.shape} and {scale}")
    lanes = lanes_of(plan, clip)
    wide = left.shape[2] * scale
    size = min(max(2 * wide // 36, 12), 32)
    page = Page(2 * wide + 3 * size, size, 2 * wide + 2 * size, clip.frames, size, DARK)
    places = (size, wide + 2 * size)
    head, ticks = draw.headings(page, labels, places, wide), draw.ticks(page, clip)
    bars, space = [draw.bar(page, lane) for lane in lanes], page.blank(size // 2)
    frames = []
    for now, pair in enumerate(zip(left, right, strict=True)):
        videos = [Image.fromarray(frame.repeat(scale, axis=0).repeat(scale, axis=1)) for frame in pair]
        strips = [space, head, draw.beside(page, videos, places), space]
        for lane, bar in zip(lanes, bars, strict=True):
            if lane.subject:
                strips.append(draw.due_now(page, [other for other in lanes if other.owner == lane.owner], now))
            strips.append(draw.playhead(page, bar.copy(), now))
        frames.append(np.asarray(stacked([*strips, ticks, space])))
    return np.stack(frames)


def contact_sheet(rows: Sequence[Row], *, plan: Plan, clip: Clip, columns: int = 13, cell: int = 128) -> Image.Image:
    """Evenly spaced frames of each video, one row each, under the prompt and the timeline of its events.

    Frames are `cell` pixels wide and stand where their time is on the timeline; text grows with them. Under a row with
    verdicts, each event is marked done or missed. Raises `ValueError` where a row does not fit the clip or the plan,
    and `PlanError` where the plan does not fit the clip.
    """
    lanes = lanes_of(plan, clip)
    events = sum(len(lane.events) for lane in lanes)
    for row in rows:
        check_frames(row.video, count=clip.frames)
        if row.done is not None and len(row.done) != events:
            raise ValueError(f"the plan has {events} events, but {row.label!r} has {len(row.done)} verdicts")
    if columns < 1 or cell < 32:
        raise ValueError(f"a sheet needs at least 1 column of 32 pixels, but got columns={columns} and cell={cell}")
    columns, size = min(columns, clip.frames), cell // 5
    names = [legible(name) for name in (*(row.label for row in rows), *(lane.subject for lane in lanes))]
    left = 2 * size + min(2 * cell, round(max(font_of(size).getlength(name) for name in names)) + 1)
    page = Page(left + columns * cell + size, left, left + columns * cell, clip.frames, size, LIGHT)
    space = page.blank(size // 2)
    strips = [space, draw.title(page, plan.prompt), page.blank(size // 3)]
    strips += [*(draw.bar(page, lane) for lane in lanes), draw.ticks(page, clip)]
    for row in rows:
        strips += [space, draw.film(page, row.label, row.video, columns)]
        if row.done is not None:
            strips += [draw.verdicts(page, lane, row.done) for lane in lanes]
    return stacked([*strips, space])
