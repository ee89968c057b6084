"""The Ray engine on a Ray of its own: the same videos as the serial one, deaths, and workers that cannot start."""

import os
import secrets
import socket
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.batch.toys import Machines, Toy, Unable, Watcher, job
from tsattn.batch import RayEngine, SerialEngine, finished, unfinished
from tsattn.batch.backlog import Backlog
from tsattn.batch.driver import run, run_jobs
from tsattn.batch.engine_ray import _Crew, _places
from tsattn.batch.spec import Spec
from tsattn.batch.updates import Ended, Failed, Lost, Note, Started
from tsattn.errors import BatchError, OutputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """A Ray with two GPUs that it only believes in."""
    os.environ["RAY_WORKER_NICENESS"] = "0"
    ray = pytest.importorskip("ray")
    ray.init(
        address="local", num_cpus=4, num_gpus=2, include_dashboard=False, log_to_driver=False, logging_level="error"
    )
    yield ray
    ray.shutdown()


def toys(folder, names, **options):
    watcher = Watcher()
    jobs = [job(name) for name in names]
    run_jobs(jobs, folder, RayEngine(worker=Toy, **{"workers": 2, "gpus": 0, **options}), watcher)
    return watcher


def test_all_jobs_are_done_by_all_workers_with_one_job_each_at_most(cluster, tmp_path):
    (tmp_path / "marks").mkdir()
    meeting = [f"meet {tmp_path / 'marks' / name}" for name in "ab"]
    watcher = toys(tmp_path / "out", [*meeting, *map(str, range(20))])
    assert len(finished(tmp_path / "out")) == 22
    assert len({update.worker for update in watcher.of(Started)}) == 2
    under_way = 0
    for update in watcher.updates:
        under_way += isinstance(update, Started) - isinstance(update, Ended)
        assert under_way <= 2


def test_a_worker_that_dies_costs_its_job_one_try(cluster, tmp_path):
    watcher = toys(tmp_path / "out", [*"abc", f"die once {tmp_path / 'died'}", *"def"])
    assert len(finished(tmp_path / "out")) == 7
    assert [update.job.prompt_id[:8] for update in watcher.of(Lost)] == ["die once"]


def test_a_job_that_kills_its_workers_is_given_up_and_the_rest_goes_on(cluster, tmp_path):
    watcher = toys(tmp_path / "out", [f"die {tmp_path / 'never'}", *"abc"], retries=1)
    assert len(finished(tmp_path / "out")) == 3
    (failed,) = unfinished(tmp_path / "out")
    assert failed.error.startswith("its worker died 2 times")
    assert len(list(watcher.of(Lost))) == 1


def test_a_job_that_fails_is_not_tried_again(cluster, tmp_path):
    watcher = toys(tmp_path, ["fail", "a"])
    assert [update.result for update in watcher.of(Ended) if update.job.prompt_id == "fail"] == [
        Failed("as its name says")
    ]
    assert not list(watcher.of(Lost))


@pytest.mark.parametrize(("workers", "retries"), [(1, 1), (2, 0)])
def test_a_worker_that_cannot_open_a_model_costs_no_job(cluster, tmp_path, workers, retries):
    model = f"broken once {tmp_path / 'opened'}"
    jobs = [job(str(k), model=model) for k in range(4)]
    watcher = Watcher()
    run_jobs(jobs, tmp_path / "out", RayEngine(worker=Toy, workers=workers, retries=retries, gpus=0), watcher)
    assert len(finished(tmp_path / "out")) == 4
    assert [update.reason for update in watcher.of(Lost)] == ["its model could not be opened: its weights are cut off"]


def test_a_model_that_no_worker_can_open_fails_with_its_jobs_and_the_rest_goes_on(cluster, tmp_path):
    jobs = [job(str(k), model=model) for k in range(4) for model in ("broken", "toy")]
    watcher = Watcher()
    run_jobs(jobs, tmp_path, RayEngine(worker=Toy, workers=2, retries=0, gpus=0), watcher)
    assert {one.model for one in finished(tmp_path)} == {"toy"}
    assert {(one.model, one.state, one.error) for one in unfinished(tmp_path)} == {
        ("broken", "failed", "no worker could open its model, the last one because: its weights are cut off")
    }
    assert len(finished(tmp_path)) == len(unfinished(tmp_path)) == 4
    assert len(list(watcher.of(Lost))) <= 2


