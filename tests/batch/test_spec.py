"""What specs may say, and what is wrong with those that say something else."""

import json

import pytest

from tsattn.batch.spec import load_spec, prompt_id
from tsattn.errors import BatchError


@pytest.fixture
def spec(tmp_path):
    def load(text, **files):
        for name, content in files.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        (tmp_path / "spec.yaml").write_text(text)
        return load_spec(tmp_path / "spec.yaml")

    return load


def test_a_list_of_prompts_is_enough(spec):
    found = spec("prompts: [A cat jumps]")
    assert [one.prompt for one in found.prompts] == ["A cat jumps"]
    assert [one.name for one in found.models] == ["shapes"]
    assert [one.name for one in found.methods] == ["vanilla", "ts-attn"]
    assert found.seeds == (0,)


def test_everything_can_be_said(spec, tmp_path):
    found = spec(
        """
        prompts:
          - {prompt: A cat jumps, id: cat, events: [The cat jumps], tags: [animal], image: cat.png}
          - {id: two, plan: plan.yaml}
        models: [shapes, {name: mine, source: ./weights, settings: {steps: 3}}]
        methods: [vanilla, {name: strong, config: {strength: 2.0}}]
        seeds: [7, 8]
        settings: {frames: 13}
        planner: {model: some-model, base_url: "http://localhost:8000/v1"}
        """
    )
    assert found.count == 2 * 2 * 2 * 2
    assert found.prompts[0].image == tmp_path / "cat.png", "names are relative to the spec"
    assert found.prompts[1].plan == tmp_path / "plan.yaml"
    assert found.models[1].settings.steps == 3


def test_a_model_folder_beside_the_spec_is_found_and_keeps_its_name(spec, tmp_path):
    (tmp_path / "weights").mkdir()
    model = spec("prompts: [A cat jumps]\nmodels: [weights]").models[0]
    assert (model.name, model.source) == ("weights", str(tmp_path / "weights"))


def test_prompts_may_be_in_a_file_of_their_own(spec):
    found = spec("prompts: more.yaml", more__yaml="- A cat jumps\n- {prompt: A dog runs, id: dog}")
    assert [one.prompt for one in found.prompts] == ["A cat jumps", "A dog runs"]


def test_prompts_in_the_benchmarks_layout(spec):
    entry = {"prompt": "A cat jumps, then naps", "event_list": ["The cat jumps", "The cat naps"], "class": ["animal"]}
    found = spec("prompts: all.json", all__json=json.dumps({"A_cat_jumps.mp4": entry})).prompts[0]
    assert (found.id, found.events, found.tags) == ("A_cat_jumps", ("The cat jumps", "The cat naps"), ("animal",))


def test_the_benchmarks_names():
    assert prompt_id("A cat's paw: up, then down!") == "A_cats_paw_up_then_down"
    assert len(prompt_id("cat " * 200)) == 198
    assert prompt_id("...") == "prompt"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prompts: [A cat jumps]\nmodel: [shapes]", "unknown key 'model'; did you mean 'models'?"),
        ("prompts: [{prompt: A cat, tag: [x]}]", "prompts[0].tag: unknown key 'tag'; did you mean 'tags'?"),
        ("prompts: [A cat]\nsettings: {step: 3}", "settings.step: unknown key 'step'; did you mean 'steps'?"),
        ("prompts: [A cat]\nmodels: [{name: a, settings: {hight: 3}}]", "did you mean 'height'?"),
        ("models: [shapes]", "prompts: is missing"),
        ("prompts: []", "prompts: Tuple should have at least 1 item"),
        ("prompts: [A cat]\nseeds: [-1]", "seeds[0]: Input should be greater than or equal to 0, but got -1"),
        ("prompts: [A cat]\nseeds: [1.5]", "seeds[0]: Input should be a valid integer"),
        ("prompts: nowhere.yaml", "nowhere.yaml: No such file or directory"),
        ("prompts: [A cat]\nprompts: [A dog]", "the key 'prompts' is there twice"),
        ("- A cat", "but got ['A cat']"),
        ("prompts: [A cat", "neither JSON nor YAML"),
        ("prompts: &a [A cat]", "anchors"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(spec, text, expected):
    with pytest.raises(BatchError) as error:
        spec(text)
    assert expected in str(error.value)
    assert "spec.yaml" in str(error.value) or "nowhere.yaml" in str(error.value)


def test_more_videos_than_anybody_makes_are_a_slip(spec):
    with pytest.raises(BatchError, match="asks for 2002000 videos; 1000000 are the most"):
        spec(f"prompts: {['A cat'] * 1001}\nseeds: {list(range(1000))}")


@pytest.mark.parametrize("where", ["", "i2v/", "a/b/", "../"])
@pytest.mark.parametrize("layout", ["list", "benchmark"])
def test_names_in_a_file_of_prompts_are_relative_to_that_file(tmp_path, where, layout):
    home = tmp_path / "specs"
    for folder in (home, home / where):
        folder.mkdir(parents=True, exist_ok=True)
    entries = {
        "list": [{"prompt": "A cat jumps", "image": "frames/0.png"}, {"plan": "plans/p.yaml"}],
        "benchmark": {"A_cat_jumps.mp4": {"prompt": "A cat jumps", "image": "frames/0.png"}},
    }
    (home / where / "prompts.json").write_text(json.dumps(entries[layout]))
    (home / "spec.yaml").write_text(f"prompts: {where}prompts.json")
    first, *others = load_spec(home / "spec.yaml").prompts
    assert first.image == home / where / "frames/0.png"
    assert [one.plan for one in others] == [home / where / "plans/p.yaml"] * len(others)
