"""Jobs on Ray: on the GPUs or cores of this machine, or on those of a cluster, by workers that each keep a model loaded.

Every worker has at most one job, and gets the next when its result has been taken and stored, so that results cannot pile
up and the death of a worker costs one job. A job whose worker dies waits again, up to `retries` times. A worker gets its
first job when it reports that it runs: one that finds no place in the cluster keeps nobody waiting.

That a model cannot be opened is not its job's fault but the worker's, whose GPU or copy of the weights may be broken: the job
waits again and the worker is replaced. One that has been replaced `retries` times and still cannot gets no more jobs of that
model. Where such jobs are all that is left, workers make room for those that found none so far; they fail when none is to come.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tsattn.batch.backlog import Backlog
from tsattn.batch.jobs import Job
from tsattn.batch.placement import needs, share
from tsattn.batch.updates import Ended, Failed, Lost, Note, Started, Unopened, Update
from tsattn.batch.worker import THREADS, Doer, Worker, described
from tsattn.errors import BatchError, OutputError, TsattnError

START = "; `ray start --head` starts one"
INSTALL = "--engine ray needs more packages: pip install 'tsattn[ray]'"
PATIENCE = 60.0
"""Seconds without any worker after which a person is told."""


@dataclass(frozen=True, kw_only=True)
class RayEngine:
    """Workers on Ray.

    `address` is that of a running cluster ("auto" finds one on this machine); without it, Ray is started here for this
    run. `workers` defaults to as many as fit the GPUs, or else the cores. `threads` are torch's in each worker. A job whose
    worker dies is tried `retries` times more, and a worker that cannot start or cannot open a model as often. `gpus` is the
    part of a GPU that a worker gets, by default from `placement`.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = THREADS
    retries: int = 2
    gpus: float | None = None
    worker: Callable[[int], Doer] = Worker

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Update]:
        """Do all jobs.

        Raises `BatchError` where there is no Ray, no cluster, or no worker that starts, and `OutputError` where a machine
        has no room for a video.
        """
        if not jobs:
            return
        with _cluster(self.address, self.workers, self.threads) as (ray, dashboard):
            gpus = self._gpus(ray, jobs)
            count = min(len(jobs), self.workers or _places(ray, gpus, self.threads))
            where = f"; they are shown at http://{dashboard}" if dashboard else ""
            each = f"{gpus:.2g} GPU" if gpus else f"{self.threads} CPU"
            yield Note(f"{count} workers, {each} each{where}")
            actor = ray.remote(num_cpus=self.threads, num_gpus=gpus, max_restarts=0)(self.worker)
            crew = _Crew(ray, lambda: actor.remote(self.threads), Backlog(jobs), self.retries)
            try:
                crew.hire(count)
                yield from crew.work()
            finally:
                crew.dismiss()

    def _gpus(self, ray: Any, jobs: Sequence[Job]) -> float:
        if self.gpus is not None or not ray.cluster_resources().get("GPU"):
            return self.gpus or 0
        return share(needs(jobs), _smallest_gpu(ray))


@dataclass(eq=False)
class _Member:
    """A worker, what it has loaded and what it does.

    `failures` are its starts that came to nothing, and `unopened` how often it could not open each model, in a row.
    """

    actor: Any
    name: str | None = None
    loaded: str | None = None
    job: Job | None = None
    failures: int = 0
    unopened: Counter[str] = field(default_factory=Counter)


