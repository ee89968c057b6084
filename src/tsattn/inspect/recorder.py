"""Looking on while a controlled pipeline runs.

Of every attention call in a recorded step only averages are kept: a few numbers for each layer and latent frame, and two
running means over the tokens. What is held does not grow with the number of tokens times steps, and the run's own tensors
are read and never written, so that the video stays what it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from tsattn.attention.region import Grid
from tsattn.control.parallel import spread
from tsattn.control.session import MARK, Session
from tsattn.control.state import Sight
from tsattn.errors import ControlError, OutputError
from tsattn.inspect.averages import Maps, maps_of, means_of
from tsattn.inspect.store import Array, Record

Steps = Literal["controlled", "all"] | Collection[int]


@contextmanager
def record(
    pipe: Any, *, steps: Steps = "controlled", sample: int = 0, maps: str | Path | None = None
) -> Iterator[Recorder]:
    """Record the runs of a diffusers pipeline inside a `with` block, in which control must be on.

        with tsattn.control(pipe, plan), tsattn.record(pipe) as recorder:
            pipe(plan.prompt)
        recorder.record.save("controlled.record")

    `steps` are the denoising steps to record: those that are controlled, all, or these numbers from 0. With
    `ControlConfig(strength=0)` it is the model alone that is recorded, in the same steps. `sample` is the number of the video
    where several are made at once. `maps` is a folder that gets the maps of every single step and layer, unaveraged, as
    `step-003-layer-07.safetensors`; these are large.

    Raises `ControlError` where control is not on, recording is on already, the transformer is spread over processes, or each
    segment has a prompt of its own, `OutputError` where the folder cannot be made.
    """
    session: Session | None = getattr(pipe, MARK, None)
    if session is None:
        raise ControlError(
            f"this {type(pipe).__name__} is not controlled, so tsattn cannot know which words are which; write `with "
            "tsattn.control(pipe, plan), tsattn.record(pipe) as recorder:`, with ControlConfig(strength=0) for the model alone"
        )
    if session.state.observer is not None:
        raise ControlError("this pipeline is recorded already; leave the running `with tsattn.record(...)` first")
    if not session.config.recordable:
        raise ControlError(
            f"with the policy {session.config.policy!r} each segment attends to a prompt of its own, so there are no words to "
            "compare over the clip; record another policy"
        )
    if any(spread(getattr(pipe, name, None)) for name in session.family.transformers):
        raise ControlError("recording works in one process only; switch context parallelism off")
    session.state.observer = recorder = Recorder(session, steps, sample, maps)
    try:
        yield recorder
    finally:
        session.state.observer = None


class Recorder:
    """An observer of one pipeline; its `record` is of the last run."""

    def __init__(self, session: Session, steps: Steps, sample: int, maps: str | Path | None) -> None:
        self._session, self._state = session, session.state
        self._steps, self._sample = steps, sample
        self._folder = None if maps is None else _made(Path(maps))
        self._number = -1
        self._asked: set[int] = set()
        self._run: _Run | None = None

    @property
    def record(self) -> Record:
        """What was recorded of the last run. Raises `ControlError` where that is nothing."""
        if self._run is None or not self._run.tables:
            raise ControlError(
                "nothing was recorded: run the pipeline inside the `with tsattn.record(...)` block, with steps= that there "
                f"are (asked for: {self._steps!r}) and a sample= that is made (asked for: {self._sample})"
            )
        return self._run.record(skipped=self._asked - set(self._run.steps))

    def wants(self, step: int) -> bool:
        """Whether a step is one to record that has not been yet."""
        if self._number != self._state.runs:
            self._number, self._asked, self._run = self._state.runs, set(), None
        if not isinstance(self._steps, str):
            wanted = step in self._steps
        else:
            wanted = self._steps == "all" or step < self._controlled
        if wanted:
            self._asked.add(step)
        return wanted and not (self._run and step in self._run.steps)

    @property
    def _controlled(self) -> int:
        """How many steps are controlled, or would be at full strength."""
        config, steps = self._session.config, self._state.steps or 0
        return replace(config, strength=config.strength or 1.0).controlled_steps(self._session.task, steps)

    @torch.no_grad()
    def note(self, sight: Sight) -> None:
        """Take the averages of one sample in one attention call."""
        state = self._state
        if sight.number != self._sample:
            return
        run = self._run = self._run or _Run(self._session, self._sample)
        layer = (state.acted - 1) // (state.prompted if self._session.family.one_by_one else 1)
        if not state.acting:
            sight = sight._replace(rule=sight.rule._replace(strength=0.0))
        maps = maps_of(sight, run.text.columns, run.grid)
        run.add(layer, maps)
        if self._folder is not None:
            _write(self._folder / f"step-{state.step:03d}-layer-{layer:02d}.safetensors", maps, run.grid)


class _Run:
    """The averages of one run while it goes by.

    Steps whose layers are not all there are left out: a cache skipped some, and it is not known which.
    """

    def __init__(self, session: Session, sample: int) -> None:
        state = session.state
        assert state.grid is not None and state.clip is not None
        self.session = session
        self.text = state.texts[sample // state.videos_per_prompt]
        self.grid, self.clip, self.total_steps = state.grid, state.clip, state.steps or 0
        self.steps: dict[int, bool] = {}
        """Each recorded step, and whether control acted in it."""
        self.tables: list[list[Array]] = []
        self.open: list[list[Array]] = []
        self.sums = torch.zeros(2, len(self.text.columns), self.grid.tokens)
        self.open_sums = torch.zeros_like(self.sums)

    def add(self, layer: int, maps: Maps) -> None:
        """The next layer of the step in progress."""
        state = self.session.state
        if layer == 0:
            self.open, self.open_sums = [], torch.zeros_like(self.sums)
        self.open.append([mean.float().cpu().numpy() for mean in means_of(maps, self.text.columns, self.grid)])
        self.open_sums += torch.stack([maps.region.float(), maps.looks.float()]).cpu()
        if len(self.open) == layer + 1 == len(self.session.sites):
            self.tables.append([np.stack(layers) for layers in zip(*self.open, strict=True)])
            self.sums += self.open_sums
            self.steps[state.step] = state.acting

    def record(self, *, skipped: set[int]) -> Record:
        """All of it, averaged."""
        layers = [site.name for site in self.session.sites]
        where, looks = (self.sums / (len(self.tables) * len(layers))).view(2, -1, *self.grid).numpy()
        names = ("before", "after", "inside_before", "inside_after", "region")
        tables = [np.stack(steps) for steps in zip(*self.tables, strict=True)]
        return Record(
            plan=self.text.plan,
            tokens=self.text.tokens,
            columns=tuple(self.text.columns),
            clip=self.clip,
            grid=self.grid,
            control=asdict(self.session.config),
            steps=tuple(self.steps),
            total_steps=self.total_steps,
            acting=tuple(self.steps.values()),
            skipped=tuple(sorted(skipped)),
            layers=tuple(layers),
            joint=self.session.family.layout != "cross",
            where=where,
            looks=looks,
            **dict(zip(names, tables, strict=True)),
        )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder} for the maps: {error.strerror}; choose another") from error
    return folder


def _write(path: Path, maps: Maps, grid: Grid) -> None:
    from safetensors.torch import save_file

    by_token = {"before": maps.before.T, "after": maps.after.T, "region": maps.region, "looks": maps.looks}
    try:
        save_file({name: one.reshape(-1, *grid).contiguous().cpu() for name, one in by_token.items()}, path)
    except OSError as error:
        raise OutputError(f"cannot write the maps to {path}: {error.strerror}; choose another folder") from error
