"""Figures of methods, their tables and pictures."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.evaluate.shapes.making import measured, outcome
from tsattn.errors import EvaluationError
from tsattn.evaluate.intervals import LEVEL
from tsattn.evaluate.shapes.charts import PICTURES, looks
from tsattn.evaluate.shapes.figures import EQUAL, FIGURES, GAINED, PRIMARY, Table, tabulate
from tsattn.evaluate.shapes.table import as_csv, as_markdown, as_objects
from tsattn.methods import METHODS, canonical

COUNT = 40


@pytest.fixture(scope="module")
def table() -> Table:
    """Vanilla does the first event of every other prompt; TS-Attn both of all, but keeps half of the subjects."""
    found = []
    for number in range(COUNT):
        found.append(measured("vanilla", number, outcome("10" if number % 2 else "00", reverse="01")))
        found.append(measured("ts-attn", number, outcome("11", reverse="00", kept=number % 2 == 0)))
        found.append(measured("released", number, outcome("10" if number % 2 else "00", reverse="01")))
    return tabulate(found, ["vanilla", "ts-attn"])


def test_each_figure_is_the_mean_over_videos(table: Table) -> None:
    vanilla, ours, _ = (
        {name: row.figures[name].mean for name in row.figures if row.figures[name]} for row in table.rows
    )
    assert vanilla == {
        PRIMARY: 0.25, "asked_kept": 0.25, "reversed_kept": 0.5, "subject_kept": 1, "in_segment": 0.25, "all_in_segment": 0, "in_order": 0.25,
        "all_done": 0, "background_change": pytest.approx(0.01), "seconds": 1,
    }  # fmt: skip
    assert ours[PRIMARY] == 0.5, "an event counts only where the subject is kept"
    assert ours["in_segment"] == ours["all_in_segment"] == ours["ordered"] == 1
    assert ours["asked_kept"] == 0.5
    assert ours["reversed_kept"] == 0


def test_the_control_is_of_the_segments_that_get_another_event_in_reverse() -> None:
    found = [measured("vanilla", k, outcome(flags, reverse=back)) for k, (flags, back) in enumerate([
        ("110", "0-1"), ("011", "1-1"), ("101", "---"),
    ])]  # fmt: skip
    (row,) = tabulate(found, ["vanilla"]).rows
    assert row.figures["asked_kept"] == pytest.approx((0.5, 0.5, 0.5)), "half of the two segments of two prompts"
    assert row.figures["reversed_kept"] is not None
    assert row.figures["reversed_kept"].mean == 0.75
    assert row.counted["reversed_kept"] == row.counted["asked_kept"] == 2
    assert row.counted[PRIMARY] == 3


def test_the_primary_figure_is_told_by_place_too(table: Table) -> None:
    assert [row.by_place for row in table.rows] == [[0.5, 0], [0.5, 0.5], [0.5, 0]]
    text = as_markdown(table, "Made so.")
    assert "| method | event 1 | event 2 |" in text
    assert "| ts-attn | 50.0 | 50.0 |" in text


def test_unknown_is_not_zero(table: Table) -> None:
    """Where no video does two events, whether they are in order is no question."""
    assert table.rows[0].figures["ordered"] is None
    assert "| – |" in as_markdown(table, "Made so.")


def test_gains_are_paired_and_their_level_is_corrected(table: Table) -> None:
    vanilla, ours, same = table.rows
    gains = ours.gains["vanilla"]
    assert gains[PRIMARY].difference.mean == pytest.approx(0.25)
    assert gains[PRIMARY].ratio is not None
    assert gains[PRIMARY].ratio.mean == pytest.approx(2)
    assert vanilla.gains["ts-attn"][PRIMARY].difference.mean == pytest.approx(-0.25)
    assert same.gains["vanilla"][PRIMARY].difference == (0, 0, 0), "the same videos gain nothing, in every draw"
    assert set(gains) == set(GAINED)
    assert [set(row.gains) for row in table.rows] == [{"ts-attn"}, {"vanilla"}, {"vanilla", "ts-attn"}]
    assert table.comparisons == 2 * 2 * 3 * 2, "methods, baselines, figures; differences and ratios"
    assert table.level == pytest.approx(1 - (1 - LEVEL) / 24)


def test_at_equal_consistency_only_prompts_count_where_both_keep_the_subject(table: Table) -> None:
    """TS-Attn keeps it on even prompts, on which vanilla does nothing."""
    assert table.rows[1].gains["vanilla"][EQUAL].difference.mean == 1
    lost = [measured(name, 0, outcome("11", kept=name == "vanilla")) for name in ("vanilla", "ts-attn")]
    gains = tabulate(lost, ["vanilla"]).rows[1].gains["vanilla"]
    assert set(gains) == set(GAINED) - {EQUAL}, "of no prompt nothing can be said"


def test_a_baseline_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="the baseline 'vanilla' was not measured on 2 events, uniform"):
        tabulate([measured("ts-attn", 0, outcome("11"))], ["vanilla"])


def test_the_csv_holds_every_figure_and_gain(table: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert len(lines) == 3 * (len(FIGURES) + 2) + 2 * 4 * len(GAINED)
    (ratio,) = (line for line in lines if line["method"] == "ts-attn" and line["figure"] == f"{PRIMARY}: times vanilla")
    assert float(ratio["value"]) == pytest.approx(2)
    assert float(ratio["low"]) <= 2 <= float(ratio["high"])
    (unknown,) = (line for line in lines if line["method"] == "vanilla" and line["figure"] == "ordered")
    assert (unknown["value"], unknown["videos"]) == ("", "0")
    both = [line for line in lines if line["method"] == "ts-attn" and line["figure"] == f"{EQUAL}: gain over vanilla"]
    assert [(line["videos"], float(line["level"])) for line in both] == [("20", pytest.approx(table.level))]
    assert {line["level"] for line in lines if line["figure"] == PRIMARY} == {str(LEVEL)}


def test_plain_means_are_one_object_for_each_cell() -> None:
    found = [measured(name, number, outcome("10")) for name in ("vanilla", "gentle") for number in (0, 1)]
    (one,) = as_objects(found)
    assert list(one) == ["world", "events", "n", "seed", "methods"]
    assert (one["events"], one["n"], one["seed"]) == (2, 2, 0)
    assert one["methods"]["vanilla"]["in_segment"] == 0.5
    several = as_objects([*found, measured("vanilla", 0, outcome("101"))])
    assert [(each["events"], each["n"], each["segments"]) for each in several] == [(2, 2, "uniform"), (3, 1, "uniform")]
    assert list(several[1]["methods"]) == ["vanilla"]


def test_the_markdown_says_how_it_was_corrected(table: Table) -> None:
    text = as_markdown(table, "Made so.", [f"shapes-{name}.svg" for name in PICTURES])
    assert "## 2 events, uniform segments" in text
    assert "all 24 of them" in text
    assert all(f"](shapes-{name}.svg)" in text for name in PICTURES)
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| ") and "ts-attn" in line}
    assert widths == {len(FIGURES) + 3, 4, 6}, "figures, places, gains"
    assert "(20) |" in text, "on how many prompts both keep the subject"


def test_pictures_name_axes_units_and_methods(table: Table) -> None:
    for name, draw in PICTURES.items():
        svg = draw(table)
        texts = " ".join(ElementTree.fromstring(svg).itertext())
        assert "%" in texts, name
        for method in ("vanilla", "ts-attn", "released"):
            assert method in texts, name
        assert svg == draw(table)


def test_no_two_methods_look_alike() -> None:
    makefile = (Path(__file__).parents[3] / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    drawn = [
        canonical(name)
        for line in re.findall(r"^(?:METHODS|STRENGTHS|FURTHER) := (.*)$", makefile, re.M)
        for name in line.split()
    ]
    assert len(drawn) == 15
    assert set(METHODS) < set(drawn), "the final table has every method"
    for methods in (METHODS, drawn, drawn[::-1]):
        assert len(set(looks(list(methods)).values())) == len(methods)
    assert looks(drawn)["gentle"] == looks(["gentle"])["gentle"]
