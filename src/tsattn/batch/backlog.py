"""Which job a worker gets next: one of the model it has loaded, or else of the model that is furthest behind."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable

from tsattn.batch.jobs import Job


class Backlog:
    """Jobs that wait, by model. Opening a model takes minutes, so that a worker changes it only when its own is done."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        for job in jobs:
            self._waiting.setdefault(job.fingerprint, deque()).append(job)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def take(self, loaded: str | None, others: Iterable[str | None] = (), closed: Collection[str] = ()) -> Job | None:
        """A job for a worker with this model loaded, while the other workers have these; None where there is none.

        A worker whose model has no jobs left takes one of the model with the most jobs for each worker that it would have,
        but of none in `closed`.
        """
        if loaded is not None and self._waiting.get(loaded):
            return self._waiting[loaded].popleft()
        crowd = Counter(others)
        open_to_it = [model for model in self._waiting if model not in closed]
        behind = max(open_to_it, key=lambda model: len(self._waiting[model]) / (1 + crowd[model]), default=None)
        return self._waiting[behind].popleft() if behind is not None and self._waiting[behind] else None

    def put_back(self, job: Job) -> None:
        """A job waits again, and is the next of its model."""
        self._waiting.setdefault(job.fingerprint, deque()).appendleft(job)

    def drop(self, model: str) -> list[Job]:
        """The jobs of a model, which wait no more."""
        return list(self._waiting.pop(model, ()))