@dataclass
class _Crew:
    ray: Any
    start: Callable[[], Any]
    backlog: Backlog
    retries: int
    members: list[_Member] = field(default_factory=list)
    calls: dict[Any, _Member] = field(default_factory=dict)
    """What each call that is under way will answer for."""
    deaths: Counter[str] = field(default_factory=Counter)
    """How many workers a job has cost, by key."""
    unopened: dict[str, str] = field(default_factory=dict)
    """Why a model could not be opened, the last time."""

    def hire(self, count: int) -> None:
        for _ in range(count):
            member = _Member(self.start())
            self.members.append(member)
            self._greet(member)

    def dismiss(self) -> None:
        for member in self.members:
            self.ray.kill(member.actor)

    def work(self) -> Iterator[Update]:
        """Until no job waits and none is under way. Raises `BatchError` where no worker is left."""
        while len(self.backlog) or any(member.job for member in self.members):
            if not self.calls:
                raise BatchError("no worker is left to do the rest")
            ready, _ = self.ray.wait(list(self.calls), num_returns=1, timeout=PATIENCE)
            if not ready and not any(member.name for member in self.members):
                yield Note("no worker has started yet; is there room on the cluster?")
            for call in ready:
                yield from self._answered(self.calls.pop(call), call)
            yield from self._assign()
            if len(self.backlog) and not any(member.job for member in self.members):
                yield from self._make_room()

    def _greet(self, member: _Member) -> None:
        self.calls[member.actor.hello.remote()] = member

    def _answered(self, member: _Member, call: Any) -> Iterator[Update]:
        job, member.job = member.job, None
        try:
            result = self.ray.get(call)
        except self.ray.exceptions.RayTaskError as error:
            if job is None:
                raise BatchError(f"a worker cannot start: {described(error.cause)}") from error
            if isinstance(error.cause, OutputError):
                raise error.cause from None
            yield Ended(job, Failed(described(error.cause)))
        except self.ray.exceptions.RayError as error:
            yield from self._replace(member, job, described(error))
        else:
            if job is None:
                member.name, member.failures = result, 0
            elif isinstance(result, Unopened):
                yield from self._reopen(member, job, result.error)
            else:
                del member.unopened[job.fingerprint]
                yield Ended(job, result)

    def _reopen(self, member: _Member, job: Job, reason: str) -> Iterator[Update]:
        """Another worker instead of one that cannot open a model."""
        member.unopened[job.fingerprint] += 1
        self.unopened[job.fingerprint] = reason
        self.backlog.put_back(job)
        yield Lost(job, f"its model could not be opened: {reason}")
        self.ray.kill(member.actor)
        self._restart(member)

    def _replace(self, member: _Member, job: Job | None, reason: str) -> Iterator[Update]:
        """Another worker instead of one that died, with or without a job."""
        if job is not None:
            self.deaths[job.key] += 1
            if self.deaths[job.key] > self.retries:
                yield Ended(job, Failed(f"its worker died {self.deaths[job.key]} times, the last time: {reason}"))
            else:
                self.backlog.put_back(job)
                yield Lost(job, reason)
        elif member.name is None:
            member.failures += 1
            if member.failures > self.retries:
                self.members.remove(member)
                if not self.members:
                    raise BatchError(f"no worker can start; the last one failed with: {reason}")
                return
        self._restart(member)

    def _restart(self, member: _Member) -> None:
        member.actor, member.name, member.loaded = self.start(), None, None
        self._greet(member)

    def _assign(self) -> Iterator[Update]:
        """Give a job to everyone who is there and has none, where one waits that it may do."""
        for member in self.members:
            while member.name is not None and member.job is None:
                others = [other.loaded for other in self.members if other is not member]
                closed = [model for model, times in member.unopened.items() if times > self.retries]
                job = self.backlog.take(member.loaded, others, closed)
                if job is None:
                    break
                try:
                    image = job.first_frame()
                except TsattnError as error:
                    yield Ended(job, Failed(described(error)))
                    continue
                member.job, member.loaded = job, job.fingerprint
                self.calls[member.actor.do.options(name=job.name).remote(job, image)] = member
                yield Started(job, member.name)

    def _make_room(self) -> Iterator[Update]:
        """Let go of everyone who is there, as nobody can open a model that waits; where nobody else is to come, give up."""
        for member in [member for member in self.members if member.name is not None]:
            self.members.remove(member)
            self.ray.kill(member.actor)
        if not self.members:
            for model, reason in self.unopened.items():
                for job in self.backlog.drop(model):
                    yield Ended(job, Failed(f"no worker could open its model, the last one because: {reason}"))


@contextmanager
def _cluster(address: str | None, workers: int | None, threads: int) -> Iterator[tuple[Any, str | None]]:
    """Ray, connected, and the address of its dashboard; disconnected again at the end, unless it was before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody unless the user wants it
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise BatchError(INSTALL) from None
    if ray.is_initialized():
        yield ray, None
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is not None:
        _check_address(address)
    else:
        options["num_cpus"] = max((workers or 1) * threads, os.cpu_count() or 1)
    try:
        context = ray.init(address=address or "local", **options)
    except Exception as error:  # Ray raises plain ones, too
        raise BatchError(f"cannot use Ray at {address or 'this machine'}: {described(error)}{START}") from error
    try:
        yield ray, context.dashboard_url or None
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Raise `BatchError` where nobody answers at a host's port; Ray itself would try that for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BatchError(f"cannot use Ray at {address}: {reason}{START}") from error


def _places(ray: Any, gpus: float, threads: int) -> int:
    """How many workers the cluster has room for, at least one."""
    resources = ray.cluster_resources()
    room = resources.get("CPU", 1) / threads
    return max(1, int(min(room, resources.get("GPU", 0) / gpus + 1e-6) if gpus else room))


def _smallest_gpu(ray: Any) -> int | None:
    """Bytes of the smallest GPU of the cluster, as torch sees it on each node; None where it sees none."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    asked = ray.remote(num_gpus=0.01, num_cpus=0, max_retries=1)(_gpu_memory)
    sizes: list[int | None] = ray.get(
        [asked.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote() for node in nodes]
    )
    return None if None in sizes else min((size for size in sizes if size is not None), default=None)


def _gpu_memory() -> int | None:
    import torch

    return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
