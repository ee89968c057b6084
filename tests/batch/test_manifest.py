"""The manifest: states, readers, and files that are none."""

import os
import shutil
import sqlite3
import stat

import pytest

from tests.batch.toys import job, made
from tsattn.batch.manifest import NAME, Manifest, rows
from tsattn.errors import OutputError

JOBS = [job("a"), job("b"), job("c")]


def states(folder):
    return {row["prompt_id"]: row["state"] for row in rows(folder)}


@pytest.fixture
def used(tmp_path):
    """One job done, one failed, one never begun."""
    with Manifest(tmp_path) as manifest:
        manifest.want(JOBS)
        manifest.start(JOBS[0].key, "w")
        manifest.finish(JOBS[0].key, made(JOBS[0]).record)
        manifest.start(JOBS[1].key, "w")
        manifest.fail(JOBS[1].key, "no luck")
    return tmp_path


def test_every_state_is_kept(used):
    assert states(used) == {"a": "done", "b": "failed", "c": "pending"}
    done, failed, pending = rows(used)
    assert (done["seconds"], done["peak_memory"], done["environment"]) == (0.5, 1000, '{"torch": "1"}')
    assert failed["error"] == "no luck"
    assert (done["attempts"], pending["attempts"]) == (1, 0)


def test_the_next_run_keeps_what_is_done_and_tries_the_rest_again(used):
    with Manifest(used) as manifest:
        assert list(manifest.want(JOBS)) == [JOBS[0].key]
    assert states(used) == {"a": "done", "b": "pending", "c": "pending"}


def test_what_ran_when_the_process_ended_waits_again(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.want(JOBS)
        manifest.start(JOBS[0].key, "w")
        assert states(tmp_path)["a"] == "running", "readers see it at once"
    assert states(tmp_path)["a"] == "pending"


def test_only_the_latest_spec_counts_but_nothing_is_forgotten(used):
    with Manifest(used) as manifest:
        assert manifest.want([job("d")]) == {}
    assert list(states(used)) == ["d"]
    with Manifest(used) as manifest:
        assert list(manifest.want(JOBS)) == [JOBS[0].key]


def test_new_names_and_tags_are_taken_over(used):
    with Manifest(used) as manifest:
        manifest.want([job("a", tags=("animal",), method="mine")])
    (row,) = rows(used)
    assert (row["tags"], row["method"], row["state"]) == ('["animal"]', "mine", "done")
    assert row["video"] == JOBS[0].video.as_posix(), "the video is where it was made"


def test_no_batch(tmp_path):
    with pytest.raises(OutputError, match="holds no batch"):
        rows(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: b"this is no database" * 100, lambda data: data[:4096] + bytes(4096)])
def test_a_damaged_manifest_is_said_to_be_so(used, damage):
    path = used / NAME
    path.write_bytes(damage(path.read_bytes()))
    for use in (lambda: Manifest(used), lambda: rows(used)):
        with pytest.raises(OutputError, match="is damaged .* move it away and start again"):
            use()


def test_a_manifest_of_a_later_version(used):
    with sqlite3.connect(used / NAME) as db:
        db.execute("PRAGMA user_version = 99")
    for use in (lambda: Manifest(used), lambda: rows(used)):
        with pytest.raises(OutputError, match=r"is of version 99, but .* update tsattn"):
            use()


def test_no_room_is_said_to_be_so(tmp_path):
    with Manifest(tmp_path) as manifest:
        pages = manifest._db.execute("PRAGMA page_count").fetchone()[0]
        manifest._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutputError, match="database or disk is full; what is done is safe. Make room"):
            manifest.want([job(str(k)) for k in range(100)])
        manifest._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
        manifest.want(JOBS)
    assert list(states(tmp_path)) == ["a", "b", "c"], "all or nothing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_can_be_read(used):
    used.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert states(used)["a"] == "done"
    finally:
        used.chmod(stat.S_IRWXU)


def test_a_copy_can_be_read_and_is_not_changed(used, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "batch"
    shutil.copytree(used, copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.name == NAME}
    assert states(copy)["a"] == "done"
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.name == NAME} == before
