"""Jobs one after the other in this process; needs nothing but tsattn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tsattn.batch.backlog import Backlog
from tsattn.batch.jobs import Job
from tsattn.batch.updates import Ended, Failed, Made, Started, Unopened, Update
from tsattn.batch.worker import THREADS, Doer, Worker, described
from tsattn.errors import TsattnError


@dataclass(frozen=True, kw_only=True)
class SerialEngine:
    """One worker, here, with `threads` threads of torch. `worker` makes it, `Worker` unless something is measured."""

    threads: int = THREADS
    worker: Callable[[int], Doer] = Worker
    workers: int = 1

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Update]:
        """Do all jobs, model by model; where a model cannot be opened, all of its jobs fail.

        Raises `OutputError` where a video finds no room in the folder for temporary files.
        """
        import torch

        before = torch.get_num_threads()
        backlog, loaded = Backlog(jobs), None
        try:
            worker = self.worker(self.threads)
            while (job := backlog.take(loaded)) is not None:
                loaded = job.fingerprint
                yield Started(job, worker.hello())
                match self._done(worker, job):
                    case Unopened(error):
                        for one in (job, *backlog.drop(job.fingerprint)):
                            yield Ended(one, Failed(error))
                    case result:
                        yield Ended(job, result)
        finally:
            torch.set_num_threads(before)

    def _done(self, worker: Doer, job: Job) -> Made | Failed | Unopened:
        try:
            image = job.first_frame()
        except TsattnError as error:
            return Failed(described(error))
        return worker.do(job, image)
