"""The worker on the embedded model: the same bytes as by hand, and errors that stay with their job."""

import errno
import os
import resource
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.batch.toys import job
from tsattn.batch.jobs import expand
from tsattn.batch.spec import Spec
from tsattn.batch.updates import Failed, Made, Unopened
from tsattn.batch.worker import Worker, described
from tsattn.errors import OutputError
from tsattn.evaluate.verdict import judge
from tsattn.generate import describe, generate, open_model
from tsattn.methods import METHODS
from tsattn.video import read_mp4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def jobs():
    prompts = [{"prompt": "A red circle moves right, then grows"}]
    return expand(Spec.model_validate({"prompts": prompts, "settings": {"steps": 1}, "seeds": [5]}))


@pytest.fixture(scope="module")
def worker():
    return Worker(1)


@pytest.fixture(scope="module")
def results(jobs, worker):
    return [worker.do(job, None) for job in jobs]


def test_the_video_is_the_pipelines_own(jobs, results, tmp_path):
    for one, result in zip(jobs, results, strict=True):
        (tmp_path / "x.mp4").write_bytes(result.video)
        frames, metadata = read_mp4(tmp_path / "x.mp4")
        run = generate(open_model(describe("shapes")), one.plan, one.settings, config=one.how.config)
        shown = frames.reshape(25, 64, 4, 64, 4, 3).mean((2, 4))
        assert np.abs(shown - run.video).mean() < 8, "what the codec loses"
        assert one.key in metadata["comment"]
        assert metadata["title"] == one.plan.prompt
        verdict = judge(one.plan, describe("shapes").clip(one.settings), run.video)
        assert result.record.verdict == verdict._asdict()
    assert results[0].video != results[1].video


@pytest.mark.parametrize("method", ["pass-per-event", "windows"])
def test_ways_of_several_passes_are_timed_and_judged_like_all_others(jobs, worker, method):
    result = worker.do(replace(jobs[0], how=METHODS[method]), None)
    assert result.record.frames == 25
    assert result.record.seconds > 0
    assert result.record.verdict is not None


def test_the_same_job_gives_the_same_bytes(jobs, results):
    assert Worker(1).do(jobs[0], None).video == results[0].video


def test_what_is_measured(results):
    record = results[0].record
    assert record.frames == 25
    assert record.fps == 8.0
    assert 0 < record.seconds < 600
    assert record.peak_memory > 10**8
    assert record.size == len(results[0].video)
    assert record.environment["threads"] == "1"
    assert record.environment["torch"] == torch.__version__


def test_an_error_stays_with_its_job(jobs, worker):
    wrong = replace(jobs[0], settings=replace(jobs[0].settings, height=63))
    failed = worker.do(wrong, None)
    assert isinstance(failed, Failed)
    assert "63" in failed.error
    assert isinstance(worker.do(jobs[0], None), Made)


def test_another_model_than_planned_is_refused(jobs, worker):
    unopened = worker.do(replace(jobs[0], fingerprint="0" * 64), None)
    assert isinstance(unopened, Unopened)
    assert "is not the one that the batch was planned with" in unopened.error


def test_a_gpu_that_computes_no_more_is_no_fault_of_the_job(worker, monkeypatch):
    def dead():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.synchronize", dead)
    assert worker.do(job("a"), None) == Unopened("RuntimeError: CUDA error: an illegal memory access was encountered")


@pytest.fixture
def drawn(worker, monkeypatch):
    """Videos that cost nothing."""
    monkeypatch.setattr(worker, "_opened", lambda job: None)
    frames = SimpleNamespace(video=np.zeros((5, 64, 64, 3), np.uint8))
    monkeypatch.setattr("tsattn.batch.worker.make_video", lambda *_, **__: frames)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["tempfile.TemporaryDirectory", "av.open", "pathlib.Path.read_bytes"])
def test_a_full_disk_is_no_fault_of_the_job(worker, drawn, monkeypatch, step, number):
    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(step, full)
    with pytest.raises(OutputError, match=rf"{os.strerror(number)}; what is done is safe. .* TMPDIR, and start again"):
        worker.do(job("a"), None)


def test_a_write_of_the_encoder_that_finds_no_room(worker, drawn):
    """The limit on a file's size stands for a full disk: the system refuses the write half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match="temporary files of .*: File too large; what is done is safe"):
            worker.do(job("a"), None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_errors_keep_secrets_and_are_one_line(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdef")
    monkeypatch.setenv("MY_API_KEY", "sk-123456")
    text = described(RuntimeError("401 for Bearer hf_abcdef\n and sk-123456"))
    assert text == "RuntimeError: 401 for Bearer [secret] and [secret]"
