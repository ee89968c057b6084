"""Scores on cases computed by hand, from files in the benchmark's own layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.storyeval.making import item
from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.items import VideoSet
from tsattn.evaluate.storyeval.layout import entry as written
from tsattn.evaluate.storyeval.layout import read_results
from tsattn.evaluate.storyeval.rounds import Output, Reason, Unscored
from tsattn.evaluate.storyeval.score import Scores, score


def entry(average: list[float], *classes: str, events: int | None = None, **more: Any) -> dict[str, Any]:
    names = [f"event {k}" for k in range(events or len(average))]
    return {"prompt": "p", "event_list": names, "class": list(classes), "completion_list_avg": average, **more}


def scored(tmp_path: Path, *, compat: bool = False, **entries: dict[str, Any]) -> Scores:
    path = tmp_path / "model_judge.json"
    path.write_text(json.dumps({f"{name}.mp4": value for name, value in entries.items()}))
    return score(read_results(path), compat=compat)


def test_hand_computed(tmp_path: Path) -> None:
    scores = scored(
        tmp_path,
        a=entry([1.0, 1.0], "human", "easy", "2_events"),
        b=entry([1.0, 0.0, 1.0], "animal", "hard", "creative", "3_events"),
        c=entry([1.0, 2 / 3], "human", "medium", "2_events"),
        d=entry([], "object", "medium", "3_events", events=3),
    )
    assert scores.classes == {
        "all": (1 + 2 / 3 + 1 / 2 + 0) / 4,
        "human": 0.75, "animal": 2 / 3, "object": 0.0, "retrieval": None, "creative": 2 / 3,
        "easy": 1.0, "medium": 0.25, "hard": 2 / 3,
        "2_events": 0.75, "3_events": (2 / 3 + 0) / 2, "4_events": None,
    }  # fmt: skip
    assert scores.empty == 0.25
    assert scores.complete == 1 / 4
    assert scores.micro == (2 + 2 + 1 + 0) / (2 + 3 + 2 + 3)
    assert list(scores.flat()) == [
        "all", "human", "animal", "object", "retrieval", "creative", "easy", "medium", "hard",
        "2_events", "3_events", "4_events", "empty",
    ]  # fmt: skip


@pytest.mark.parametrize(("average", "value"), [(1.0, 1), (0.99995, 1), (0.9999, 0), (0.99985, 0), (2 / 3, 0), (0, 0)])
def test_voting_is_unanimous(tmp_path: Path, average: float, value: int) -> None:
    assert scored(tmp_path, a=entry([average])).classes["all"] == value


def test_sums_are_made_one_by_one_as_in_the_benchmark(tmp_path: Path) -> None:
    thirds = {f"v{k}": entry([1.0, 0.0, 0.0] if k % 3 else [1.0, 1.0, 0.0, 1.0]) for k in range(50)}
    total = 0.0
    for value in thirds.values():
        total += sum(value["completion_list_avg"]) / len(value["completion_list_avg"])
    assert scored(tmp_path, **thirds).classes["all"] == total / 50


def test_a_missing_video_is_0_in_the_benchmark_and_left_out_where_its_file_says_why(tmp_path: Path) -> None:
    full, error = (
        entry([1.0, 1.0], "human"),
        {"completion_list": [], "completion_score": None, "scoring_output": "Error"},
    )
    missing = entry([], "human", events=2, output0=error, completion_score_avg=None)
    assert scored(tmp_path, a=full, b=missing).classes["human"] == 0.5
    missing["unscored"] = "missing video: there is no file b.mp4"
    said = scored(tmp_path, a=full, b=missing)
    assert (said.classes["human"], said.micro, said.complete, said.empty) == (1.0, 1.0, 1.0, 0.5)
    assert (said.counted, said.total) == (1, 2)
    forced = scored(tmp_path, compat=True, a=full, b=missing)
    assert (forced.classes["human"], forced.micro, forced.complete, forced.empty) == (0.5, 0.5, 0.5, 0.5)
    nothing = scored(tmp_path, b=missing)
    assert nothing.classes["all"] is nothing.micro is None
    assert nothing.empty == 1.0


def test_partly_valid_rounds(tmp_path: Path) -> None:
    """Where a file has no average, it is that of the rounds with a list."""
    rounds = {
        "output0": {"completion_list": [1, 1]},
        "output1": {"completion_list": []},
        "output2": {"completion_list": [1, 0]},
    }
    bare = entry([1.0, 1.0], **rounds)
    assert scored(tmp_path, a=bare).classes["all"] == 1.0
    del bare["completion_list_avg"]
    assert scored(tmp_path, a=bare).classes["all"] == 0.5


@pytest.mark.parametrize("nothing", [{"completion_list": []}, {"completion_list": None}, {"description": "cut off"}])
def test_a_round_without_a_list_is_no_verdict(tmp_path: Path, nothing: dict[str, Any]) -> None:
    bare = entry([], events=2, output0=nothing, output1={"completion_list": [1, 0]})
    del bare["completion_list_avg"]
    assert scored(tmp_path, a=bare).classes["all"] == 0.5
    bare["output1"] = nothing
    assert scored(tmp_path, a=bare).empty == 1.0


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("reason", Reason)
def test_compat_leaves_out_every_reason_but_that_nobody_judged(reason: Reason, compat: bool) -> None:
    given = [Output(0, [], "", "", Unscored(reason, "so"))]
    made = written(item(), given, videos=VideoSet("m", None, ()), judge="j", compat=compat)
    outage = reason in (Reason.FAILED, Reason.NOT_ASKED)
    assert made.get("unscored") == (f"{reason.value}: so" if outage or not compat else None)
    assert made["completion_list_avg"] == []


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("reason", [Reason.FAILED, Reason.NOT_ASKED])
@pytest.mark.parametrize(
    "answered", [Output(0, [1, 0], "d", "s"), Output(0, [], "", "", Unscored(Reason.REFUSED, "no"))]
)
def test_no_score_is_given_before_the_judge_answered_in_all_rounds(
    answered: Output, reason: Reason, compat: bool
) -> None:  # fmt: skip
    given = [answered, *(Output(number, [], "", "", Unscored(reason, "so")) for number in (1, 2))]
    made = written(item(), given, videos=VideoSet("m", None, ()), judge="j", compat=compat)
    assert (made["completion_list_avg"], made["completion_score_avg"]) == ([], None)
    assert made["unscored"] == f"{reason.value}: so"
    assert made["output0"]["completion_list"] == answered.completion


def test_the_number_of_events_is_known_without_its_class(tmp_path: Path) -> None:
    assert scored(tmp_path, a=entry([1.0, 0.0, 0.0], "human")).classes["3_events"] == 1 / 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "holds no results"),
        ("[]", "is no results file"),
        ("{", "is no results file"),
        ('{"a": {"completion_list_avg": ["x"]}}', "at a → completion_list_avg → 0"),
        ('{"a": {"completion_list_avg": [NaN]}}', "is no results file"),
        ('{"a": {"completion_list_avg": [-1]}}', "greater than or equal to 0"),
    ],
)
def test_what_are_no_results_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(EvaluationError, match=reason):
        read_results(path)
    with pytest.raises(EvaluationError, match="No such file"):
        read_results(tmp_path / "none.json")
