"""Videos kept to be looked at, and contact sheets of them: of the first cases there are, whatever they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tsattn.errors import OutputError
from tsattn.evaluate.shapes.cases import Case
from tsattn.evaluate.shapes.trials import Trial
from tsattn.shapes.world import FRAMES
from tsattn.video import Frames, Row, contact_sheet, moved_into_place, sweep

if TYPE_CHECKING:
    from tsattn.evaluate.shapes.matrix import Measured
    from tsattn.plan.timeline import Clip

SHOWN = 4
"""Cases of a sheet: those with the first numbers of the first seed, and none is chosen."""
CELL = 64
"""Width of a frame on a sheet, pixels."""
_FOLDER = "videos"


def kept(folder: Path, key: str) -> bool:
    """Whether a folder holds the video of a trial with this key."""
    return _path(folder, key).exists()


def clear(folder: Path) -> None:
    """Remove what a killed run left half written of pages and videos, from a folder that this run holds."""
    for place in (folder, folder / _FOLDER):
        sweep(place, "*")


def keep(folder: Path, key: str, video: Frames) -> None:
    """Keep a video (f, y, x, 3) without loss, as one picture of its frames side by side."""
    path = _path(folder, key)
    with moved_into_place(path) as part:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.concatenate(list(video), axis=1)).save(part, format="png")


def read(folder: Path, key: str) -> Frames:
    """A video that was kept, (f, y, x, 3). Raises `OutputError` where it is damaged."""
    path = _path(folder, key)
    try:
        with Image.open(path) as picture:
            return np.stack(np.split(np.asarray(picture), FRAMES, axis=1))
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot read {path}; delete it, and the same command makes it again") from error


def on_sheet(trials: Sequence[Trial]) -> Callable[[Trial], bool]:
    """Tells which trials have a row on a sheet: the first cases of the first seed, with the first segmentation."""
    first = trials[0].segmentation, trials[0].case.seed
    return lambda trial: (trial.segmentation, trial.case.seed) == first and trial.case.number < SHOWN


def sheets(measured: Sequence[Measured], folder: Path, weights: str, clip: Clip) -> dict[int, Image.Image]:
    """For each number of events its sheet: a page for each of the first cases, with a row for each method.

    Under a row, each event is marked done or missed inside its own segment, by the first segmentation that was measured.
    `weights` are those of the trials' keys.
    """
    pages: dict[int, dict[Case, list[Measured]]] = {}
    shown = on_sheet([one.trial for one in measured])
    for one in measured:
        case = one.trial.case
        if shown(one.trial):
            pages.setdefault(sum(case.events), {}).setdefault(case, []).append(one)
    return {
        events: _stacked([_page(by_case[case], folder, weights, clip) for case in sorted(by_case)])
        for events, by_case in pages.items()
    }


def _page(measured: Sequence[Measured], folder: Path, weights: str, clip: Clip) -> Image.Image:
    rows = [
        Row(
            _label(trial.method, kept=outcome.subject_kept),
            read(folder, trial.key(weights)),
            outcome.in_segment,
        )
        for trial, outcome in measured
    ]
    return contact_sheet(rows, plan=measured[0].trial.plan, clip=clip, cell=CELL)


def _label(method: str, *, kept: bool) -> str:
    """With a space after each colon, so that other numbers of a method can stand on a line of their own."""
    return method.replace(":", ": ") + ("" if kept else " (subject lost)")


def _stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Pages below each other, as wide as the widest."""
    sheet = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), "white")
    below = 0
    for page in pages:
        sheet.paste(page, (0, below))
        below += page.height
    return sheet


def _path(folder: Path, key: str) -> Path:
    return folder / _FOLDER / f"{key}.png"
