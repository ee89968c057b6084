"""Making and measuring the trials that a folder does not hold yet, in this process or in several.

Models run on the CPU, a folder's too, so that the same weights give the same outcomes. Every worker has torch on one thread:
how many there are decides the order of its sums, and with it the last bits of a video.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import lru_cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from tsattn.errors import EvaluationError
from tsattn.evaluate.shapes.measures import Outcome
from tsattn.evaluate.shapes.records import Records
from tsattn.evaluate.shapes.sheets import clear, keep, kept
from tsattn.evaluate.shapes.trials import Made, Trial, make
from tsattn.fingerprint import fingerprint
from tsattn.generate import EMBEDDED, Model, describe, open_model

Watch = Callable[[int, int], None]
"""Called with the videos that are there and those that are wanted, at the start and after each."""


class Measured(NamedTuple):
    """A trial and what came of it."""

    trial: Trial
    outcome: Outcome


def run(
    trials: Sequence[Trial],
    folder: Path,
    *,
    model: str = EMBEDDED,
    shown: Callable[[Trial], bool] = lambda trial: False,
    workers: int = 1,
    watch: Watch = lambda done, wanted: None,
) -> list[Measured]:
    """The outcomes of all trials; those that a folder holds are read from there, the others made and kept there.

    `model` is the name or folder of a model of the world. Videos of trials that are `shown` are kept, too.

    Raises `OutputError` where another run is at work in the folder, or it cannot be written to, and `EvaluationError` where a
    worker dies; what is measured by then is kept, and the next run goes on from there.
    """
    weights = fingerprint(describe(model))
    keys = [trial.key(weights) for trial in trials]
    with Records(folder) as records:
        clear(folder)
        missing: dict[str, dict[str, Trial]] = {}
        for key, trial in zip(keys, trials, strict=True):
            if key not in records.kept or (shown(trial) and not kept(folder, key)):
                missing.setdefault(trial.video, {})[key] = trial
        wanted = len({trial.video for trial in trials})
        done = wanted - len(missing)
        watch(done, wanted)
        with closing(_made(list(missing.values()), model, workers)) as made:
            for group, (video, found) in made:
                new = {}
                for (key, trial), outcome in zip(group.items(), found, strict=True):
                    if shown(trial):
                        keep(folder, key, video)
                    if key not in records.kept:
                        new[key] = outcome, trial.about(weights)
                records.add(new)
                done += 1
                watch(done, wanted)
        return [Measured(trial, records.kept[key]) for key, trial in zip(keys, trials, strict=True)]


Group = dict[str, Trial]
"""Trials with the same video, by key."""


def _made(groups: Sequence[Group], model: str, workers: int) -> Generator[tuple[Group, Made], None, None]:
    """Every group and what was made for it, in any order."""
    if not groups:
        return
    if workers == 1:
        yield from _made_here(groups, model)
        return
    spawned = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(groups)), mp_context=spawned, initializer=_begin_worker)
    try:
        waiting = {pool.submit(_in_worker, model, list(group.values())): group for group in groups}
        for future in as_completed(waiting):
            yield waiting.pop(future), future.result()
    except BrokenProcessPool:
        raise EvaluationError(
            "a worker died, perhaps for want of memory; start the same command again to go on, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _made_here(groups: Sequence[Group], name: str) -> Iterator[tuple[Group, Made]]:
    import torch

    threads = torch.get_num_threads()
    model = open_model(describe(name), gpu=False)
    try:
        torch.set_num_threads(1)
        for group in groups:
            yield group, make(model, list(group.values()))
    finally:
        torch.set_num_threads(threads)


def _begin_worker() -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that started it ends it
    logging.disable(logging.WARNING)  # what libraries say on import, the run has heard
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _in_worker(name: str, trials: Sequence[Trial]) -> Made:
    return make(_opened(name), trials)


@lru_cache(maxsize=1)
def _opened(name: str) -> Model:
    """The model, opened for a worker's first task and not before, so that its errors reach the run."""
    return open_model(describe(name), gpu=False)
