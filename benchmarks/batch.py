"""Batches: what an engine costs, how it scales, and whether anything is lost when it is killed.

    python -m benchmarks.batch overhead [--jobs 10000]                jobs that do nothing, per second
    python -m benchmarks.batch engines [--prompts 60 --seeds 2 --steps 20]     both engines, byte by byte
    python -m benchmarks.batch scaling [--prompts 6 --steps 20]       two Ray workers of one thread beside one
    python -m benchmarks.batch cluster [--jobs 10000 --gpus 64 --driver-ms 3]   a simulated one, with our own scheduler
    python -m benchmarks.batch kills [--times 20 --prompts 30 --steps 4]   driver or worker killed at random moments

Run them on an otherwise idle machine. `engines`, `scaling` and `kills` make videos with the embedded model.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsattn.batch import Engine, RayEngine, SerialEngine, Spec, finished, run, unfinished
from tsattn.batch.backlog import Backlog
from tsattn.batch.driver import run_jobs
from tsattn.batch.jobs import Job
from tsattn.batch.manifest import Manifest
from tsattn.batch.updates import Ended, Made, Record, Started, Update
from tsattn.methods import METHODS
from tsattn.plan import parse
from tsattn.settings import Settings
from tsattn.shapes.world import sample_scene

SEED = [7, 8]
"""Of the prompts, drawn from the embedded world."""
MODEL, STORAGE = 30.0, 2.5
"""Gigabytes of weights, and those that a storage of 20 Gbit/s gives in a second: assumptions of the simulation."""


class Idle:
    """A worker that gives a video of 1000 bytes at once."""

    def __init__(self, threads: int) -> None:
        pass

    def hello(self) -> str:
        """Its process."""
        return str(os.getpid())

    def do(self, job: Job, image: bytes | None) -> Made:
        """Nothing."""
        video = bytes(1000)
        sha256 = hashlib.sha256(video).hexdigest()
        return Made(video, Record(25, 8.0, 0.0, None, "idle", {}, None, len(video), sha256))


class Clock:
    """Seconds from the first job's start to the last one's end, so that starting an engine does not count."""

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        """Nothing to do yet."""
        self.first = self.last = 0.0
        self.ended = 0
        self.busy = -time.process_time()

    def tell(self, update: Update) -> None:
        """Look at the clock."""
        self.last = time.perf_counter()
        if isinstance(update, Started) and not self.first:
            self.first, self.busy = self.last, -time.process_time()
        if isinstance(update, Ended):
            self.ended += 1
            self.used = self.busy + time.process_time()

    @property
    def cost(self) -> float:
        """Milliseconds of this process's CPU time for each job: what remains of the wait on an idle machine."""
        return 1000 * self.used / self.ended

    @property
    def rate(self) -> float:
        """Jobs per second."""
        return self.ended / (self.last - self.first)