@given(
    machines=st.integers(1, 4),
    broken=st.sets(st.tuples(st.integers(0, 3), st.sampled_from("abc"))),
    models=st.text("abc", min_size=1, max_size=12),
    retries=st.integers(0, 2),
    more=st.integers(0, 3),
)
def test_jobs_fail_for_their_model_only_where_no_machine_can_open_it(machines, broken, models, retries, more):
    jobs = [job(str(k), model=model) for k, model in enumerate(models)]
    ray = Machines(machines, broken)
    crew = _Crew(ray, ray.start, Backlog(jobs), retries)
    crew.hire(machines + more)
    updates = list(crew.work())
    ended = [update for update in updates if isinstance(update, Ended)]
    assert sorted(update.job.key for update in ended) == sorted(job.key for job in jobs), "each once"
    failed = {update.job.model for update in ended if isinstance(update.result, Failed)}
    at_fault = Counter(model for machine, model in broken if machine < machines and model in models)
    hopeless = {model for model in at_fault if at_fault[model] == machines}
    assert failed == hopeless or (more and hopeless < failed <= set(at_fault)), "workers without a machine may swap"
    tries = (retries + 1) * len(at_fault) * (machines + more)
    assert sum(isinstance(update, Lost) for update in updates) <= tries, "no worker drains what waits"


def test_a_worker_without_room_ends_the_run_and_loses_nothing(cluster, tmp_path):
    with pytest.raises(OutputError, match="no room; make some"):
        toys(tmp_path, ["a", "full", "b"], workers=1)
    assert [one.prompt_id for one in finished(tmp_path)] == ["a"]
    assert {one.state for one in unfinished(tmp_path)} == {"pending"}


def test_workers_that_cannot_start_are_an_error(cluster, tmp_path):
    with pytest.raises(BatchError, match=r"no worker can start; .*no such library"):
        run_jobs([job("a")], tmp_path, RayEngine(worker=Unable, workers=1, gpus=0), Watcher())
    assert unfinished(tmp_path)[0].state == "pending"


def test_a_worker_for_which_there_is_no_room_keeps_nobody_waiting(cluster, tmp_path):
    watcher = toys(tmp_path, map(str, range(8)), workers=7)
    assert len(finished(tmp_path)) == 8
    assert 1 <= len({update.worker for update in watcher.of(Started)}) <= 4


def test_workers_share_gpus_and_take_no_more_than_there_are(cluster, tmp_path):
    watcher = toys(tmp_path, map(str, range(8)), workers=None, gpus=0.5)
    assert "4 workers, 0.5 GPU each" in next(watcher.of(Note)).text
    assert len(finished(tmp_path)) == 8


def test_a_gpu_of_unknown_size_is_given_whole(cluster, tmp_path):
    watcher = Watcher()
    jobs = [job(str(k), source="shapes") for k in range(3)]
    run_jobs(jobs, tmp_path, RayEngine(worker=Toy), watcher)
    assert "2 workers, 1 GPU each" in next(watcher.of(Note)).text
    assert len(finished(tmp_path)) == 3


@pytest.mark.parametrize(("gpus", "threads", "places"), [(1, 1, 2), (0.5, 1, 4), (0.25, 1, 4), (0, 1, 4), (0, 3, 1)])
def test_as_many_workers_as_the_cluster_has_places(cluster, gpus, threads, places):
    assert _places(cluster, gpus, threads) == places


def test_a_video_is_the_same_by_both_engines(cluster, tmp_path):
    prompts = [{"prompt": "A red circle moves right, then grows"}]
    spec = Spec.model_validate({"prompts": prompts, "settings": {"steps": 1}, "seeds": [5]})
    run(spec, tmp_path / "ray", RayEngine(workers=1, gpus=0), Watcher())
    run(spec, tmp_path / "serial", SerialEngine(), Watcher())
    by = {name: [one.video.read_bytes() for one in finished(tmp_path / name)] for name in ("ray", "serial")}
    assert len(by["ray"]) == 2
    assert by["ray"] == by["serial"]


def test_a_cluster_that_is_reached_by_rays_client(tmp_path):
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    options = {"text": True, "env": {**os.environ, "PYTHONPATH": os.getcwd(), "RAY_WORKER_NICENESS": "0", **token}}
    serve = (
        "import ray, sys; from ray.util.client.server import serve\n"
        "ray.init(address='local', num_cpus=1, include_dashboard=False)\n"
        f"server = serve('127.0.0.1', {port}); print('ready', flush=True); sys.stdin.read()"
    )
    code = (
        "from tests.batch.toys import *; from tsattn.batch import RayEngine; from tsattn.batch.driver import run_jobs\n"
        f"engine = RayEngine(worker=Toy, workers=1, gpus=0, address='ray://127.0.0.1:{port}')\n"
        f"run_jobs([job(name) for name in 'abc'], Path({str(tmp_path)!r}), engine, Watcher())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", serve], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    ) as server:
        try:
            assert any(line == "ready\n" for line in server.stdout)
            subprocess.run([sys.executable, "-c", code], check=True, timeout=300, **options)
        finally:
            server.stdin.close()
    assert len(finished(tmp_path)) == 3


def test_no_cluster_at_the_address():
    code = (
        "from tests.batch.toys import *; from tsattn.batch import RayEngine; from pathlib import Path\n"
        "next(RayEngine(address='127.0.0.1:1')([job('a')]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=os.getcwd())
    assert (
        "BatchError: cannot use Ray at 127.0.0.1:1: Connection refused; `ray start --head` starts one" in found.stderr
    )
