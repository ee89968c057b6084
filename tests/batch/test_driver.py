"""Runs with workers that cost nothing: only what is missing is made, and nothing is lost."""

import hashlib
import json
import os
import sqlite3
import threading

import pytest

from tests.batch.toys import Toy, Watcher, job, made
from tsattn.batch import SerialEngine, damaged, finished, unfinished
from tsattn.batch.driver import run_jobs
from tsattn.batch.manifest import NAME, rows
from tsattn.batch.updates import Ended, Failed, Started
from tsattn.errors import OutputError

JOBS = [job(str(k)) for k in range(4)]
ENGINE = SerialEngine(worker=Toy)


def run(folder, jobs=JOBS, engine=ENGINE):
    watcher = Watcher()
    run_jobs(jobs, folder, engine, watcher)
    return watcher


def videos(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("videos/*/*/*.mp4"))}


@pytest.fixture
def done(tmp_path):
    run(tmp_path)
    return tmp_path


def test_every_job_gets_its_video_and_record(done):
    assert videos(done) == {one.video: made(one).video for one in sorted(JOBS, key=lambda one: one.video)}
    for one in JOBS:
        about = json.loads((done / one.video.with_suffix(".json")).read_text())
        assert about["key"] == one.key
        assert about["plan"]["prompt"] == one.plan.prompt
        assert about["made"]["seconds"] == 0.5


def test_a_second_run_has_nothing_to_do(done):
    assert run(done).missing == []


@pytest.mark.parametrize("harm", [os.unlink, lambda path: os.truncate(path, 3)], ids=["gone", "cut off"])
def test_only_what_is_missing_is_made_again(done, harm):
    before = videos(done)
    harm(done / JOBS[2].video)
    assert run(done).missing == [JOBS[2]]
    assert videos(done) == before


def test_a_lost_manifest_is_made_again_from_the_files(done):
    before = [tuple(row)[:-1] for row in rows(done)]
    (done / NAME).unlink()
    assert run(done).missing == []
    found = [tuple(row)[:-1] for row in rows(done)]
    attempts = list(rows(done)[0].keys()).index("attempts")
    assert [row[:attempts] + row[attempts + 1 :] for row in found] == [
        row[:attempts] + row[attempts + 1 :] for row in before
    ], "but for how often each was tried"


def test_a_video_without_its_record_is_made_again(done):
    (done / NAME).unlink()
    (done / JOBS[0].video.with_suffix(".json")).write_text("{")
    assert run(done).missing == [JOBS[0]]


def test_a_job_that_fails_is_recorded_and_the_rest_goes_on(tmp_path):
    jobs = [job("fail"), *JOBS]
    watcher = run(tmp_path, jobs)
    assert [update.job.prompt_id for update in watcher.of(Ended) if isinstance(update.result, Failed)] == ["fail"]
    assert len(finished(tmp_path)) == 4
    (failed,) = unfinished(tmp_path)
    assert (failed.prompt_id, failed.state, failed.error) == ("fail", "failed", "as its name says")
    assert run(tmp_path, jobs).missing == jobs[:1], "it is tried again"


def test_results_say_all_that_a_judge_needs(done):
    first = finished(done)[0]
    assert first.plan == JOBS[0].plan
    assert first.events == ("moves right", "grows")
    assert (first.prompt_id, first.tags, first.model, first.method, first.seed) == (
        "0",
        ("object",),
        "toy",
        "vanilla",
        0,
    )
    assert first.video.read_bytes() == b"video of 0"
    assert (first.frames, first.fps, first.verdict) == (25, 8.0, None)


def test_results_are_those_of_the_latest_spec_in_its_order(done):
    run(done, [job("new"), JOBS[3], JOBS[1]])
    assert [one.prompt_id for one in finished(done)] == ["new", "3", "1"]
    assert len(videos(done)) == 5, "earlier videos stay"


def test_damaged_videos_are_found(done):
    (done / JOBS[1].video).write_bytes(b"Video of 1")
    assert damaged(done) == [done / JOBS[1].video]