class Warm(Clock):
    """The same from the moment on when every one of some workers has ended a job, and so has a model loaded."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def begin(self, jobs: Sequence[Job], missing: Sequence[Job]) -> None:
        """Nobody is warm yet."""
        super().begin(jobs, missing)
        self.names, self.warm = dict[str, str](), set[str]()

    def tell(self, update: Update) -> None:
        """Look at the clock, or who is warm now."""
        if len(self.warm) == self.workers:
            super().tell(update)
        elif isinstance(update, Started):
            self.names[update.job.key] = update.worker
        elif isinstance(update, Ended):
            self.warm.add(self.names[update.job.key])
            self.first = time.perf_counter()


def idle_jobs(count: int) -> list[Job]:
    """Jobs that differ in their seeds."""
    plan = parse("A red circle moves right, then grows")
    settings = Settings(height=64, width=64, frames=25, fps=8.0, steps=1, guidance=4.0)
    facts = {"plan": plan, "events": (), "tags": (), "model": "idle", "source": "idle", "fingerprint": "0" * 64}
    return [
        Job(
            key=hashlib.sha256(str(k).encode()).hexdigest(), prompt_id=str(k), method="none", how=METHODS["vanilla"],
            settings=settings, **facts,
        )
        for k in range(count)
    ]  # fmt: skip


def overhead(count: int) -> None:
    """Print jobs per second through the manifest alone, through the serial engine, and through Ray."""
    jobs = idle_jobs(count)
    record = Idle(1).do(jobs[0], None).record
    with tempfile.TemporaryDirectory() as folder, Manifest(Path(folder)) as manifest:
        began = time.perf_counter()
        manifest.want(jobs)
        wanted, used = time.perf_counter(), time.process_time()
        for job in jobs:
            manifest.start(job.key, "idle")
            manifest.finish(job.key, record)
        ended, used = time.perf_counter(), time.process_time() - used
    print(f"{count} jobs that do nothing")
    print(f"{'into the manifest:':<27} {count / (wanted - began):8.0f} jobs/s")
    cost = 1000 * used / count
    print(f"{'start and end in it:':<27} {count / (ended - wanted):8.0f} jobs/s, {cost:.2f} ms of CPU time each")
    engines: dict[str, Engine] = {
        "serial engine, with files": SerialEngine(worker=Idle),
        "Ray, 2 workers, with files": RayEngine(worker=Idle, workers=2),
    }
    for name, engine in engines.items():
        with tempfile.TemporaryDirectory() as folder:
            clock = Clock()
            run_jobs(jobs, Path(folder), engine, clock)
            print(f"{name + ':':<27} {clock.rate:8.0f} jobs/s, {clock.cost:.2f} ms of CPU time each")


def cluster(count: int, gpus: int, driver: float) -> None:
    """Simulate a cluster in which only the driver's time is measured, `driver` seconds a job, and print where time goes.

    Two models with half the jobs each. Workers ask the scheduler that the Ray engine has; all that open a model at the same
    time share the storage.
    """
    print(
        f"{count} jobs, {gpus} GPUs, {1000 * driver:g} ms of the driver a job; a model is 30 GB, storage gives 2.5 GB/s"
    )
    print("seconds a video   hours   of ideal   driver busy   opening models, GPU hours")
    for seconds in (600, 60, 10, 1, 0.1):
        half = [replace(job, fingerprint=str(k % 2) * 64) for k, job in enumerate(idle_jobs(count))]
        backlog, loaded = Backlog(half), dict[int, str]()
        free, opened = [(0.0, worker) for worker in range(gpus)], 0.0
        answered = storage = last = 0.0
        while len(backlog):
            ready, worker = heapq.heappop(free)
            answered = max(answered, ready) + driver  # one thing after the other
            job = backlog.take(loaded.get(worker), [model for one, model in loaded.items() if one != worker])
            assert job is not None
            begin = answered
            if loaded.get(worker) != job.fingerprint:
                loaded[worker], storage = job.fingerprint, max(storage, answered) + MODEL / STORAGE
                opened, begin = opened + storage - answered, storage
            heapq.heappush(free, (begin + seconds, worker))
            last = max(last, begin + seconds)
        ideal = count * seconds / gpus
        print(
            f"{seconds:>15g}   {last / 3600:5.2f}   {100 * ideal / last:6.1f} %   {100 * count * driver / last:9.1f} %"
            f"   {opened / 3600:10.2f}"
        )


def spec_of(prompts: int, seeds: int, steps: int) -> Spec:
    """Prompts of the embedded world, with and without control."""
    rng = np.random.default_rng(SEED)
    texts: dict[str, None] = {}
    while len(texts) < prompts:
        texts[sample_scene(rng, 2).prompt] = None
    return Spec.model_validate(
        {"prompts": [{"prompt": text} for text in texts], "seeds": list(range(seeds)), "settings": {"steps": steps}}
    )


def table(folder: Path) -> list[tuple[object, ...]]:
    """All of a batch but what was measured of time and memory."""
    return [(one.key, one.method, one.verdict, one.video.name, one.video.read_bytes()) for one in finished(folder)]


def engines(spec: Spec) -> None:
    """Run a spec with both engines and compare every byte."""
    with tempfile.TemporaryDirectory() as name:
        for engine, folder in ((SerialEngine(), "serial"), (RayEngine(workers=2), "ray")):
            clock = Clock()
            run(spec, Path(name, folder), engine, clock)
            print(f"{folder}: {clock.ended} videos, {clock.rate:.3f} a second")
        same = table(Path(name, "serial")) == table(Path(name, "ray"))
        print("the same bytes" if same else "NOT the same bytes")


def scaling(spec: Spec) -> None:
    """Print the throughput of one and of two Ray workers, each of one thread, once all have a model loaded."""
    rates = {}
    for workers in (1, 2, 2, 1):
        with tempfile.TemporaryDirectory() as name:
            clock = Warm(workers)
            run(spec, Path(name), RayEngine(workers=workers), clock)
            rates.setdefault(workers, []).append(clock.rate)
    one, two = (max(rates[workers]) for workers in (1, 2))
    print(f"{one:.3f} and {two:.3f} videos a second with 1 and 2 workers: {two / one:.2f} x (best of two each)")


def kills(spec: Spec, times: int) -> None:
    """Kill the run, or on every second time one of its workers, and compare the end with a run that nobody killed.

    A kill comes after none to three new videos and up to three seconds, so that it meets all kinds of moments on any machine.
    """
    chance, left = random.Random(0), spec.count
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "spec.json")
        file.write_text(spec.model_dump_json(exclude_none=True))
        command = [sys.executable, "-m", "tsattn", "batch", "run", str(file), "-o"]
        ray = ["--engine", "ray", "--workers", "2", "--retries", "1000"]
        for k in range(times):
            with subprocess.Popen([*command, f"{name}/killed", *ray], stdout=subprocess.DEVNULL) as process:
                _wait_for(lambda: bool(_workers(process.pid)), process)
                wanted = left - chance.randrange(4)
                _wait_for(lambda: _left(f"{name}/killed") <= wanted, process)  # noqa: B023
                time.sleep(chance.uniform(0, 3))
                victims = [process.pid] if k % 2 == 0 else _workers(process.pid) or [process.pid]
                with suppress(ProcessLookupError):  # a worker may have just ended by itself
                    os.kill(chance.choice(victims), signal.SIGKILL)
                if k % 2:
                    time.sleep(chance.uniform(0, 5))
                    process.kill()
            left = _left(f"{name}/killed")
            print(f"kill {k + 1}: {'driver' if k % 2 == 0 else 'worker, then driver'}; {left} videos left", flush=True)
            if left == 0:
                break
        subprocess.run([*command, f"{name}/killed", *ray], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*command, f"{name}/whole"], check=True, stdout=subprocess.DEVNULL)
        same = table(Path(name, "killed")) == table(Path(name, "whole"))
        files = [{path.name for path in Path(name, one).rglob("*.*")} for one in ("killed", "whole")]
        print("the same table and files" if same and files[0] == files[1] else "NOT the same")


def _wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.2)


def _left(folder: str) -> int:
    return len(unfinished(folder))


def _workers(pid: int) -> list[int]:
    """The Ray workers that a process has, busy or not."""
    import psutil

    try:
        children: Iterable[psutil.Process] = psutil.Process(pid).children(recursive=True)
        return [child.pid for child in children if child.name().startswith("ray::")]
    except psutil.Error:
        return []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overhead", "cluster", "engines", "scaling", "kills"])
    for name, default in (("jobs", 10_000), ("prompts", 12), ("seeds", 1), ("steps", 20), ("times", 20), ("gpus", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--driver-ms", type=float, default=3.0)
    options = parser.parse_args()
    if options.what == "overhead":
        overhead(options.jobs)
        return
    if options.what == "cluster":
        cluster(options.jobs, options.gpus, options.driver_ms / 1000)
        return
    spec = spec_of(options.prompts, options.seeds, options.steps)
    print(json.dumps({"videos": spec.count, "steps": options.steps}))
    if options.what == "kills":
        kills(spec, options.times)
    else:
        {"engines": engines, "scaling": scaling}[options.what](spec)


if __name__ == "__main__":
    main()
