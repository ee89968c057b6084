"""Every sentence of the diagnosis, from numbers that call for it and numbers that do not."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.inspect.making import FIRST, plan, record
from tsattn.control import ControlConfig
from tsattn.inspect.diagnosis import Thresholds, diagnose

TINY = np.r_[0.3, 0.3, 0.03, 0.03, 0.3, 0.3, 0.3]
EMPTY = np.r_[0.3, 0.3, 0.3, 0.3, 0.3, 0, 0]


def said(*args, **kwargs):
    """Sentences by event and level."""
    return {(one.event, one.level): one.text for one in diagnose(*args, **kwargs)}


def test_a_run_without_trouble_is_called_good():
    found = diagnose(record())
    assert [(one.event, one.level) for one in found] == [(0, "good"), (1, "good")]
    assert found[1].text == "event 2 'jumps' has the most attention in all of its segment (50 %)"


@pytest.mark.parametrize(
    ("made", "event", "level", "words"),
    [
        (record(((0.5, 0.4), (0.01, 0.3))), 1, "problem", "never gets more attention than event 1 'runs' in its own"),
        (record(((0.5, 0.48), (0.01, 0.5))), 1, "problem", "all but tied with event 1 'runs'"),
        (record(((0.1, 0.4), (0.4, 0.1))), 0, "problem", "look swapped"),
        (
            record(region=TINY),
            0,
            "problem",
            "region of 'cat' covers 3 % of latent frames 2-3: is the subject too small",
        ),
        (record(region=EMPTY), 1, "problem", "is empty in latent frames 5-6, so control cannot act there"),
        (record(region=0.7), 0, "note", "covers 70 % of its frames: the model does not tell the subject"),
        (record(((0.03, 0.02), (0.02, 0.031))), 0, "note", "raises it from 3 % to 3 % only"),
        (record(subject=(0.06, 0.01)), None, "problem", "from 'cat' itself (6 % to 1 %), so it may lose its looks"),
        (record(rest=0.86), None, "note", "86 % of the region's attention goes to other words and padding"),
        (replace(record(), skipped=(4, 5)), None, "note", "steps 5, 6 are not recorded"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said(made, event, level, words):
    assert words in " | ".join(one.text for one in diagnose(made) if (one.event, one.level) == (event, level))
    assert not any(words in one.text for one in diagnose(record()))


@pytest.mark.parametrize(
    "control", [ControlConfig.gentle(), ControlConfig.prompt_relay()], ids=["gentle", "prompt-relay"]
)
def test_where_control_acts_everywhere_the_region_is_no_finding(control):
    made = record(region=1.0, rest=0.86)
    everywhere = " | ".join(one.text for one in diagnose(replace(made, control=asdict(control))))
    assert "region" in " | ".join(one.text for one in diagnose(made))
    assert "region" not in everywhere and "86 % of the attention goes" in everywhere


def test_a_lead_that_is_lost_in_some_frames_names_them():
    made = record()
    made.inside_after[..., 1, 2] = 0.9
    assert "mostly event 2 'jumps', has more attention in latent frame 2" in said(made)[0, "problem"]


def test_problems_come_first_and_no_number_is_no_crash():
    made = record(((0.5, 0.4), (0.01, 0.3)), region=np.zeros(7), rest=0.9)
    levels = [one.level for one in diagnose(made, baseline=made, done=[True, False])]
    assert levels == sorted(levels, key=["problem", "note", "good"].index)


def test_the_verdict_is_held_against_the_attention():
    assert "missed although it has the attention" in said(record(), done=[False, True])[0, "problem"]
    troubled = record(((0.5, 0.4), (0.01, 0.3)))
    assert "happened all the same" in said(troubled, done=[True, True])[1, "note"]
    assert (0, "problem") not in said(record(), done=[None, None])


def test_the_model_alone_is_compared():
    flat = record(before=((0.03, 0.03), (0.03, 0.03)), acting=False)
    assert (
        "alone gives it no more attention in its segment than elsewhere (3 % against 3 %)"
        in said(record(), baseline=flat)[0, "note"]
    )
    assert (0, "note") not in said(record(), baseline=record(acting=False))


def test_frames_in_which_two_events_are_due_are_no_contest():
    data = plan().model_dump()
    events = data["subjects"][0]["events"]
    events[0]["segment"], events[1]["segment"] = {"start": 0, "end": 1}, {"start": 0, "end": 1}
    made = record(((0.5, 0.5), (0.1, 0.1)), of=type(plan()).model_validate(data))
    assert not any(one.level == "problem" for one in diagnose(made))


def test_thresholds_are_the_callers():
    made = record(((0.5, 0.4), (0.01, 0.5)))
    assert (1, "good") in said(made)
    assert "tied" in said(made, thresholds=Thresholds(tie=0.5))[1, "problem"]
    assert FIRST.stop == made.events[0].stretch.last
