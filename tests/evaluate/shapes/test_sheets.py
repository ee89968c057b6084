"""Videos that are kept, and the sheets of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluate.shapes.making import CLIP, outcome, trial
from tsattn.errors import OutputError
from tsattn.evaluate.shapes import sheets as module
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.sheets import SHOWN, keep, kept, read, sheets
from tsattn.shapes.world import FRAMES, render
from tsattn.video import strips
from tsattn.video.text import wrapped


def test_a_video_is_kept_without_loss(tmp_path: Path) -> None:
    video = render(trial().case.scene)
    assert not kept(tmp_path, "key")
    keep(tmp_path, "key", video)
    assert kept(tmp_path, "key")
    assert np.array_equal(read(tmp_path, "key"), video)


def test_a_sheet_is_of_the_first_cases_whatever_they_show(tmp_path: Path, monkeypatch) -> None:
    found = []
    for events in (2, 3):
        for number in reversed(range(SHOWN + 2)):
            for method in ("vanilla", "ts-attn"):
                one = trial(method, number, events=events)
                flags = "1" + "0" * (events - 1)
                found.append(Measured(one, outcome(flags, kept=number % 2 == 0)))
                if number < SHOWN:
                    keep(tmp_path, one.key("w"), render(one.case.scene))
        other = trial("vanilla", 0, events=events, segmentation="true")
        found.append(Measured(other, outcome("1" * events)))
    shown = []
    page = module.contact_sheet

    def noting(rows, *, plan, **options):
        shown.append((plan.prompt, [(row.label, row.done) for row in rows]))
        return page(rows, plan=plan, **options)

    monkeypatch.setattr(module, "contact_sheet", noting)
    made = sheets(found, tmp_path, "w", CLIP)
    assert list(made) == [2, 3]
    expected = [trial(number=number, events=events).plan.prompt for events in (2, 3) for number in range(SHOWN)]
    assert [prompt for prompt, _ in shown] == expected
    assert shown[0][1] == [("vanilla", [True, False]), ("ts-attn", [True, False])]
    assert shown[1][1][0][0] == "vanilla (subject lost)"
    assert made[3].height > 4 * 2 * 64


def test_other_numbers_of_a_method_stand_beside_its_videos_uncut(tmp_path: Path, monkeypatch) -> None:
    one = replace(trial(events=3), method="kv-switch:step_fraction=0.2")
    keep(tmp_path, one.key("w"), render(one.case.scene))
    written: list[str] = []
    monkeypatch.setattr(
        strips, "wrapped", lambda *of, **options: written.extend(lines := wrapped(*of, **options)) or lines
    )
    sheets([Measured(one, outcome("100", kept=False))], tmp_path, "w", CLIP)
    assert written[-3:] == ["kv-switch:", "step_fraction=0.2", "(subject lost)"]


def test_what_cannot_be_kept_or_read_is_told(tmp_path: Path) -> None:
    video = np.zeros((FRAMES, 8, 8, 3), np.uint8)
    keep(tmp_path, "key", video)
    for damaged in (b"", b"no picture"):
        (tmp_path / "videos" / "key.png").write_bytes(damaged)
        with pytest.raises(OutputError, match="delete it, and the same command makes it again"):
            read(tmp_path, "key")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "videos").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        keep(tmp_path / "taken", "key", video)
