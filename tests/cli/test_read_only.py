"""A folder that cannot be written to, as a user who is not root: one line that names it, and nothing left in it."""

import ctypes
import json
import os
import subprocess
import sys

import pytest

from tests.batch.toys import Toy, job
from tsattn.batch import SerialEngine
from tsattn.batch.driver import Silence, run_jobs

SENTENCE = "A red circle moves right, then grows"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are other ones there")


def bound_by_permissions():
    """Take from root what lets it write everywhere, before another program is run; it may still read everything.

    Another user may have no right to run this very Python, which can be in root's own folder.
    """
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def as_a_plain_user(*command, folder):
    """Run Python as somebody for whom permissions count."""
    drop = bound_by_permissions if os.geteuid() == 0 else None
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
        preexec_fn=drop,
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with one that nobody may write to, and a batch that nobody may change."""
    folder = tmp_path_factory.mktemp("read-only")
    (folder / "spec.json").write_text(json.dumps({"prompts": [SENTENCE]}))
    (folder / "prompts.json").write_text(json.dumps({"a.mp4": {"prompt": SENTENCE, "event_list": ["grows"]}}))
    (folder / "videos").mkdir()
    (folder / "videos" / "a.mp4").touch()
    (folder / "full").mkdir()
    run_jobs([job("one")], folder / "batch", SerialEngine(worker=Toy), Silence())
    closed = [folder / "full", folder / "batch"]
    for path in closed:
        path.chmod(0o555)
    if as_a_plain_user("-c", "open('full/x', 'w')", folder=folder).returncode == 0:
        pytest.skip("nobody can be kept from writing here")
    yield folder
    for path in closed:
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["generate", SENTENCE], "full/new"),
        (["batch", "run", "spec.json"], "full"),
        (["eval", "judge", "videos", "--prompts", "prompts.json", "--model", "m", "--yes"], "full"),
    ],
    ids=["generate", "batch run", "eval judge"],
)
def test_a_folder_that_cannot_be_written_to_is_one_clear_line(place, command, output):
    result = as_a_plain_user("-m", "tsattn", *command, "-o", output, folder=place)
    assert result.returncode == 2, result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("tsattn: cannot") and "full" in line
    assert "choose another folder" in line or "give it room and the right to write" in line
    assert "Traceback" not in result.stderr
    assert not list((place / "full").iterdir())


def test_what_is_done_there_can_still_be_read(place):
    result = as_a_plain_user("-m", "tsattn", "batch", "status", "batch", folder=place)
    assert result.returncode == 0, result.stderr