@pytest.mark.parametrize("harm", [b"Video of 1", b"", b"another"])
def test_a_reader_can_check_the_bytes_of_a_video(done, harm):
    for one in finished(done):
        assert one.sha256 == hashlib.sha256(one.video.read_bytes()).hexdigest()
        one.check()
    (done / JOBS[1].video).write_bytes(harm)
    with pytest.raises(OutputError, match=rf"{JOBS[1].video.name} is damaged: .*; delete it and start the batch again"):
        finished(done)[1].check()
    (done / JOBS[1].video).unlink()
    finished(done)[1].check()


class Interrupting(Toy):
    def do(self, job, image):
        if job.prompt_id == "2":
            raise KeyboardInterrupt
        return super().do(job, image)


def test_ctrl_c_keeps_what_is_done(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, engine=SerialEngine(worker=Interrupting))
    assert [one.prompt_id for one in finished(tmp_path)] == ["0", "1"]
    assert [one.state for one in unfinished(tmp_path)] == ["pending", "pending"]
    assert run(tmp_path).missing == JOBS[2:]


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, monkeypatch):
    from tsattn.batch import outputs

    real = outputs.moved_into_place

    def full(path):
        if JOBS[2].video.name == path.name:
            raise OutputError(f"cannot write {path}: No space left on device")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "moved_into_place", full)
        with pytest.raises(OutputError, match="No space left"):
            run(tmp_path)
    assert len(finished(tmp_path)) == 2
    assert run(tmp_path).missing == JOBS[2:]


def test_a_worker_without_room_stops_the_run_and_loses_nothing(tmp_path):
    jobs = [JOBS[0], job("full"), *JOBS[1:]]
    with pytest.raises(OutputError, match="no room; make some"):
        run(tmp_path, jobs)
    assert [one.prompt_id for one in finished(tmp_path)] == ["0"]
    assert {one.state for one in unfinished(tmp_path)} == {"pending"}
    assert run(tmp_path).missing == JOBS[1:]


def test_all_jobs_of_a_model_that_cannot_be_opened_fail_at_its_first_one_and_the_rest_goes_on(tmp_path):
    broken = [job(str(k), model="broken") for k in range(3)]
    watcher = run(tmp_path, [*broken, *JOBS])
    assert [one.prompt_id for one in finished(tmp_path)] == ["0", "1", "2", "3"]
    assert [(one.state, one.error) for one in unfinished(tmp_path)] == [("failed", "its weights are cut off")] * 3
    assert [update.job.model for update in watcher.of(Started)].count("broken") == 1
    assert run(tmp_path, [*broken, *JOBS]).missing == broken, "they are tried again"


class Waiting(Toy):
    begun, go_on = threading.Event(), threading.Event()

    def do(self, job, image):
        self.begun.set()
        assert self.go_on.wait(30)
        return super().do(job, image)


def test_two_runs_at_once_the_second_is_refused_and_the_first_goes_on(tmp_path):
    first = threading.Thread(target=run, args=(tmp_path, JOBS, SerialEngine(worker=Waiting)))
    first.start()
    try:
        assert Waiting.begun.wait(30)
        with pytest.raises(OutputError, match="another run is at work"):
            run(tmp_path)
        assert {row["state"] for row in rows(tmp_path)} == {"running", "pending"}, "readers are let in"
    finally:
        Waiting.go_on.set()
        first.join()
    assert len(finished(tmp_path)) == 4


def test_a_damaged_manifest_stops_the_run_and_moved_away_costs_nothing(done):
    (done / NAME).write_bytes(b"nonsense" * 1000)
    with pytest.raises(OutputError, match="is damaged"):
        run(done)
    (done / NAME).rename(done / "old")
    assert run(done).missing == []


def test_the_manifest_is_one_that_any_tool_reads(done):
    with sqlite3.connect(done / NAME) as db:
        assert db.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall() == [("done", 4)]


def test_first_started_then_stored_then_told(tmp_path):
    class Looking(Watcher):
        def tell(self, update):
            super().tell(update)
            if isinstance(update, Ended):
                assert (tmp_path / update.job.video).exists()

    watcher = Looking()
    run_jobs(JOBS, tmp_path, ENGINE, watcher)
    assert [type(update) for update in watcher.updates] == [Started, Ended] * 4
