"""Jobs of a spec: what their keys depend on, where their videos go, and specs that are refused."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.batch.toys import job
from tests.conftest import wan_pipeline
from tsattn.batch.jobs import expand
from tsattn.batch.spec import Spec, load_spec
from tsattn.errors import (
    AccessError,
    BatchError,
    ChatError,
    ModelError,
    PlanError,
    PlannerError,
    RefusalError,
    UnsupportedPipelineError,
)

PROMPT = "A red circle moves right, then grows"
SPEC = {"prompts": [PROMPT], "methods": ["ts-attn"]}


def spec(**changes):
    return Spec.model_validate({**SPEC, **changes})


def only(**changes):
    (found,) = expand(spec(**changes))
    return found


def test_every_prompt_by_every_method_and_seed_and_pairs_first():
    jobs = expand(spec(prompts=[PROMPT, "A blue square grows"], methods=["vanilla", "ts-attn"], seeds=[3, 4]))
    order = [(job.plan.prompt[2:5], job.settings.seed, job.method) for job in jobs]
    assert order == [(p, s, m) for p in ("red", "blu") for s in (3, 4) for m in ("vanilla", "ts-attn")]
    assert len({job.key for job in jobs}) == len({job.video for job in jobs}) == 8


@pytest.mark.parametrize(
    "changes",
    [
        {"prompts": ["A red circle moves right, then shrinks"]},
        {"prompts": ["[0:60%] A red circle moves right, [60%:] then grows"]},
        {"methods": ["vanilla"]},
        {"methods": ["no-region"]},
        {"methods": ["pass-per-event"]},
        {"methods": ["windows"]},
        {"methods": [{"name": "weak", "config": {"strength": 0.5}}]},
        {"seeds": [1]},
        *({"settings": {name: value}} for name, value in
          {"frames": 21, "fps": 9.0, "steps": 3, "guidance": 5.0}.items()),
    ],
    ids=str,
)  # fmt: skip
def test_what_changes_the_video_changes_the_key(changes):
    assert only(**changes).key != only().key


def test_another_size_changes_the_key(tmp_path):
    wan_pipeline().save_pretrained(tmp_path / "wan")
    sizes = {}, {"height": 32}, {"width": 32}
    assert len({only(models=[str(tmp_path / "wan")], settings=size).key for size in sizes}) == 3


def test_ways_that_have_no_control_differ_from_the_model_alone():
    jobs = expand(spec(methods=["vanilla", "pass-per-event", "windows"]))
    assert len({job.key for job in jobs}) == len({job.video for job in jobs}) == 3


def test_a_method_that_a_model_cannot_be_run_by_is_refused(monkeypatch):
    def check(facts):
        raise UnsupportedPipelineError(f"{facts.name} cannot be run in windows")

    monkeypatch.setattr("tsattn.methods.windows.check", check)
    assert only()
    with pytest.raises(UnsupportedPipelineError, match="shapes cannot be run in windows"):
        expand(spec(methods=["ts-attn", "windows"]))


def test_names_and_tags_do_not_change_the_key():
    named = {"prompt": PROMPT, "id": "x", "tags": ["animal"], "events": ["The circle moves"]}
    other = only(prompts=[named], methods=[{"name": "mine", "config": {}}], models=[{"name": "m", "source": "shapes"}])
    assert other.key == only().key


def test_the_weights_and_the_version_change_the_key(monkeypatch):
    before = only().key
    with monkeypatch.context() as patch:
        patch.setattr("tsattn.batch.jobs.fingerprint", lambda facts: "0" * 64)
        assert only().key != before
    monkeypatch.setattr("tsattn.__version__", "9.9")
    assert only().key != before


def test_the_first_frame_changes_the_key_and_must_stay_as_it_is(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    one = job("x", image=tmp_path / "a.png", image_hash=hashlib.sha256(content).hexdigest())
    assert one.definition != job("x").definition
    assert one.first_frame() == content
    (tmp_path / "a.png").write_bytes(b"another")
    with pytest.raises(ModelError, match=r"a\.png has changed since the batch was started"):
        one.first_frame()


def test_a_model_that_starts_from_text_needs_no_image_and_uses_none(tmp_path):
    assert only(prompts=[{"prompt": PROMPT, "image": tmp_path / "nowhere.png"}]).key == only().key


def test_a_prompt_with_the_name_of_a_file_is_still_a_prompt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(PROMPT).write_text("secret")
    assert only().plan.prompt == PROMPT


def test_a_plan_file_and_a_plan_written_out(tmp_path):
    plan = only().plan
    plan.save(tmp_path / "plan.json")
    (tmp_path / "spec.yaml").write_text(
        f"prompts: [{{plan: plan.json}}, {{id: b, plan: {json.dumps(plan.model_dump(mode='json'))}}}]\nmethods: [ts-attn]"
    )
    with pytest.raises(BatchError, match="would be the same video"):
        expand(load_spec(tmp_path / "spec.yaml"))
    (tmp_path / "spec.yaml").write_text("prompts: [{plan: plan.json}]\nmethods: [ts-attn]")
    assert expand(load_spec(tmp_path / "spec.yaml"))[0].key == only().key


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompts": [PROMPT, PROMPT]}, "'A_red_circle_moves_right_then_grows' is there twice in prompts"),
        ({"methods": ["vanilla", "vanilla"]}, "'vanilla' is there twice in methods"),
        ({"methods": ["ts-atn"]}, "unknown method 'ts-atn'; did you mean 'ts-attn'?"),
        ({"methods": [{"name": "vanilla", "config": {}}]}, "has a meaning already"),
        ({"methods": [{"name": "gentle:strength=0.3", "config": {}}]}, "has a meaning already"),
        ({"methods": ["all"]}, "'all' stands for several methods"),
        ({"methods": [{"name": "x", "config": {"strenth": 1.0}}]}, "did you mean 'strength'?"),
        ({"methods": [{"name": "x", "config": {"strength": "much"}}]}, "the method 'x': strength is a number"),
        ({"methods": [{"name": "x", "config": {"erosion": 2}}]}, "erosion is the odd side of a square"),
        ({"methods": ["ts-attn", {"name": "x", "config": {}}]}, "would be the same video"),
        ({"models": ["shapes", {"name": "twin", "source": "shapes"}]}, "would be the same video"),
        ({"models": ["shape"]}, "did you mean 'shapes'?"),
        ({"prompts": [{"id": "x"}]}, "prompt 'x': it has neither a prompt nor a plan"),
        ({"prompts": [PROMPT, {"id": "y", "prompt": "  "}]}, "1 of 2 prompts cannot be run: prompt 'y'"),
        ({"prompts": [PROMPT], "settings": {"frames": 5}}, "1 of 1 prompts cannot be run"),
        ({"settings": {"steps": 0}}, "steps must be above 0, but got 0"),
        ({"settings": {"frames": 100000}}, "at the most"),
    ],
)
def test_specs_that_cannot_be_run(changes, expected):
    if changes.get("settings") == {"frames": 5}:
        changes["prompts"] = ["A red circle moves right, then grows, then moves up, then shrinks"]
    with pytest.raises((BatchError, PlanError, ModelError)) as error:
        expand(spec(**changes))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("error", "asked", "expected"),
    [
        (RefusalError, 3, "2 of 3 prompts cannot be run: prompt 'b': no; prompt 'c': no"),
        (PlannerError, 3, "2 of 3 prompts cannot be run: prompt 'b': no; prompt 'c': no"),
        (AccessError, 2, "the prompt 'b' cannot be planned: no"),
        (ChatError, 2, "the prompt 'b' cannot be planned: no"),
    ],
)
def test_a_prompt_that_a_language_model_does_not_plan_is_named(monkeypatch, error, asked, expected):
    prompts = []

    def plan(prompt):
        prompts.append(prompt)
        if len(prompts) > 1:
            raise error("no")
        return job("x").plan

    monkeypatch.setattr("tsattn.batch.choices._planner", lambda choice: plan)
    with pytest.raises(BatchError) as found:
        expand(spec(prompts=[{"prompt": f"{PROMPT} {name}", "id": name} for name in "abc"]))
    assert str(found.value) == expected
    assert len(prompts) == asked, "a server that does not answer is not asked for the rest"


HOSTILE = [
    "../../etc/passwd", "/etc/passwd", "C:\\Windows\\x", "con", "NUL", "aux.mp4", ".", "..", "~", "x" * 300, "日本語",
    "a\0b", "a\nb", "-rf", "$(reboot)", "a/b", " ",
]  # fmt: skip


@given(st.sampled_from(HOSTILE) | st.text(), st.sampled_from(HOSTILE) | st.text(), st.sampled_from(HOSTILE) | st.text())
def test_no_name_leaves_the_folder_or_makes_a_name_that_a_system_refuses(prompt, model, method):
    hostile = {"prompt": prompt or "x", "subjects": [{"text": prompt or "x", "span": (0, len(prompt or "x")),
                "events": [{"text": prompt or "x", "span": (0, len(prompt or "x"))}]}]}  # fmt: skip
    try:
        plan = type(job("x").plan).model_validate(hostile)
    except ValueError:
        return  # no prompt at all
    video = job("x", plan=plan, model=model, method=method).video
    assert not video.is_absolute()
    assert len(video.parts) == 4
    for part in video.parts:
        assert 0 < len(part) < 120
        assert set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert not part.startswith((".", "-"))
        assert part.split(".")[0] not in {"con", "nul", "aux", "prn", "com1", "lpt1"}
