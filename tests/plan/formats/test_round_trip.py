"""A plan written in any format that can hold it is read back as the same plan; what it cannot hold is said."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.strategies import plans, stories
from tsattn.errors import PlanError, PlanWarning
from tsattn.plan import Plan, read, write
from tsattn.plan.formats import FORMATS, form_of
from tsattn.plan.schema import validated
from tsattn.plan.timeline import Clip, snap_plan

WAN = Clip(81, 16, 4)
CLIP_ENDS: dict[str, Any] = {"units": ["fraction", "seconds", "frames", "latent_frames"]}


def plan_of(prompt: str, **who: dict[str, str]) -> Plan:
    """Subjects by name, each with its events and their segments."""
    subjects = [
        {"text": name.replace("_", " "), "events": [{"text": text, "segment": due} for text, due in events.items()]}
        for name, events in who.items()
    ]
    return validated({"prompt": prompt, "subjects": subjects})


@given(plans(), st.sampled_from(sorted(FORMATS)))
def test_any_plan_comes_back_the_same_or_is_refused(plan: Plan, name: str) -> None:
    try:
        text = write(plan, name)
    except PlanError:
        text = None
    assert text is None or read(text) == plan
    assert text is not None or name not in ("json", "yaml"), "our own hold everything"


@given(plans(), st.sampled_from([".json", ".yaml", ".yml"]))
def test_files_keep_any_plan(plan: Plan, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plan{ending}"
        plan.save(path)
        assert Plan.load(path) == plan
        assert form_of(path) == ("json" if ending == ".json" else "yaml")


HOLDS = [
    ("inline", stories("fraction", front=True) | stories("seconds", gaps=True) | stories("frames", last_open=True)),
    ("sections", stories("seconds", gaps=True, front=True) | stories("seconds", last_open=True)),
    ("pipes", stories("fraction") | stories("seconds") | stories("frames") | stories("latent_frames")),
    ("frames", stories("frames", last_open=True)),
    ("relay", stories("seconds", gaps=True, front=True) | stories("latent_frames", front=True) | stories("latent_frames", gaps=True)),
    ("scope", stories("seconds", gaps=True)),
    ("authors", stories("fraction", front=True)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "held"), HOLDS, ids=[name for name, _ in HOLDS])
@given(data=st.data())
def test_a_format_holds_what_the_docs_say(name: str, held: st.SearchStrategy[Plan], data: st.DataObject) -> None:
    plan = data.draw(held)
    assert read(write(plan, name)) == plan


@given(
    st.sampled_from(["fraction", "seconds", "frames", "latent_frames"]).flatmap(stories),
    st.sampled_from(["inline", "sections", "relay", "scope", "pipes", "frames", "authors"]),
    st.sampled_from([WAN, Clip(161, 24, 8), Clip(49, 8.0, 4)]),
)
def test_with_a_clip_times_are_converted_and_mean_the_same_on_it(plan: Plan, name: str, clip: Clip) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlanWarning)
        try:
            rows = snap_plan(plan, clip)
        except PlanError:
            return
        again = read(write(plan, name, clip=clip)) if _fills(plan, clip) or name not in ("frames", "authors") else plan
        assert again.prompt == plan.prompt
        assert snap_plan(again, clip) == rows


def _fills(plan: Plan, clip: Clip) -> bool:
    """Whether the last segment reaches the clip's end, as some formats have it."""
    segment = plan.subjects[0].events[-1].segment
    return segment.end is None or clip.frame_at(segment.end, segment.unit) >= clip.frames


CHAIN = plan_of("A cat jumps, then sleeps", cat={"jumps": "0%-40%", "sleeps": "40%-100%"})
TWO = plan_of("A cat jumps while a dog barks", cat={"jumps": "0s-2s"}, dog={"barks": "1s-3s"})
STYLED = plan_of("A cat jumps, then sleeps. Soft light.", cat={"jumps": "0s-2s", "sleeps": "2s-4s"})
BESIDE = plan_of("A cat sits near a dog that barks", cat={"sits": "0s-2s"}, dog={"barks": "1s-2s"})


@pytest.mark.parametrize(
    ("plan", "name", "lost"),
    [
        (CHAIN, "sections", "the segment 0%-40% of 'A cat jumps,' is not in seconds; give the clip"),
        (CHAIN, "frames", "is not in frames; give the clip"),
        (plan_of("A cat jumps, then sleeps", cat={"jumps": "0s-2s", "sleeps": "2s-"}), "scope", "has no end; give the clip"),
        (plan_of("A cat jumps, then sleeps", cat={"jumps": "0s-2s", "sleeps": "3s-4s"}), "pipes", "no gaps or overlaps"),
        (plan_of("A cat jumps, then sleeps", cat={"jumps": "0f-9f", "sleeps": "9f-30f"}), "frames", "ends at frame 30"),
        (plan_of("A cat jumps", cat={"jumps": "10%-"}), "authors", "'jumps' does not begin where"),
        (plan_of("A cat jumps", cat={"jumps": "0%-90%"}), "authors", "'jumps' ends before the clip"),
        (plan_of("A cat jumps", cat={"jumps": "0%-"}), "pipes", "there is one event only"),
        (TWO, "authors", "there are 2 subjects ('cat', 'dog'), but this format has one"),
        (STYLED, "relay", "'Soft light.' is no event but applies to the whole clip"),
        (STYLED, "scope", "this format has no place for such text"),
        (BESIDE, "inline", "the event 'barks' of 'dog' in these very words"),
        (plan_of("A big cat jumps", big_cat={"jumps": "0s-1s"}), "inline", ""),
        (plan_of("A big cat jumps", cat={"jumps": "0s-1s"}), "inline", "the subject 'cat' of 'jumps', which would become 'big cat'"),
        (plan_of("A cat\njumps", cat={"jumps": "0s-1s"}), "inline", "the prompt, which would become 'A cat jumps'"),
        (plan_of("A cat | jumps", cat={"jumps": "0s-1s"}), "inline", "look like another format"),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_said(plan: Plan, name: str, lost: str) -> None:
    if not lost:
        assert read(write(plan, name)) == plan
        return
    with pytest.raises(PlanError) as refused:
        write(plan, name)
    assert str(refused.value).startswith(f"the plan cannot be written as {name}")
    assert lost in str(refused.value)


def test_simultaneous_subjects_are_held_where_they_are_told_one_after_the_other() -> None:
    assert read(write(TWO, "inline")) == TWO
    assert read(write(STYLED, "sections")) == STYLED


def test_an_unknown_format_and_a_plan_beyond_the_clip_are_refused() -> None:
    with pytest.raises(PlanError, match="unknown format 'rely'; did you mean 'relay'?"):
        write(CHAIN, "rely")
    late = plan_of("A cat jumps", cat={"jumps": "6s-7s"})
    with pytest.raises(PlanError, match="starts at or after the clip's end at 5.063 s"):
        write(late, "relay", clip=WAN)
