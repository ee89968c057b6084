"""Files of a batch's folder."""

import resource
import signal
import subprocess
import sys

import pytest

from tsattn import locking
from tsattn.batch import outputs
from tsattn.errors import OutputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A cat's paw: up!", "a-cat-s-paw-up"), ("../../x", "x"), ("Übung", "ubung"), ("日本", "x"), ("CON", "con-x")],
)
def test_slugs(text, expected):
    assert outputs.slug(text) == expected


def test_slugs_are_short():
    assert len(outputs.slug("cat " * 100)) <= outputs.LONGEST_SLUG


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path):
    with outputs.locked(tmp_path):
        assert locking.in_use(tmp_path)
        code = f"from pathlib import Path; from tsattn.batch import outputs; outputs.locked(Path({str(tmp_path)!r})).__enter__()"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "OutputError: another run is at work in" in other.stderr
    assert not locking.in_use(tmp_path)


def test_a_killed_run_lets_go_of_its_folder(tmp_path):
    code = (
        "import os, signal; from pathlib import Path; from tsattn.batch import outputs\n"
        f"with outputs.locked(Path({str(tmp_path)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    with outputs.locked(tmp_path):
        pass


def test_what_a_killed_run_had_begun_is_swept_and_nothing_else(tmp_path):
    videos = tmp_path / "videos" / "model" / "method"
    videos.mkdir(parents=True)
    for name in (".a.mp4.12345678.part", "a.mp4", "a.json"):
        (videos / name).touch()
    with outputs.locked(tmp_path):
        assert sorted(path.name for path in videos.iterdir()) == ["a.json", "a.mp4"]


@pytest.mark.parametrize("place", ["/proc/batch", "/dev/null/batch"])
def test_a_folder_that_cannot_be_written_to(place):
    from pathlib import Path

    with pytest.raises(OutputError, match=rf"cannot write to {place}: .*; choose another folder with -o"):
        outputs.locked(Path(place)).__enter__()


def test_a_write_that_finds_no_room_leaves_nothing(tmp_path):
    """The limit on a file's size stands for a full disk: the system refuses the write half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*x\.mp4: File too large"):
            outputs.write(tmp_path / "x.mp4", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
