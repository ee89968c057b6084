"""The timeline editor's edits and views, as functions of plans."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsattn
from tests.plan.strategies import plans
from tsattn.errors import PlanError
from tsattn.palette import event_colour
from tsattn.plan import Plan, parse
from tsattn.plan.timeline import Clip, snap_plan
from tsattn.web.editor import drawn, edited, no_view, replanned, view

pytestmark = pytest.mark.filterwarnings("ignore::tsattn.errors.PlanWarning")

CLIP = Clip.made(25, 8.0, 4)  # latent frames begin at frames 0, 1, 5, 9, 13, 17, 21
PLAN = parse("A red circle moves right, then moves up, and then grows")

clips = st.builds(
    Clip.made, st.integers(1, 200), st.sampled_from([8.0, 16.0, 24.0, 29.97]), st.sampled_from([1, 4, 6, 8])
)
latents = st.integers(-3, 60)
edits = st.fixed_dictionaries(
    {
        "do": st.sampled_from(["edge", "shift", "move", "remove", "add", "words", "even", "nothing"]),
        "subject": st.integers(0, 3),
        "event": st.integers(0, 4),
        "edge": st.sampled_from(["start", "end"]),
        "at": latents,
        "to": latents,
        "by": st.sampled_from([-1, 1]),
        "alone": st.booleans(),
        "text": st.text(max_size=5),
        "write": st.booleans(),
    }
)


def places(plan: Plan, clip: Clip = CLIP) -> list[tuple[int, int]]:
    return [(one["first"], one["last"]) for row in drawn(plan, clip) for one in row["events"]]


def texts(plan: Plan) -> list[str]:
    return [event.text for subject in plan.subjects for event in subject.events]


def edit(plan=PLAN, **asked):
    return edited(plan, {"subject": 0, **asked}, CLIP)


@given(plans(), clips, edits)
def test_any_edit_gives_a_valid_plan_or_says_why_not(plan, clip, asked):
    try:
        after = edited(plan, asked, clip)
    except PlanError:
        return
    assert Plan.model_validate_json(after.model_dump_json()) == after
    json.dumps(view(after, clip))


@given(plans(), clips)
def test_what_is_drawn_is_what_will_be_controlled(plan, clip):
    shown = view(plan, clip)
    errors = [one for one in shown["problems"] if one["level"] == "error"]
    if not errors:
        assert places(plan, clip) == [tuple(stretch) for row in snap_plan(plan, clip) for stretch in row]
    assert all(0 <= first < last <= clip.latent_frames for first, last in places(plan, clip))
    assert "".join(piece["text"] for piece in shown["words"]) == plan.prompt


@given(plans(), clips, st.integers(0, 2), st.integers(0, 3), latents, st.sampled_from(["start", "end"]))
def test_an_edge_goes_where_it_is_put_or_as_near_as_it_can(plan, clip, subject, event, at, edge):
    if subject >= len(plan.subjects) or event >= len(plan.subjects[subject].events):
        return
    before = drawn(plan, clip)[subject]["events"][event]
    after = edited(
        plan, {"do": "edge", "subject": subject, "event": event, "edge": edge, "at": at, "alone": True}, clip
    )
    spans = plan.subjects[subject].events[event].span
    moved = [
        one
        for one, known in zip(drawn(after, clip)[subject]["events"], after.subjects[subject].events, strict=True)
        if known.span == spans
    ]
    limits = {"start": (0, before["last"] - 1), "end": (before["first"] + 1, clip.latent_frames)}[edge]
    end = min(max(at, limits[0]), limits[1])
    expected = (end, before["last"]) if edge == "start" else (before["first"], end)
    assert expected in [(one["first"], one["last"]) for one in moved]


def test_a_shared_edge_moves_for_both_and_leaves_each_a_latent_frame():
    assert places(PLAN) == [(0, 3), (3, 5), (5, 7)]
    assert places(edit(do="edge", event=0, edge="end", at=4)) == [(0, 4), (4, 5), (5, 7)]
    assert places(edit(do="edge", event=0, edge="end", at=6)) == [(0, 4), (4, 5), (5, 7)]
    assert places(edit(do="edge", event=1, edge="start", at=1)) == [(0, 1), (1, 5), (5, 7)]
    assert places(edit(do="edge", event=0, edge="end", at=2, alone=True)) == [(0, 2), (3, 5), (5, 7)]


def test_a_block_moves_whole_and_the_order_follows():
    after = edit(do="shift", event=2, to=-9)
    assert (texts(after), places(after)) == (["moves right", "grows", "moves up"], [(0, 3), (0, 2), (3, 5)])
    late = edit(do="shift", event=0, to=99)
    assert (texts(late), places(late)) == (["moves up", "moves right", "grows"], [(3, 5), (4, 7), (5, 7)])


def test_events_change_places_and_keep_their_lengths():
    after = edit(do="move", event=0, by=1)
    assert (texts(after), places(after)) == (["moves up", "moves right", "grows"], [(0, 2), (2, 5), (5, 7)])
    with pytest.raises(PlanError):
        edit(do="move", event=0, by=-1)


def test_a_neighbour_takes_over_what_is_removed():
    assert places(edit(do="remove", event=1)) == [(0, 5), (5, 7)]
    assert places(edit(do="remove", event=0)) == [(0, 5), (5, 7)]
    alone = edit(edit(do="remove", event=0), do="remove", event=0)
    with pytest.raises(PlanError, match="needs an event"):
        edit(alone, do="remove", event=0)


def test_the_last_event_of_a_subject_takes_it_away():
    two = parse("A cat jumps while a dog barks")
    assert len(two.subjects) == 2
    assert len(edit(two, do="remove", event=0).subjects) == 1


def test_new_events_need_words_of_the_prompt_or_write_them_there():
    with pytest.raises(PlanError, match="does not occur in the prompt"):
        edit(do="add", text="shrinks")
    after = edit(do="add", text=" shrinks ", write=True)
    assert after.prompt == f"{PLAN.prompt}, then shrinks"
    assert (texts(after)[-1], places(after)) == ("shrinks", [(0, 3), (3, 5), (5, 6), (6, 7)])
    full = after
    for word in ("red", "circle", "then moves"):
        full = edit(full, do="add", text=word)
    with pytest.raises(PlanError, match="no room"):
        edit(full, do="add", text="and then")


def test_words_are_changed_to_others_of_the_prompt():
    assert texts(edit(do="words", event=1, text="moves up, and")) == ["moves right", "moves up, and", "grows"]
    with pytest.raises(PlanError, match="more than once"):
        edit(do="words", event=1, text="moves")


def test_segments_keep_their_unit():
    plan = replanned("[0s:1s] A cat jumps, [1s:3.125s] then sleeps", None)
    after = edit(plan, do="edge", event=0, edge="end", at=4)
    assert [event.segment.unit for event in after.subjects[0].events] == ["seconds", "seconds"]
    assert after.subjects[0].events[0].segment.end == 13 / 8


def test_a_changed_prompt_keeps_the_timing_while_it_tells_as_many_events():
    kept = edit(do="edge", event=0, edge="end", at=2)
    assert places(replanned("A blue square moves left, then moves down, then shrinks", kept)) == places(kept)
    assert places(replanned("A blue square moves left, then shrinks", kept)) != places(kept)
    timed = replanned("[0%:20%] A cat jumps, [20%:60%] then sleeps, [60%:100%] then runs", kept)
    assert timed.subjects[0].events[0].segment.end == 0.2


def test_a_prompt_never_names_a_file(tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("prompt: A cat jumps\nsubjects: [{text: cat, events: [{text: jumps}]}]")
    assert tsattn.plan.read(str(secret)).prompt == "A cat jumps"
    assert replanned(str(secret), None).prompt == str(secret)


def test_a_plan_that_does_not_fit_is_drawn_with_the_planner_s_errors():
    plan = replanned("[0s:2s] A cat jumps, [9s:10s] then sleeps", None)
    shown = view(plan, CLIP)
    assert [one["level"] for one in shown["problems"]] == ["error"]
    assert "starts at or after the clip's end" in shown["problems"][0]["text"]
    assert places(plan)[1] == (6, 7)
    beyond = view(replanned("[0s:2s] A cat jumps, [2s:10s] then sleeps", None), CLIP)
    assert [one["level"] for one in beyond["problems"]] == ["warning"]


def test_gaps_and_overlaps_are_told():
    told = " ".join(one["text"] for one in view(edit(do="shift", event=2, to=0), CLIP)["problems"])
    assert "nothing is due" in told and "both due" in told


def test_colours_are_those_of_the_palette():
    rows = view(PLAN, CLIP)["rows"]
    assert [one["colour"] for one in rows[0]["events"]] == [event_colour(k) for k in range(3)]


def test_edits_that_make_no_sense_are_refused():
    for asked in ({"do": "explode"}, {"do": "edge"}, {"do": "edge", "event": 9, "edge": "end", "at": 1}, {}):
        with pytest.raises(PlanError):
            edit(**asked)
    with pytest.raises(PlanError):
        edit(do="edge", event="0", edge="end", at="x")


def test_without_a_plan_the_view_says_why():
    shown = no_view("the prompt is empty", CLIP, kept=PLAN)
    assert shown["plan"] is None and shown["kept"] == PLAN.model_dump(mode="json")
    assert shown["problems"] == [{"level": "error", "text": "the prompt is empty"}]
