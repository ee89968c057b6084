"""Outcomes on disk: whole lines, one run at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.shapes.making import outcome
from tsattn.errors import EvaluationError, OutputError
from tsattn.evaluate.shapes.records import FILE, Records


def keep(folder: Path, *keys: str) -> None:
    with Records(folder) as records:
        records.add({key: (outcome("10"), {"method": "vanilla"}) for key in keys})


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    keep(tmp_path / "new" / "folder", "a", "b")
    keep(tmp_path / "new" / "folder", "c")
    with Records(tmp_path / "new" / "folder") as records:
        assert records.kept == {key: outcome("10") for key in "abc"}


def test_a_line_cut_off_by_a_kill_is_dropped_and_no_other(tmp_path: Path) -> None:
    keep(tmp_path, "a", "b")
    path = tmp_path / FILE
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with Records(tmp_path) as records:
            assert list(records.kept) == ["a", "b"][: (whole + b"\n")[: length + 1].count(b"\n")], "a whole one counts"
        assert (whole + b"\n").startswith(path.read_bytes())
    path.write_bytes(whole[:-2])
    keep(tmp_path, "c")
    with Records(tmp_path) as records:
        assert list(records.kept) == ["a", "c"]


def test_a_line_that_was_damaged_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "a", "b")
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"key": "b"', '"key":'))
    with pytest.raises(EvaluationError, match=r"line 2 of .*outcomes\.jsonl is no outcome; delete the line"):
        Records(tmp_path)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with Records(tmp_path) as records:
        assert list(records.kept) == ["a"], "and the folder was not left locked"


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    with Records(tmp_path), pytest.raises(OutputError, match="another run measures in"):
        Records(tmp_path)
    Records(tmp_path).__exit__()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to .*choose another folder"):
        Records(tmp_path / "file" / "folder")
