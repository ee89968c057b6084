"""Trying again: what is tried in which order, what is kept, and what an interrupt leaves. No video is made here."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tsattn import runs
from tsattn.evaluate.opinion import Opinion
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS
from tsattn.plan import parse
from tsattn.plan.segments import parse_segments
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.runs.retrying import make_with_retries

CLIP = Clip(25, 8.0, 2)
PLAN = parse("A red circle moves right, then moves up, and then grows")
RECIPE = runs.Recipe(plan=PLAN, model=EMBEDDED, settings=replace(SHAPES_SETTINGS, seed=7))
ALL, TWO, ONE, NONE = (Opinion(tuple(k < n for k in range(3)), True) for n in (3, 2, 1, 0))
UNSCORED = Opinion(None, None, "refused: no")


@pytest.fixture(autouse=True)
def making(monkeypatch):
    """Instead of videos, one grey frame with the seed; every recipe is remembered; one may be cut short, or fail."""
    seen = []

    def make(model, recipe, *, videos, record, image, on_step):
        on_step(videos[0])
        seen.append((videos[0], recipe))
        if len(seen) == model:
            raise KeyboardInterrupt
        if len(seen) == -model:
            raise RuntimeError("CUDA out\nof memory")
        frames = np.full((25, 64, 64, 3), recipe.settings.seed, np.uint8)
        made = {name: runs.Video(frames=frames, seconds=1.0) for name in videos}
        return runs.Run(recipe=recipe, clip=CLIP, versions={"tsattn": "1"}, videos=made)

    monkeypatch.setattr("tsattn.runs.retrying.make", make)
    return seen


def retried(*opinions, retries=None, recipe=RECIPE, cut_at=0, **how):
    queue = iter(opinions)
    times = len(opinions) - 1 if retries is None else retries
    return make_with_retries(cut_at, recipe, lambda *_: next(queue), times, videos=("controlled",), **how)


def lengths(recipe):
    return [last - first for first, last in snap_plan(recipe.plan, CLIP)[0]]


def test_more_time_for_what_was_missed_then_the_next_seed():
    run, interrupted = retried(TWO, ONE, ONE, TWO, NONE, ONE)
    tried = [(one.what, one.recipe.settings.seed, lengths(one.recipe)) for one in run.tried]
    assert tried == [
        ("as asked", 7, [5, 4, 4]),
        ("more time for 'grows'", 7, [4, 3, 6]),
        ("the next seed", 8, [5, 4, 4]),
        ("more time for 'moves up' and 'grows'", 8, [3, 5, 5]),
        ("the next seed", 9, [5, 4, 4]),
        ("the next seed", 10, [5, 4, 4]),  # where nothing was done, no event can give time to another
    ]
    assert not interrupted


def test_given_times_are_kept_and_only_seeds_are_tried():
    timed = replace(RECIPE, plan=PLAN.with_segments(parse_segments("0.5,0.3,0.2")))
    run, _ = retried(TWO, ONE, ONE, recipe=timed)
    assert [one.recipe.settings.seed for one in run.tried] == [7, 8, 9]
    assert {one.recipe.plan for one in run.tried} == {timed.plan}


def test_it_ends_where_nothing_is_missing():
    run, _ = retried(ONE, ALL, retries=9)
    assert len(run.tried) == 2
    assert [one.kept for one in run.tried] == [False, True]
    assert run.recipe == run.tried[1].recipe


def test_a_lost_subject_is_something_missing():
    run, _ = retried(Opinion((True,) * 3, False), ALL, retries=9)
    assert [one.what for one in run.tried] == ["as asked", "the next seed"]


@pytest.mark.parametrize(
    ("opinions", "best"),
    [
        ((ONE, TWO, ONE), 1),
        ((TWO, ONE, TWO), 0),
        ((NONE, UNSCORED, NONE), 0),
        ((ONE, UNSCORED, TWO), 2),
        ((NONE, NONE, UNSCORED), 0),
    ],
)
def test_the_first_of_the_best_is_kept_and_unscored_is_never_better(opinions, best):
    run, _ = retried(*opinions)
    assert [one.kept for one in run.tried] == [k == best for k in range(len(opinions))]
    assert run.videos["controlled"].frames[0, 0, 0, 0] == run.tried[best].recipe.settings.seed
    assert run.recipe == run.tried[best].recipe


def test_an_unscored_first_video_is_not_taken_for_one_that_misses_something():
    run, _ = retried(UNSCORED, retries=9)
    assert len(run.tried) == 1 and run.tried[0].kept


def test_the_baseline_is_of_the_best_and_made_once(making):
    opinions = iter((ONE, ONE, ALL))
    steps = []
    run, _ = make_with_retries(0, RECIPE, lambda *_: next(opinions), 5, on_step=steps.append)
    assert [name for name, _ in making] == ["controlled"] * 3 + ["baseline"]
    assert making[-1][1] == run.recipe == run.tried[2].recipe
    assert list(run.videos) == ["baseline", "controlled"]
    assert steps == ["try 1", "try 2", "try 3", "baseline"]


def test_an_interrupt_keeps_the_best_so_far():
    run, interrupted = retried(TWO, ONE, retries=9, cut_at=3)
    assert interrupted
    assert [one.kept for one in run.tried] == [True, False]


def test_an_interrupt_of_the_baseline_keeps_the_video(making):
    run, interrupted = make_with_retries(2, RECIPE, lambda *_: ALL, 5)
    assert interrupted and list(run.videos) == ["controlled"]


def test_an_interrupt_before_there_is_anything_is_one():
    with pytest.raises(KeyboardInterrupt):
        retried(TWO, retries=9, cut_at=1)


def test_a_try_that_fails_ends_it_and_keeps_the_best_so_far(making, tmp_path):
    opinions = iter((TWO, ONE))
    run, interrupted = make_with_retries(-3, RECIPE, lambda *_: next(opinions), 9)
    assert not interrupted
    assert [one.kept for one in run.tried] == [True, False, False]
    assert run.tried[2].opinion == Opinion(None, unscored="not made: RuntimeError: CUDA out of memory")
    assert list(run.videos) == ["baseline", "controlled"], "the baseline is made all the same"
    runs.write(tmp_path, run)
    assert json.loads((tmp_path / "run.json").read_text())["tried"][2]["unscored"].startswith("not made")


def test_a_failure_of_the_baseline_keeps_the_video(making):
    run, interrupted = make_with_retries(-2, RECIPE, lambda *_: ALL, 5)
    assert list(run.videos) == ["controlled"] and not interrupted
    assert [(one.what, one.kept) for one in run.tried] == [("as asked", True), ("the model alone", False)]


def test_a_failure_before_there_is_anything_is_one():
    with pytest.raises(RuntimeError, match="out\nof memory"):
        retried(TWO, retries=9, cut_at=-1)


def test_a_judge_that_fails_leaves_the_video_unscored():
    def opine(*_):
        raise ValueError("no template")

    run, _ = make_with_retries(0, RECIPE, opine, 9, videos=("controlled",))
    assert [one.opinion.unscored for one in run.tried] == ["not judged: ValueError: no template"]
    assert list(run.videos) == ["controlled"]


def test_run_json_says_what_was_tried_and_is_read_back(tmp_path):
    run, _ = retried(TWO, UNSCORED, ALL)
    runs.write(tmp_path, run)
    told = json.loads((tmp_path / "run.json").read_text())["tried"]
    assert [one["what"] for one in told] == ["as asked", "more time for 'grows'", "the next seed"]
    assert [one["done"] for one in told] == [[True, True, False], None, [True] * 3]
    assert told[1]["unscored"] == "refused: no"
    assert [one["kept"] for one in told] == [False, False, True]
    assert runs.read(tmp_path).recipe == run.recipe
