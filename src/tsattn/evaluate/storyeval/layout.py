"""Results files in the benchmark's own layout: written, and read whoever wrote them.

A file holds an entry for each video: prompt, event_list, class, completion_list_avg, completion_score_avg and output0,
output1, …, one for each round. Ours say besides which model and seed made the video, who judged it, and where there is no
score why (`unscored`). Scripts made for the benchmark read them all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.items import Item, VideoSet, tagged
from tsattn.evaluate.storyeval.rounds import Output, Unscored
from tsattn.video import moved_into_place

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Result(NamedTuple):
    """What a results file says of one video.

    `completion` is the mean over the rounds for each event, empty where there is none; `unscored` says why, in files that
    do. `seed` is the video's, None where it is unknown.
    """

    name: str
    prompt: str
    events: tuple[str, ...]
    classes: tuple[str, ...]
    completion: tuple[float, ...]
    unscored: str | None
    model: str | None
    seed: int | None


class _Round(BaseModel):
    model_config = ConfigDict(extra="ignore")

    completion_list: list[Share] | None = None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    event_list: list[str] = []
    classes: Annotated[list[str], Field(alias="class")] = []
    completion_list_avg: list[Share] | None = None
    unscored: str | None = None
    model: str | None = None
    video_seed: int | None = None


def file_name(videos: VideoSet, judge: str) -> str:
    """The name of the file that holds what a judge said of a set of videos."""
    seed = "" if videos.seed is None else f"-s{videos.seed}"
    return f"{_slug(videos.label)}{seed}_{_slug(judge)}.json"


def entry(item: Item, outputs: Sequence[Output], *, videos: VideoSet, judge: str, compat: bool) -> dict[str, Any]:
    """An entry of a results file.

    With `compat` it says not why it is unscored, so that it counts as 0 everywhere; but what failed or was not asked is no
    zero of the benchmark's, and still says so.
    """
    made: dict[str, Any] = {
        "prompt": item.prompt,
        "event_list": list(item.events),
        "class": list(tagged(item.classes, len(item.events))),
    }
    unscored = why_unscored(outputs)
    valid = [] if unscored else [output.completion for output in outputs if output.completion]
    made["completion_list_avg"] = [sum(flags) / len(flags) for flags in zip(*valid, strict=True)]
    scores = [sum(flags) / len(flags) for flags in valid]
    made["completion_score_avg"] = sum(scores) / len(scores) if scores else None
    for output in outputs:
        made[f"output{output.round}"] = {
            "completion_list": output.completion,
            "completion_score": sum(output.completion) / len(output.completion) if output.completion else None,
            "description": output.description,
            "scoring_output": f"Error: {output.unscored}" if output.unscored else output.scoring,
            "seed": output.round,
        }
    made |= {"model": videos.label, "video_seed": videos.seed, "judge": judge}
    if unscored and (unscored.reason.is_outage or not compat):
        made["unscored"] = str(unscored)
    return made


def why_unscored(outputs: Sequence[Output]) -> Unscored | None:
    """Why there is no score, None where there is one: from any round, but not before the judge answered in all."""
    reasons = [output.unscored for output in outputs if output.unscored]
    waiting = [unscored for unscored in reasons if unscored.reason.is_outage]
    return next(iter(waiting or (reasons if len(reasons) == len(outputs) else [])), None)


def write_results(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a results file in one step. Raises `OutputError` where it cannot be written."""
    with moved_into_place(path) as part:
        part.write_text(json.dumps(entries, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> list[Result]:
    """The entries of a results file, in its order. Raises `EvaluationError` where it cannot be read as one."""
    try:
        entries = TypeAdapter(dict[str, _Entry]).validate_json(path.read_bytes())
        found = [_result(name, entry) for name, entry in entries.items()]
    except OSError as error:
        raise EvaluationError(f"cannot read the results {path}: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = " → ".join(str(step) for step in problem["loc"])
        raise EvaluationError(
            f"{path} is no results file{place and f', at {place}'}: {problem['msg']}; expected an entry for each video "
            "with prompt, event_list, class and completion_list_avg"
        ) from None
    if not found:
        raise EvaluationError(f"{path} holds no results")
    return found


def _result(name: str, entry: _Entry) -> Result:
    completion = entry.completion_list_avg
    if completion is None:
        rounds = {
            key: _Round.model_validate(value) for key, value in (entry.model_extra or {}).items() if _is_round(key)
        }
        valid = [round.completion_list for round in rounds.values() if round.completion_list]
        completion = [sum(flags) / len(flags) for flags in zip(*valid, strict=False)]
    events = len(entry.event_list) or len(completion)
    classes = tagged(entry.classes, events)
    unscored = None if completion else entry.unscored
    seed = entry.video_seed
    return Result(
        name, entry.prompt, tuple(entry.event_list), classes, tuple(completion), unscored, entry.model, seed
    )  # fmt: skip


def _is_round(key: str) -> bool:
    return re.fullmatch(r"output\d+", key) is not None


def _slug(text: str) -> str:
    """A text as part of a file name; the layout parts names by underscores."""
    return re.sub(r"[^a-zA-Z0-9.]+", "-", text).strip("-.")[-80:] or "unnamed"
