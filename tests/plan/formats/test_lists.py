"""Texts between bars, a text per frame, and the JSON of other tools: what each says, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tsattn.errors import PlanError, PlanWarning
from tsattn.plan import Plan, read, write

CAT = ["A cat jumps", "It sleeps"]
FULL = {
    "prompt": "A cat jumps, then sleeps",
    "subject": "cat",
    "motion": ["jumps", "sleeps"],
    "event_range": "[0.6, 0.4]",
}


def due(plan: Plan) -> list[str]:
    return [str(event.segment) for subject in plan.subjects for event in subject.events]


def relay(*texts: Any, **more: Any) -> dict[str, Any]:
    return {"local_prompts": list(texts or CAT), **more}


def scope(*times: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    entries = [
        {"startTime": a, "endTime": b, "prompts": [{"text": t, "weight": 100}]}
        for (a, b), t in zip(times, CAT, strict=False)
    ]
    return {"prompts": [{**entry, **more} for entry in entries]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat jumps | it sleeps", ["0%-50%", "50%-100%"]),
        ("A cat jumps|it sleeps|it purrs", ["0%-33.33%", "33.33%-66.67%", "66.67%-100%"]),
        ("[60%] A cat jumps | [40%] it sleeps", ["0%-60%", "60%-100%"]),
        ("[2s] A cat jumps | [1.5s] it sleeps", ["0s-2s", "2s-3.5s"]),
        ("[40] A cat jumps | [41] it sleeps", ["0f-40f", "40f-81f"]),
        ("[0:02] A cat jumps | [1s] it sleeps", ["0s-2s", "2s-3s"]),
        ('{0: "A cat jumps", 40: "it sleeps"}', ["0f-40f", "40f-"]),
        ('{"40": "it sleeps", "0": "A cat jumps"}', ["0f-40f", "40f-"]),
        ("0: A cat jumps\n40: it sleeps\n", ["0f-40f", "40f-"]),
        (relay(), ["0%-50%", "50%-100%"]),
        (relay(segment_lengths=[]), ["0%-50%", "50%-100%"]),
        (relay(segment_lengths=[7, 14]), ["0lf-7lf", "7lf-21lf"]),
        (relay(time_intervals=[[0, 2], [1.5, 3]]), ["0s-2s", "1.5s-3s"]),
        (relay(time_intervals=[[0, 2], [1.5, 3]], time_unit="seconds"), ["0s-2s", "1.5s-3s"]),
        (relay(segment_intervals=[[0, 7], [5, 21]]), ["0lf-7lf", "5lf-21lf"]),
        (relay(segment_intervals=[[0, 2.5], [2, 3]], time_unit="seconds"), ["0s-2.5s", "2s-3s"]),
        ({"local_prompts": "A cat jumps | It sleeps", "segment_lengths": "40, 41", "global_prompt": ""}, ["0f-40f", "40f-81f"]),
        (scope((0, 2.5), (2.5, 5)), ["0s-2.5s", "2.5s-5s"]),
        ({**scope((0, 2)), "settings": {"pipelineId": "x"}, "version": "2.1", "exportedAt": "now"}, ["0s-2s"]),
        ([{"startTime": 0, "endTime": 2, "text": "A cat jumps", "id": "1", "isLive": False, "color": "red"}], ["0s-2s"]),
        ({"timeline": [{"startTime": 0, "endTime": 2, "text": "A cat jumps"}]}, ["0s-2s"]),
        (FULL, ["0%-60%", "60%-100%"]),
        ({**FULL, "event_range": [0.6, 0.4], "subject": ["cat"], "event_list": ["x"], "class": []}, ["0%-60%", "60%-100%"]),
        ({key: value for key, value in FULL.items() if key != "event_range"}, ["0%-50%", "50%-100%"]),
        ({"A_cat.mp4": FULL}, ["0%-60%", "60%-100%"]),
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_times(text: Any, expected: list[str]) -> None:
    assert due(read(text if isinstance(text, str) else json.dumps(text))) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A cat jumps | ", "text 2 of those between the bars is empty"),
        ("[60%] A cat jumps | it sleeps", "'it sleeps' has none"),
        ("[60%] A cat jumps | [1s] it sleeps", "'[60%]' and '[1s]' have different units"),
        ("[60%] A cat jumps | [50%] it sleeps", "the length '[50%]' goes beyond 100 % of the clip: the segments sum to 110 %"),
        ("[60%] A cat jumps | [30%] it sleeps", "sum to 90 %, not 100 %"),
        ("[0%:60%] A cat jumps | [60%:] it sleeps", "cannot read the length '[0%:60%]' of text 1"),
        ("[2 or 3] A cat jumps | it sleeps", "cannot read the length '[2 or 3]'"),
        ("[0s] A cat jumps | [1s] it sleeps", "the length '[0s]': a segment must end after its start"),
        ('{0: "A cat jumps", 1.5: "it sleeps"}', "1.5 cannot be a key"),
        ('{0: "A cat jumps", "x": "it sleeps"}', "the key 'x' is no frame"),
        ("{-1: A cat jumps}", "the key -1 is no frame"),
        ('{0: "A cat jumps", "0": "it sleeps"}', "frame 0 is there twice"),
        ('{0: "A cat jumps", 40: ""}', "the text of frame 40 is empty"),
        ('{0: "A cat jumps", 40: 3}', "the text of frame 40 should be a text, but is 3"),
        ('{0: "A cat jumps", 9999999: "it sleeps"}', "frame 0 is too large"),
        (relay(segment_lengths=[1]), "segment_lengths should be a list with one time for each of the 2 texts, but is 1"),
        (relay(segment_lengths=[1, 2.5]), "segment_lengths[1]: frames are whole"),
        (relay(segment_lengths=[1, -2]), "segment_lengths[1] should be between 0 and"),
        (relay(segment_lengths=[1, True]), "segment_lengths[1] should be a number, but is True"),
        (relay(segment_lengths="1, x"), "segment_lengths[1] should be a number, but is ' x'"),
        (relay(segment_lengths=[1, 2], time_unit="seconds"), "segment_lengths count frames"),
        (relay(segment_lengths=[1, 2], time_intervals=[[0, 1]]), "segment_lengths and time_intervals both say"),
        (relay(time_intervals=[[0, 1], [1]]), "time_intervals[1] should be a pair [start, end], but is [1]"),
        (relay(time_intervals=[[0, 1], [2, 1]]), "time_intervals[1]: a segment must end after its start"),
        (relay(time_intervals=[[0, 1], [1, 2]], time_unit="internal_frame"), "time_intervals are in seconds"),
        (relay(segment_intervals=[[0, 1], [1, 2]], time_unit="second"), "did you mean 'seconds'?"),
        (relay("A cat jumps", 3), "local_prompts[1] should be a text, but is 3"),
        (relay("A cat jumps", " "), "local_prompts[1] is empty"),
        ({"local_prompts": []}, "local_prompts should be a list with at least one item"),
        ({"global_prompt": "A kitchen"}, "local_prompts is missing"),
        (relay(global_prompt=3), "global_prompt should be a text, but is 3"),
        (relay(global_promt="x"), "unknown key 'global_promt'; did you mean 'global_prompt'?"),
        (relay(*["A cat jumps"] * 1001), "local_prompts has 1001 items"),
        (scope((0, None)), "prompts[0].endTime should be a number, but is None"),
        (scope((2, 1)), "prompts[0]: a segment must end after its start"),
        (scope((0, 1), (1, 2), id="same"), "prompts[1].id: 'same' is there twice"),
        (scope((0, 1), weigth=1), "prompts[0]: unknown key 'weigth'"),
        ({**scope((0, 1)), "setings": {}}, "unknown key 'setings'; did you mean 'settings'?"),
        ({"prompts": [{"startTime": 0, "prompts": []}]}, "prompts[0].endTime is missing"),
        ({"prompts": [{"startTime": 0, "endTime": 1, "prompts": []}]}, "prompts[0].prompts should be a list with at least one"),
        ({"prompts": [{"startTime": 0, "endTime": 1}, 3]}, "prompts[0].text is missing"),
        ({"prompts": [{"startTime": 0, "endTime": 1, "text": "A cat jumps"}, 3]}, "prompts[1] should be a mapping, but is 3"),
        ({**FULL, "motion": ["jumps", "flies"]}, "motion[1]: the phrase 'flies' does not occur"),
        ({**FULL, "motion": ["jumps", "s"]}, "motion[1]: the phrase 's' occurs more than once"),
        ({**FULL, "motion": "jumps"}, "motion should be a list"),
        ({**FULL, "subject": "dog"}, "subject: 'dog' does not occur"),
        ({**FULL, "subject": ["cat", "dog"]}, "subject names 2"),
        ({**FULL, "subject": None}, "subject should be a text, but is None"),
        ({**FULL, "event_range": "[0.6, 0.5]"}, "event_range[1] goes beyond 100 % of the clip: the segments sum to 110 %"),
        ({**FULL, "event_range": "[0.6]"}, "event_range has 1 shares, but there are 2 motions"),
        ({**FULL, "event_range": "[0.6, -0.4]"}, "event_range[1] should be a share of the clip above 0"),
        ({**FULL, "event_range": "[0.6, NaN]"}, "event_range should be a list of shares"),
        ({**FULL, "event_range": "0.6"}, "event_range should be a list of shares"),
        ({**FULL, "event_rang": 1}, "unknown key 'event_rang'; did you mean 'event_range'?"),
        ({"a.mp4": FULL, "b.mp4": FULL}, "it holds 2 prompts ('a.mp4', 'b.mp4' ...)"),
        ({"a.mp4": {**FULL, "prompt": ""}}, "a.mp4.prompt is empty"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_errors_name_the_place_and_the_reason(text: Any, reason: str) -> None:
    with pytest.raises(PlanError) as refused:
        read(text if isinstance(text, str) else json.dumps(text))
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (relay(epsilon=0.001, tail_width=2), "epsilon, tail_width: settings of Prompt Relay's method"),
        (scope((0, 1), transitionSteps=4), "transitionSteps and temporalInterpolationMethod say how texts blend"),
        (
            {"prompts": [{"startTime": 0, "endTime": 1, "prompts": [{"text": "A cat jumps", "weight": 70}, {"text": "a red cat", "weight": 30}]}]},
            "prompts[0].prompts: the weights 70, 30",
        ),
    ],
)  # fmt: skip
def test_what_a_plan_cannot_hold_is_left_out_with_a_warning(data: Any, said: str) -> None:
    with pytest.warns(PlanWarning) as warned:
        read(json.dumps(data))
    assert said in str(warned[0].message)


def test_text_for_the_whole_clip_is_in_front_and_no_event() -> None:
    plan = read(json.dumps(relay(global_prompt="A kitchen in soft light")))
    assert plan.prompt == "A kitchen in soft light. A cat jumps. It sleeps"
    assert {subject.text: [event.text for event in subject.events] for subject in plan.subjects} == {
        "cat": ["jumps", "sleeps"]
    }


def test_what_is_written_is_what_the_other_tools_read() -> None:
    plan = read("[0:40] A cat jumps, [40:] then sleeps")
    assert write(plan, "frames") == '{\n  0: "A cat jumps,",\n  40: "then sleeps",\n}\n'
    plan = read("[0lf:7lf] A cat jumps, [7lf:21lf] then sleeps")
    assert json.loads(write(plan, "relay")) == {
        "global_prompt": "", "local_prompts": ["A cat jumps,", "then sleeps"], "segment_lengths": [7, 14]
    }  # fmt: skip
    assert write(plan, "pipes") == "[7lf] A cat jumps, | [14lf] then sleeps\n"
    plan = read("[0lf:7lf] A cat jumps, [5lf:21lf] then sleeps")
    assert json.loads(write(plan, "relay"))["segment_intervals"] == [[0, 7], [5, 21]]
    plan = read("A cat jumps, | then sleeps")
    assert write(plan, "pipes") == "A cat jumps, | then sleeps\n"
    assert json.loads(write(plan, "relay")) == {"global_prompt": "", "local_prompts": ["A cat jumps,", "then sleeps"]}
    assert json.loads(write(plan, "authors")) == {
        "A_cat_jumps_then_sleeps.mp4": {
            "prompt": "A cat jumps, then sleeps", "subject": "cat", "motion": ["jumps", "sleeps"], "event_range": "[0.5, 0.5]"
        }
    }  # fmt: skip
