"""What is saved is read, and what cannot be read is said."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from tests.inspect.making import record
from tsattn.errors import OutputError, RunError
from tsattn.inspect import Record
from tsattn.inspect.store import ARRAYS


def test_what_is_saved_is_read(tmp_path):
    made = record(region=np.r_[0.2, 0, 0.2, 0.2, 0, 0.2, 0.2])
    assert made.save(tmp_path / "a.record") == ["a.record.safetensors", "a.record.json"]
    found = Record.load(tmp_path / "a.record")
    for one in fields(Record):
        if one.name in ARRAYS:
            np.testing.assert_array_equal(getattr(found, one.name), getattr(made, one.name))
        elif one.name != "control":
            assert getattr(found, one.name) == getattr(made, one.name), one.name
    assert found.control == json.loads(json.dumps(made.control))


def test_means_leave_out_frames_without_a_region_and_steps_without_control():
    made = record(region=np.r_[0.2, 0, 0.2, 0.2, 0.2, 0.2, 0.2])
    made.inside_after[0, 0, 0, 0] = np.nan
    assert np.isnan(made.inside(after=True)[:, 1]).all()
    np.testing.assert_allclose(made.inside(after=True)[0, 0], 0.5)
    mixed = replace(record(), acting=(True, False))
    mixed.inside_after[1] = mixed.inside_before[1]
    np.testing.assert_allclose(mixed.inside(after=True), record().inside(after=True))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda facts: facts.update(version=9), "of version 9; this tsattn reads version 1"),
        (lambda facts: facts.pop("plan"), "holds no recording that can be read"),
        (lambda facts: facts["plan"].update(prompt="other"), "holds no recording"),
        (lambda facts: facts["grid"].update(frames=9), "should have the shape"),
        (lambda facts: facts.update(steps=[0]), "should have the shape"),
    ],
)
def test_damaged_facts(tmp_path, damage, message):
    record().save(tmp_path / "a")
    facts = json.loads((tmp_path / "a.json").read_text())
    damage(facts)
    (tmp_path / "a.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match=message):
        Record.load(tmp_path / "a")


def test_damaged_and_missing_arrays(tmp_path):
    with pytest.raises(RunError, match="cannot read the recording"):
        Record.load(tmp_path / "none")
    record().save(tmp_path / "a")
    content = (tmp_path / "a.safetensors").read_bytes()
    for broken in (b"", content[:100], b"{}" * 99):
        (tmp_path / "a.safetensors").write_bytes(broken)
        with pytest.raises(RunError, match="record the run again"):
            Record.load(tmp_path / "a")


def test_a_place_that_cannot_be_written_to(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        record().save(tmp_path / "missing" / "a")
