"""What a job does: open the model, run it, draw the charts, put all of it into the library; and the way back, from a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.generate import Model, open_model
from tsattn.plan import Plan, write
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings
from tsattn.web.editor import view
from tsattn.web.library import Entry, Library
from tsattn.web.models import Models
from tsattn.web.workshop import Job

if TYPE_CHECKING:
    from tsattn.inspect.diagnosis import Finding
    from tsattn.runs import Run, Saved


LONGEST_CLIP = 100_000
"""Frames of a clip that is loaded from a file at the most."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run as the page asks for it."""

    model: str
    """A label of `Models`."""
    plan: Plan
    settings: Settings
    control: ControlConfig
    compare: bool
    """Whether the model alone runs, too."""
    record: bool
    """Whether attention is recorded, for the charts."""

    @property
    def videos(self) -> tuple[str, ...]:
        """The videos that are made, in order."""
        return ("baseline", "controlled") if self.compare else ("controlled",)


class Maker:
    """Makes runs, with the model that was opened last kept open."""

    def __init__(self, models: Models, library: Library) -> None:
        self._models, self._library = models, library
        self._open: tuple[str, Model] | None = None

    def work(self, owner: str, asked: Asked) -> Callable[[Job], Entry]:
        """What a job does for `asked`. It raises `TsattnError` where that cannot be done."""

        def work(job: Job) -> Entry:
            from tsattn import runs

            recipe = runs.Recipe(
                plan=asked.plan,
                model=self._models.source(asked.model),
                settings=asked.settings,
                control=asked.control,
            )
            runs.check(self._models.facts(asked.model), recipe)
            model = self._opened(asked.model)
            job.enter("running")
            run = runs.make(model, recipe, videos=asked.videos, record=asked.record, on_step=job.step)
            job.enter("drawing")
            return self._library.add(owner, lambda folder: _written(folder, run))

        return work

    def _opened(self, label: str) -> Model:
        if self._open is None or self._open[0] != label:
            self._open = None  # two models may not fit together
            self._open = label, open_model(self._models.facts(label))
        return self._open[1]


def _written(folder: Path, run: Run) -> tuple[Saved, Sequence[Finding]]:
    from tsattn import runs

    runs.write(folder, run)
    (folder / "plan.yaml").write_text(write(run.recipe.plan, "yaml"), encoding="utf-8")
    return runs.read(folder), _drawn(folder, run)


def _drawn(folder: Path, run: Run) -> Sequence[Finding]:
    """Charts and report of a recorded run; the diagnosis."""
    from tsattn.inspect import charts, report
    from tsattn.inspect.diagnosis import diagnose

    controlled, baseline = run.videos["controlled"], run.videos.get("baseline")
    if controlled.record is None:
        return []
    done = None if controlled.verdict is None else controlled.verdict.in_segment
    both: dict[str, Any] = {"baseline": None if baseline is None else baseline.record}
    report.write(folder, controlled.record, **both, frames=controlled.frames, done=done, title=run.recipe.plan.prompt)
    narrow = {"attention": charts.attention(controlled.record, **both, wide=False)}
    narrow["words"] = charts.words(controlled.record, wide=False)
    for name, figure in narrow.items():
        (folder / f"{name}-narrow.png").write_bytes(charts.png(figure))
    return diagnose(controlled.record, **both, done=done)


def loaded(library: Library, owner: str, content: bytes) -> Entry:
    """A new entry of the library from an mp4 or a run.json. Raises `TsattnError` where it is none of tsattn's."""
    name = _file_name(content)

    def fill(folder: Path) -> tuple[Saved, Sequence[Finding]]:
        from tsattn import runs

        (folder / name).write_bytes(content)
        saved = runs.read(folder / name)
        _check_clip(saved.clip)
        view(saved.recipe.plan, saved.clip)
        if name.endswith(".mp4"):
            (folder / name).rename(folder / f"{'side_by_side' if len(saved.names) > 1 else saved.names[0]}.mp4")
        (folder / "plan.yaml").write_text(write(saved.recipe.plan, "yaml"), encoding="utf-8")
        return saved, []

    return library.add(owner, fill, loaded=True)


def _check_clip(clip: Clip) -> None:
    """Raise `PlanError` for a clip that no run has and that would take forever to draw."""
    possible = 0 < clip.frames <= LONGEST_CLIP and clip.fps > 0 and clip.compression > 0 and clip.opening >= 0
    if not possible or clip.latent_frames < 1:
        raise PlanError(f"this file tells of a clip that cannot be: {clip.frames} frames at {clip.fps:g} per second")


def _file_name(content: bytes) -> str:
    """A name that fits what a file holds. Raises `PlanError` for anything but an mp4 or JSON."""
    if content[4:8] == b"ftyp":
        return "loaded.mp4"
    if content.lstrip()[:1] == b"{":
        return "run.json"
    raise PlanError("this is neither an mp4 nor a run.json; drop one that tsattn has written")
