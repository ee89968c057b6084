"""What handlers make of what browsers send, also where that is nonsense."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tsattn.control import ControlConfig
from tsattn.errors import PlanError, TsattnError
from tsattn.generate import SHAPES_SETTINGS
from tsattn.methods import CONTROLS
from tsattn.plan import parse
from tsattn.runs import Recipe
from tsattn.web.handlers import MOST_STEPS, Handlers
from tsattn.web.library import Library
from tsattn.web.models import Models
from tsattn.web.workshop import Workshop

PROMPT = "A red circle moves right, then moves up, and then grows"
OPTIONS = {
    "model": "shapes", "method": "ts-attn", "strength": 1, "steps": 2, "seed": 0, "compare": True, "record": False, "frames": 25, "guidance": 4,
}  # fmt: skip
NONSENSE = [None, 7, "x", [], {}, {"plan": 3}, {"plan": {"prompt": "A cat"}}, {"plan": {"prompt": 1, "subjects": [[]]}}]


class Shop(Workshop):
    """Takes jobs and does none."""

    def _work(self):
        pass


@pytest.fixture
def handlers(tmp_path):
    return Handlers(Models(), Library(tmp_path), Shop())


@pytest.fixture
def view(handlers):
    return handlers.plan(PROMPT, None, "shapes", 25)


def test_edits_are_answered_with_a_view_that_remembers_whose_timing_it_is(handlers, view):
    edit = {"do": "edge", "subject": 0, "event": 0, "edge": "end", "at": 2}
    answer = handlers.edit({**view, "edit": edit})
    assert answer["rows"][0]["events"][0]["last"] == 2 and answer["on"] == view["on"]
    again = handlers.plan("A blue square moves left, then grows, then moves up", answer, "shapes", 25)
    assert again["rows"][0]["events"][0]["last"] == 2
    assert handlers.edit({**view, "edit": None})["plan"] == view["plan"]


@pytest.mark.parametrize("asked", [*NONSENSE, {"on": 1}, {"on": {}, "plan": None}])
def test_nonsense_is_answered_with_an_error_of_one_line(handlers, asked):
    answer = handlers.edit(asked)
    assert set(answer) == {"error"} and answer["error"] and "\n" not in answer["error"]


@pytest.mark.parametrize("before", NONSENSE)
def test_a_run_needs_a_plan(handlers, before):
    with pytest.raises(TsattnError):
        handlers.submit("me", before, OPTIONS)
    assert handlers.plan(PROMPT, before, "shapes", 25)["plan"]["prompt"] == PROMPT


@pytest.mark.parametrize(
    "change",
    [
        {"model": "/etc"}, {"model": "../shapes"}, {"model": None}, {"frames": 0}, {"frames": 2}, {"frames": None},
        {"steps": 0}, {"steps": MOST_STEPS + 1}, {"steps": "many"}, {"seed": -1}, {"seed": 0.5}, {"seed": 2**80},
        {"method": "vanilla"}, {"method": "gentle:strength=1"}, {"method": []}, {"method": None}, {"method": "kv-switch", "strength": 0.5},
        {"guidance": None}, {"guidance": float("nan")}, {"strength": "x"}, {"strength": -1}, {"strength": float("inf")},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_cannot_be_are_refused_before_anything_is_imported(handlers, view, change):
    with pytest.raises(TsattnError):
        handlers.submit("me", view, {**OPTIONS, **change})
    assert handlers.workshop.active("me") is None


def test_a_run_is_controlled_by_the_method_and_strength_that_were_chosen(handlers, view):
    for name in ("gentle", "prompt-relay"):
        asked = handlers._control({**OPTIONS, "method": name, "strength": 0.25})
        assert asked == replace(CONTROLS[name], strength=0.25)


def test_a_run_with_a_control_of_its_own_is_opened_with_it(handlers, view):
    control = ControlConfig(r_max=2.0, layers=(1, 2), strength=0.7)
    saved = SimpleNamespace(
        recipe=Recipe(plan=parse(PROMPT), model="shapes", settings=SHAPES_SETTINGS, control=control),
        clip=handlers.models.clip("shapes", 25),
    )
    _, _, options = handlers.opened(SimpleNamespace(saved=saved))
    assert options["method"] == "ts-attn:layers=[1, 2]:r_max=2"
    assert handlers._control(options) == control


def test_a_run_that_cannot_be_is_told_and_not_raised(handlers, view):
    async def first():
        return await anext(handlers.generate("me", view, {**OPTIONS, "model": "/etc"}))

    shown = asyncio.run(first())
    assert shown.job is None and "is not offered here" in shown.status


def test_another_length_keeps_the_plan(handlers, view):
    longer = handlers.replace_clip(PROMPT, view, "shapes", 49)
    assert longer["plan"] == view["plan"] and longer["clip"]["frames"] == 49
    wrong = handlers.replace_clip(PROMPT, view, "shapes", -3)
    assert wrong["plan"] == view["plan"] and wrong["problems"][0]["level"] == "error"


def test_nobody_cancels_the_runs_of_others(handlers, view):
    job = handlers.submit("me", view, OPTIONS)
    handlers.cancel("you", job.id)
    assert not job.over
    handlers.cancel("me", {"no": "id"})
    handlers.cancel("me", job.id)
    assert job.stage == "cancelled"


def test_a_broken_plan_says_where(handlers, view):
    broken = {**view["plan"], "subjects": [{"text": "cat", "events": []}]}
    with pytest.raises(PlanError, match=r"subjects\[0\]"):
        handlers.submit("me", {"plan": broken}, OPTIONS)
