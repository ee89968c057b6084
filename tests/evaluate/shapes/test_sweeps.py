"""Questions of the sweep: what their variants are, and how they are answered."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest

from tests.evaluate.shapes.making import outcome
from tsattn.control import ControlConfig
from tsattn.errors import EvaluationError
from tsattn.evaluate.shapes.charts import draw_question
from tsattn.evaluate.shapes.figures import FIGURES, GAINED, Table, tabulate
from tsattn.evaluate.shapes.matrix import Measured
from tsattn.evaluate.shapes.sweeps import PAPER, QUESTIONS, baseline, check_question
from tsattn.evaluate.shapes.table import sweep_as_csv, sweep_as_markdown
from tsattn.evaluate.shapes.trials import Trial
from tsattn.generate import SHAPES_SETTINGS
from tsattn.methods import METHODS

N = 3


def trials(name: str) -> list[Trial]:
    return list(QUESTIONS[name].trials(SHAPES_SETTINGS, n=N, seeds=(0,)))


@pytest.fixture(scope="module")
def answers() -> dict[str, Table]:
    """Every variant does the first of its events, and another one where the method's name is longer."""
    found = {}
    for name in ("guidance", "segments"):
        measured = [
            Measured(one, outcome("110" if len(one.method) > 7 and one.case.number else "100", reverse="001"))
            for one in trials(name)
        ]
        found[name] = tabulate(measured, [baseline(PAPER)])
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_variants_are_compared_with_the_model_alone_and_the_paper_on_the_same_prompts(name: str) -> None:
    by_method: dict[str, list[Trial]] = {}
    for one in trials(name):
        by_method.setdefault(one.method, []).append(one)
    assert list(by_method)[:2] == ["vanilla", "paper"]
    assert by_method["vanilla"][0].how == METHODS["vanilla"]
    assert by_method["paper"][0].how.config == ControlConfig.paper()
    assert len({tuple((one.case, one.segmentation) for one in found) for found in by_method.values()}) == 1
    assert not any(one.case.final for found in by_method.values() for one in found)
    if len(by_method) > 2:
        same = [method for method, found in by_method.items() if found[0].video == by_method["paper"][0].video]
        assert set(same) <= {"paper", "20% of steps, all layers"}, "a variant that changes nothing answers nothing"


def test_between_them_the_questions_vary_what_the_paper_leaves_open() -> None:
    configs = [one.how.config for name in QUESTIONS for one in trials(name) if one.how.config]
    varied = {name for name in vars(configs[0]) if len({getattr(config, name) for config in configs}) > 1}
    open_fields = {"t2v_step_fraction", "i2v_step_fraction", "layers", "r_max", "threshold", "erosion", "raise_subject"}
    assert open_fields | {"count_pads", "segment_wise", "unconditional"} <= varied
    assert len({one.settings.guidance for one in trials("guidance")}) == 5
    assert {len(one.case.events) and one.case.events[0] for one in trials("events")} == {2, 3, 4}


def test_a_question_that_there_is_not_is_named() -> None:
    with pytest.raises(EvaluationError, match="unknown question 'r_max'; did you mean 'r-max'"):
        check_question("r_max")


def test_variants_may_start_from_another_setting() -> None:
    start = ControlConfig(strength=0.3, layers=(1, 2))
    found = QUESTIONS["pads"].trials(SHAPES_SETTINGS, n=1, seeds=(0,), start=start)
    assert {one.method: one.how.config for one in found} == {
        "vanilla": None,
        "paper": ControlConfig.paper(),
        "start": start,
        "without pads": ControlConfig(strength=0.3, layers=(1, 2), count_pads=False),
    }


@pytest.mark.parametrize(
    ("name", "own", "other"), [("region", "no region", "erosion 3"), ("subject", "subject raised", "subject left")]
)
def test_a_variant_that_is_the_start_itself_is_left_out(name: str, own: str, other: str) -> None:
    for start, left_out, kept in ((ControlConfig.gentle(), own, other), (ControlConfig.paper(), other, own)):
        found = {one.method for one in QUESTIONS[name].trials(SHAPES_SETTINGS, n=1, seeds=(0,), start=start)}
        assert kept in found
        assert left_out not in found


def test_tables_have_a_section_and_lines_for_every_question(answers: dict[str, Table]) -> None:
    text = sweep_as_markdown(answers, "Made so.", {"guidance": "guidance.svg"})
    for name in answers:
        assert f"\n## {name}\n\n{QUESTIONS[name].asks}\n" in text
    assert "](guidance.svg)" in text
    assert "](segments.svg)" not in text
    assert text.count("\n### ") == 1 + 4
    assert "--final" in text
    lines = list(csv.DictReader(io.StringIO(sweep_as_csv(answers))))
    rows = {name: len(table.rows) for name, table in answers.items()}
    assert rows == {"guidance": 10, "segments": 8}
    for name, table in answers.items():
        gained = sum(bool(row.gains) for row in table.rows)
        expected = (len(FIGURES) + 3) * rows[name] + 2 * len(GAINED) * gained
        assert sum(line["question"] == name for line in lines) == expected


def test_a_picture_shows_every_variant_beside_the_subject_kept(answers: dict[str, Table]) -> None:
    for name, table in answers.items():
        svg = draw_question(table)
        texts = list(ElementTree.fromstring(svg).itertext())
        assert all(row.method in texts for row in table.rows), name
        assert {"subject kept, %", "events in their segment, subject kept, %"} <= set(texts)
        assert sum(text.startswith("3 events, ") for text in texts) == len({row.segmentation for row in table.rows})
