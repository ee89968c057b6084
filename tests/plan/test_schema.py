"""Plans: what they accept, complete and refuse, and that files keep them."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tsattn.errors import PlanError
from tsattn.plan import Event, Plan, Segment, Subject, uniform
from tsattn.plan.schema import locate

PROMPT = "A cat jumps, then sleeps"


def cat(*events: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": PROMPT, "subjects": [{"text": "cat", "events": list(events)}]}


def load(folder: Path, data: object) -> Plan:
    path = folder / "plan.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return Plan.load(path)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any valid plan, over any text."""
    prompt = draw(st.text(min_size=1, max_size=40).filter(str.strip))
    bounds = st.tuples(st.integers(0, len(prompt)), st.integers(0, len(prompt))).filter(lambda pair: pair[0] < pair[1])

    def words() -> dict[str, Any]:
        first, last = draw(bounds)
        return {"text": prompt[first:last], "span": (first, last)}

    subjects = []
    for _ in range(draw(st.integers(1, 3))):
        cuts = sorted(draw(st.lists(st.floats(0, 1), min_size=2, max_size=5, unique=True)))
        segments = [Segment(start=a, end=b) for a, b in pairwise(cuts)]
        subjects.append(Subject(**words(), events=tuple(Event(**words(), segment=segment) for segment in segments)))
    return Plan(prompt=prompt, subjects=tuple(subjects))


@given(plans(), st.sampled_from([".json", ".yaml", ".yml"]))
def test_files_keep_a_plan(plan: Plan, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plan{ending}"
        plan.save(path)
        assert Plan.load(path) == plan


def test_spans_and_uniform_segments_are_completed(tmp_path: Path) -> None:
    plan = load(tmp_path, cat({"text": "jumps"}, {"text": "sleeps"}))
    (subject,) = plan.subjects
    assert subject.span == (2, 5)
    assert [event.span for event in subject.events] == [(6, 11), (18, 24)]
    assert [event.segment for event in subject.events] == uniform(2)


SEGMENT = {"start": 0.0, "end": 0.5}


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        ([], "", "Plan"),
        ({"prompt": " ", "subjects": []}, "", "the prompt is empty"),
        ({"prompt": PROMPT, "subjects": []}, "subjects", "at least 1"),
        (cat(), "subjects.0.events", "at least 1"),
        (cat({"text": "runs"}), "", "'runs' does not occur"),
        ({"prompt": "go, go", "subjects": [{"text": "go", "events": []}]}, "", "more than once"),
        (cat({"text": "jumps", "span": [0, 5]}), "", "the prompt has 'A cat' there"),
        (cat({"text": "jumps", "span": [-18, -13]}), "", "span (-18, -13)"),
        (cat({"text": "jumps", "segment": SEGMENT}, {"text": "sleeps"}), "", "'sleeps' has none"),
        (
            cat({"text": "jumps", "segment": {"start": 0.5, "end": 1}}, {"text": "sleeps", "segment": SEGMENT}),
            "subjects.0",
            "must ascend",
        ),
        (cat({"text": "jumps", "segment": {"start": 0.5, "end": 0.5}}), "subjects.0.events.0.segment", "end after"),
        (cat({"text": "jumps", "segment": {"start": -1, "end": 1}}), "subjects.0.events.0.segment", "before the clip"),
        (cat({"text": "jumps", "segment": {"start": 0, "end": 1.1}}), "subjects.0.events.0.segment", "100 %"),
        (cat({"text": "jumps", "segment": {"start": 0, "end": 1, "x": 1}}), "subjects.0.events.0.segment.x", "Extra"),
        ({**cat({"text": "jumps"}), "version": 2}, "version", "1"),
        ({"prompt": PROMPT, "subjects": ["cat"]}, "subjects.0", ""),
        (cat({"text": 1}), "subjects.0.events.0.text", "string"),
    ],
)
def test_bad_files_are_refused_with_file_and_place(tmp_path: Path, data: object, place: str, reason: str) -> None:
    with pytest.raises(PlanError) as refused:
        load(tmp_path, data)
    assert str(refused.value).startswith(f"{tmp_path / 'plan.json'}: {place}")
    assert reason in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"a: b: c", b"- !!python/object:os.system {}"])
def test_what_is_neither_json_nor_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=r"plan\.yaml is neither JSON nor YAML"):
        Plan.load(path)


def test_a_json_file_may_hold_what_yaml_does_not(tmp_path: Path) -> None:
    plan = Plan.model_validate(
        {"prompt": "A \x7f\U0001f431 jumps", "subjects": [{"text": "\U0001f431", "events": [{"text": "jumps"}]}]}
    )
    (tmp_path / "plan.json").write_text(json.dumps(plan.model_dump(mode="json"), ensure_ascii=True), encoding="utf-8")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"cannot read the plan .*nowhere\.json"):
        Plan.load(tmp_path / "nowhere.json")


@given(
    st.one_of(st.none(), st.integers(), st.text(), st.dictionaries(st.sampled_from(["prompt", "subjects"]), st.text()))
)
def test_no_document_raises_anything_but_a_plan_error(document: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        with pytest.raises(PlanError, match=r"plan\.yaml"):
            Plan.load(path)


def test_segments_can_be_replaced(tmp_path: Path) -> None:
    plan = load(tmp_path, cat({"text": "jumps"}, {"text": "sleeps"}))
    segments = [Segment(start=0, end=0.3), Segment(start=0.3, end=1)]
    assert [event.segment for event in plan.with_segments(segments).subjects[0].events] == segments
    with pytest.raises(PlanError, match="2 events, so it needs 2 segments, but got 1"):
        plan.with_segments(segments[:1])
    with pytest.raises(PlanError, match="must ascend"):
        plan.with_segments(segments[::-1])


@given(st.integers(1, 200))
def test_uniform_segments_fill_the_clip(count: int) -> None:
    segments = uniform(count)
    assert len(segments) == count
    assert (segments[0].start, segments[-1].end) == (0, 1)
    assert all(one.end == other.start for one, other in pairwise(segments))


@pytest.mark.parametrize("phrase", ["", "dog"])
def test_locating_what_is_not_there_is_refused(phrase: str) -> None:
    with pytest.raises(PlanError, match="does not occur"):
        locate(PROMPT, phrase)
