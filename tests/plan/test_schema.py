"""Plans: what they accept, complete and refuse."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.plan.strategies import plans
from tsattn.errors import PlanError
from tsattn.plan import Plan, Segment, uniform
from tsattn.plan.schema import json_schema, locate, validated

PROMPT = "A cat jumps, then sleeps"
SEGMENT = {"start": 0.0, "end": 0.5}
SCHEMA = Path(__file__).parents[2] / "docs" / "plan.schema.json"
PUBLISHED = jsonschema.Draft202012Validator(json.loads(json_schema()))


def cat(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"prompt": PROMPT, "subjects": [{"text": "cat", "events": list(events)}], **more}


def test_spans_and_uniform_segments_are_completed() -> None:
    (subject,) = validated(cat({"text": "jumps"}, {"text": "sleeps"})).subjects
    assert subject.span == (2, 5)
    assert [event.span for event in subject.events] == [(6, 11), (18, 24)]
    assert [event.segment for event in subject.events] == uniform(2)


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("0%-40%", Segment(start=0, end=0.4)),
        ("0.4-1", Segment(start=0.4, end=1)),
        ("2s-3.5s", Segment(start=2, end=3.5, unit="seconds")),
        ("0:02-0:05", Segment(start=2, end=5, unit="seconds")),
        ("10f-40f", Segment(start=10, end=40, unit="frames")),
        ("0lf-7lf", Segment(start=0, end=7, unit="latent_frames")),
        ("3s-", Segment(start=3, unit="seconds")),
        ("0%-", Segment()),
    ],
)
def test_a_segment_may_be_text(text: str, segment: Segment) -> None:
    (subject,) = validated(cat({"text": "jumps", "segment": text})).subjects
    assert subject.events[0].segment == segment
    assert Segment.model_validate(segment.written) == segment


def test_segments_of_one_subject_may_mix_units_overlap_and_leave_gaps() -> None:
    plan = validated(cat({"text": "jumps", "segment": "60%-90%"}, {"text": "sleeps", "segment": "0s-2s"}))
    assert [str(event.segment) for event in plan.subjects[0].events] == ["60%-90%", "0s-2s"]
    validated(cat({"text": "jumps", "segment": "0%-60%"}, {"text": "sleeps", "segment": "40%-80%"}))


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        ([], "", "Plan"),
        ({"prompt": " ", "subjects": []}, "", "the prompt is empty"),
        ({"prompt": "", "subjects": []}, "", "the prompt is empty"),
        ({"prompt": "x" * 30_000, "subjects": []}, "", "30000 characters"),
        ({"prompt": "\ud800", "subjects": []}, "", "not valid text at character 0"),
        ({"prompt": PROMPT}, "subjects", "is missing"),
        ({"prompt": PROMPT, "subjects": []}, "subjects", "at least 1"),
        (cat(), "subjects[0].events", "at least 1"),
        (cat({"text": "runs"}), "subjects[0].events[0]", "'runs' does not occur"),
        (cat({"text": "jumps"}, {"text": "s"}), "subjects[0].events[1]", "'s' occurs more than once"),
        (cat({"text": "jumps", "span": [0, 5]}), "", "the prompt has 'A cat' there"),
        (cat({"text": "jumps", "span": [-18, -13]}), "", "span (-18, -13)"),
        (cat({"text": "jumps", "segment": SEGMENT}, {"text": "sleeps"}), "subjects[0].events[1]", "'sleeps' has none"),
        (
            cat({"text": "jumps", "segment": {"start": 0.5, "end": 1}}, {"text": "sleeps", "segment": SEGMENT}),
            "subjects[0]",
            "must ascend",
        ),
        (
            cat(
                {"text": "jumps", "segment": "50%-60%"},
                {"text": "then", "segment": "1s-2s"},
                {"text": "sleeps", "segment": "40%-50%"},
            ),
            "subjects[0]",
            "'sleeps' (40%-50%) starts before 'jumps' (50%-60%)",
        ),
        (cat({"text": "jumps", "segment": {"start": 0.5, "end": 0.5}}), "subjects[0].events[0].segment", "end after"),
        (
            cat({"text": "jumps", "segment": {"start": -1, "end": 1}}),
            "subjects[0].events[0].segment",
            "before the clip",
        ),
        (cat({"text": "jumps", "segment": {"start": 0, "end": 1.1}}), "subjects[0].events[0].segment", "100 %"),
        (cat({"text": "jumps", "segment": {"start": 1}}), "subjects[0].events[0].segment", "100 %"),
        (cat({"text": "jumps", "segment": "0s-9999999s"}), "subjects[0].events[0].segment", "cannot reach as far"),
        (cat({"text": "jumps", "segment": "0f-2.5f"}), "subjects[0].events[0].segment", "frames are whole"),
        (cat({"text": "jumps", "segment": "0s-40%"}), "subjects[0].events[0].segment", "mixes units"),
        (cat({"text": "jumps", "segment": "soon"}), "subjects[0].events[0].segment", "cannot read the segment 'soon'"),
        (cat({"text": "jumps", "segment": {"start": float("nan")}}), "subjects[0].events[0].segment.start", "finite"),
        (cat({"text": "jumps", "segment": {"start": True}}), "subjects[0].events[0].segment.start", "got True"),
        (
            cat({"text": "jumps", "segment": {"strat": 1}}),
            "subjects[0].events[0].segment.strat",
            "did you mean 'start'?",
        ),
        (cat({"text": "jumps", "segmnt": {}}), "subjects[0].events[0].segmnt", "did you mean 'segment'?"),
        (cat({"text": "jumps", "x": {}}), "subjects[0].events[0].x", "there are text, span, segment"),
        (
            cat({"text": "jumps", "segment": {"unit": "second"}}),
            "subjects[0].events[0].segment.unit",
            "did you mean 'seconds'?",
        ),
        (cat({"text": "jumps"}, version=2), "version", "of version 2; update tsattn"),
        (cat({"text": "jumps"}, promt=1), "promt", "did you mean 'prompt'?"),
        ({"prompt": PROMPT, "subjects": ["cat"]}, "subjects[0]", ""),
        ({"prompt": PROMPT, "subjects": cat({"text": "jumps"})["subjects"] * 2}, "", "'cat' at (2, 5) is there twice"),
        (cat({"text": 1}), "subjects[0].events[0].text", "string"),
        (cat(*[{"text": "jumps"}] * 1001), "subjects[0].events", "has 1001 items; 1000 are the most"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_bad_plans_are_refused_with_their_place(data: object, place: str, reason: str) -> None:
    with pytest.raises(PlanError) as refused:
        validated(data, where="file: ")
    assert str(refused.value).startswith(f"file: {place}")
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 500


@given(
    st.floats(), st.one_of(st.none(), st.floats()), st.sampled_from(["fraction", "seconds", "frames", "latent_frames"])
)
def test_a_segment_is_never_empty_and_never_before_the_clip(start: float, end: float | None, unit: str) -> None:
    try:
        segment = Segment.model_validate({"start": start, "end": end, "unit": unit})
    except ValidationError:
        return
    assert 0 <= segment.start < (1e9 if segment.end is None else segment.end)
    assert Segment.model_validate(segment.written) == segment


def test_segments_can_be_replaced() -> None:
    plan = validated(cat({"text": "jumps"}, {"text": "sleeps"}))
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


def test_the_published_schema_is_the_plan_s_own() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema() + "\n", "run `make docs`"
    PUBLISHED.check_schema(PUBLISHED.schema)


@given(plans())
def test_every_plan_is_valid_by_the_published_schema(plan: Plan) -> None:
    PUBLISHED.validate(plan.model_dump(mode="json"))


@pytest.mark.parametrize(
    "data",
    [
        cat({"text": "jumps"}),
        cat({"text": "jumps", "segment": "0%-40%"}),
        cat({"text": "jumps", "segment": {"start": 1, "unit": "seconds"}}, version=1),
        cat({"text": "jumps", "segmnt": "0%-40%"}),
        cat({"text": "jumps", "segment": {"unit": "hours"}}),
        cat({"text": "jumps", "segment": {"start": "0"}}),
        cat({"span": [0, 1]}),
        cat(),
        cat({"text": "jumps"}, version=2),
        {"prompt": PROMPT},
        {"prompt": "", "subjects": []},
        [],
    ],
)
def test_what_the_published_schema_says_of_keys_and_types_is_what_is_read(data: object) -> None:
    def is_read() -> bool:
        try:
            validated(json.loads(json.dumps(data)))
        except PlanError:
            return False
        return True

    assert PUBLISHED.is_valid(data) == is_read()
