"""Runs on the embedded model, with few frames and steps: made, written, read back, and made again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tsattn import runs
from tsattn.control import ControlConfig
from tsattn.errors import ModelError, OutputError, PlanError, RunError
from tsattn.generate import EMBEDDED, SHAPES_SETTINGS, describe, open_model
from tsattn.plan import parse
from tsattn.video import read_metadata, read_mp4, write_mp4

PROMPT = "A red circle moves right, then grows"
RECIPE = runs.Recipe(
    plan=parse(PROMPT), model=EMBEDDED, settings=replace(SHAPES_SETTINGS, frames=9, steps=3, seed=5),
    control=ControlConfig(t2v_step_fraction=0.5, layers=(1, 3)),
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return open_model(describe(EMBEDDED))


@pytest.fixture(scope="module")
def made(model):
    steps = []
    run = runs.make(model, RECIPE, record=True, on_step=steps.append)
    assert steps == ["baseline"] * 3 + ["controlled"] * 3
    return run


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    names = runs.write(path, made)
    assert names == sorted(file.name for file in path.iterdir())
    assert set(names) == set(runs.FILES) - {"image.png"}
    return path


def test_recording_does_not_change_the_videos(model, made):
    plain = runs.make(model, RECIPE)
    for name, video in plain.videos.items():
        assert video.record is None
        np.testing.assert_array_equal(video.frames, made.videos[name].frames)
    assert made.videos["controlled"].record.acted and not made.videos["baseline"].record.acted
    assert made.videos["controlled"].record.steps == made.videos["baseline"].record.steps == (0,)


def test_what_cannot_be_recorded_is_made_without(model):
    switched = replace(RECIPE, control=ControlConfig.kv_switch())
    run, plain = (runs.make(model, switched, record=record) for record in (True, False))
    for name, video in run.videos.items():
        assert video.record is None
        np.testing.assert_array_equal(video.frames, plain.videos[name].frames)


@pytest.mark.parametrize("name", ["", "run.json", "controlled.mp4", "baseline.mp4", "side_by_side.mp4"])
def test_every_file_tells_the_whole_recipe(made, folder, name):
    saved = runs.read(folder / name)
    assert saved.recipe == RECIPE
    assert saved.versions == made.versions
    assert saved.clip == made.clip
    both = name in ("", "run.json", "side_by_side.mp4")
    assert saved.names == (("baseline", "controlled") if both else (name.removesuffix(".mp4"),))
    assert saved.folder == (None if name.endswith("mp4") else folder)
    assert set(saved.seconds) == (set(saved.names) if saved.folder else set())


def test_an_mp4_alone_is_made_again_bit_for_bit(model, made, folder, tmp_path):
    shutil.copy(folder / "controlled.mp4", tmp_path / "mailed.mp4")
    run, changed = runs.again(model, runs.read(tmp_path / "mailed.mp4"))
    assert changed == [] and list(run.videos) == ["controlled"]
    np.testing.assert_array_equal(run.videos["controlled"].frames, made.videos["controlled"].frames)
    (tmp_path / "again").mkdir()
    runs.write(tmp_path / "again", run)
    assert (tmp_path / "again" / "controlled.mp4").read_bytes() == (folder / "controlled.mp4").read_bytes()


def test_a_video_that_comes_out_otherwise_is_named(model, folder):
    saved = runs.read(folder)
    other = replace(saved.recipe, settings=replace(saved.recipe.settings, seed=6))
    assert runs.again(model, replace(saved, recipe=other))[1] == ["baseline", "controlled"]


def test_made_again_on_as_many_threads_as_then(model, folder, monkeypatch):
    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr("tsattn.runs.making.make", lambda *args, **options: seen.append(torch.get_num_threads()))
    saved = runs.read(folder)
    with pytest.raises(AttributeError):  # there is no run to compare
        runs.again(model, replace(saved, versions={**saved.versions, "threads": str(before + 1)}))
    assert seen == [before + 1] and torch.get_num_threads() == before


def test_what_is_another_now_is_told(model, folder):
    saved = runs.read(folder)
    assert runs.differences(saved, model.facts) == []
    old = {**saved.versions, "torch": "1.0", "weights": "0", "threads": "77"}
    del old["device"]
    found = runs.differences(replace(saved, versions=old), model.facts)
    assert [line.split()[0] for line in found] == ["device", "torch", "the"]
    assert found[0].startswith("device was not there and is ")
    assert found[1] == f"torch was 1.0 and is {torch.__version__}"
    assert found[2] == "the weights of shapes are others than then"


def test_a_folder_is_loaded_whole(made, folder):
    run = runs.load(folder)
    assert run.recipe == RECIPE and run.clip == made.clip
    for name, video in run.videos.items():
        assert video.verdict == made.videos[name].verdict
        assert video.frames.shape[0] == 9
        np.testing.assert_array_equal(video.record.after, made.videos[name].record.after)


def test_metadata_is_read_by_others_too(folder):
    metadata = read_metadata(folder / "controlled.mp4")
    assert metadata["title"] == PROMPT
    assert "tsattn rerun" in metadata["comment"]
    assert json.loads(metadata["tsattn"])["settings"]["seed"] == 5


def test_what_is_written_replaces_what_was_there(model, made, tmp_path):
    runs.write(tmp_path, made)
    runs.write(tmp_path, replace(made, videos={"controlled": replace(made.videos["controlled"], record=None)}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact_sheet.png", "controlled.mp4", "run.json"]


def test_files_that_are_no_runs(folder, tmp_path):
    video, _ = read_mp4(folder / "baseline.mp4")
    write_mp4(tmp_path / "foreign.mp4", video, fps=8)
    with pytest.raises(RunError, match="does not say what it was made from"):
        runs.read(tmp_path / "foreign.mp4")
    (tmp_path / "no.mp4").write_text("no video")
    for name in ("no.mp4", "missing.mp4", "missing.json", "."):
        with pytest.raises(OutputError, match="cannot read"):
            runs.read(tmp_path / name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: "{", "holds no JSON that can be read"),
        (lambda run: "[1]", "tells of no run of format 1"),
        (lambda run: "[" * 100_000, "holds no JSON"),
        (lambda run: "x" * 5_000_000, "holds 5000000 characters of JSON"),
        (lambda run: {**run, "format": 2}, "found 2"),
        (lambda run: {**run, "plan": {**run["plan"], "prompt": "A red circle"}}, "should hold"),
        (lambda run: {**run, "settings": {**run["settings"], "steps": -1}}, "settings: steps must be above 0"),
        (lambda run: {**run, "settings": {**run["settings"], "steps": "many"}}, r"settings\.steps"),
        (lambda run: {**run, "control": {**run["control"], "erosion": 2}}, "erosion is the odd side"),
        (lambda run: {**run, "sha256": {"../evil": "0"}}, "sha256"),
        (lambda run: {key: value for key, value in run.items() if key != "model"}, "model: Field required"),
    ],
    ids=range(11),
)
def test_json_that_is_no_run(folder, tmp_path, damage, message):
    damaged = damage(json.loads((folder / "run.json").read_text()))
    (tmp_path / "run.json").write_text(damaged if isinstance(damaged, str) else json.dumps(damaged))
    with pytest.raises(RunError, match=message):
        runs.read(tmp_path)


def test_what_cannot_run_is_refused_before_the_weights():
    facts = describe(EMBEDDED)
    with pytest.raises(ModelError, match="from text alone"):
        runs.check(facts, RECIPE, Image.new("RGB", (4, 4)))
    with pytest.raises(ModelError, match="starts from an image"):
        runs.check(facts._replace(takes_image=True), RECIPE)
    with pytest.raises(RunError, match="not the image that the run started from"):
        runs.check(facts._replace(takes_image=True), replace(RECIPE, image="0"), Image.new("RGB", (4, 4)))
    with pytest.raises(PlanError, match="events, but the clip has only"):
        runs.check(facts, replace(RECIPE, settings=replace(RECIPE.settings, frames=1)))


def test_a_step_that_raises_ends_the_run_and_leaves_the_pipeline_as_it_was(model, made):
    class Cancelled(Exception):
        pass

    def cancel(name):
        raise Cancelled

    with pytest.raises(Cancelled):
        runs.make(model, RECIPE, on_step=cancel, record=True)
    run = runs.make(model, RECIPE, videos=("controlled",))
    np.testing.assert_array_equal(run.videos["controlled"].frames, made.videos["controlled"].frames)
