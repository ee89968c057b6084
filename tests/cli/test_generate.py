"""`tsattn generate` and `tsattn eval shapes` on the embedded model, for real."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import wan_pipeline
from tests.shapes.sibling import untrained
from tsattn.batch.worker import _picture
from tsattn.cli import app, generating
from tsattn.errors import PlanError
from tsattn.generate import EMBEDDED_I2V, EMBEDDED_MODELS
from tsattn.plan import Plan
from tsattn.shapes.world import first_frame, sample_scene
from tsattn.video import read_mp4

PROMPT = "A red circle moves right, then moves up, and then grows"
FEW = ["--steps", "5", "--seed", "3"]

pytestmark = pytest.mark.slow


def generate(*arguments):
    result = CliRunner().invoke(app, ["generate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    return folder, generate(PROMPT, *FEW, "-o", folder)


def test_everything_is_written_and_plays(first):
    folder, _ = first
    assert sorted(p.name for p in folder.iterdir()) == [
        "baseline.mp4", "baseline.record.json", "baseline.record.safetensors", "contact_sheet.png", "controlled.mp4",
        "controlled.record.json", "controlled.record.safetensors", "run.json", "side_by_side.mp4",
    ]  # fmt: skip
    for name in ("baseline", "controlled", "side_by_side"):
        assert len(read_mp4(folder / f"{name}.mp4")[0]) == 25


def test_run_json_says_all(first):
    record = json.loads((first[0] / "run.json").read_text())
    assert record["prompt"] == PROMPT
    plan = Plan.model_validate(record["plan"])
    assert [event.text for event in plan.subjects[0].events] == ["moves right", "moves up", "grows"]
    assert record["settings"]["steps"] == 5
    assert record["settings"]["seed"] == 3
    assert record["control"] == json.loads(json.dumps(asdict(EMBEDDED_MODELS["shapes"].control)))
    assert record["latent_frames"] == [[[0, 5], [5, 9], [9, 13]]]
    assert set(record["seconds"]) == {"baseline", "controlled"}
    for verdict in record["verdicts"].values():
        assert len(verdict["in_segment"]) == 3
        assert isinstance(verdict["subject_kept"], bool)
    assert {"tsattn", "python", "torch", "diffusers", "transformers"} <= set(record["versions"])


def test_a_method_that_cannot_be_recorded_is_run_and_says_so(tmp_path):
    said = generate(PROMPT, *FEW, "-o", tmp_path, "--no-compare", "--method", "kv-switch")
    assert "attention cannot be recorded" in said
    assert not list(tmp_path.glob("*.record.*"))


def test_another_method_controls_the_pass(first, tmp_path):
    generate(PROMPT, *FEW, "-o", tmp_path, "--no-compare", "--no-record", "--method", "ts-attn")
    assert json.loads((tmp_path / "run.json").read_text())["control"]["region"] is True
    assert (tmp_path / "controlled.mp4").read_bytes() != (first[0] / "controlled.mp4").read_bytes()


def test_the_table_names_events_segments_verdicts_and_seconds(first):
    for words in ("moves right", "moves up", "grows", "baseline", "controlled", "subject kept", "seconds"):
        assert words in first[1]


def test_the_same_seed_gives_the_same_video_and_control_changes_it(first, tmp_path):
    generate(PROMPT, *FEW, "-o", tmp_path, "--no-compare", "--no-record")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["contact_sheet.png", "controlled.mp4", "run.json"]
    assert (tmp_path / "controlled.mp4").read_bytes() == (first[0] / "controlled.mp4").read_bytes()
    assert (first[0] / "baseline.mp4").read_bytes() != (first[0] / "controlled.mp4").read_bytes()


def test_a_plan_file_and_other_segments(first, tmp_path):
    Plan.model_validate(json.loads((first[0] / "run.json").read_text())["plan"]).save(tmp_path / "plan.yaml")
    folder = tmp_path / "out"
    generate("--plan", tmp_path / "plan.yaml", "--segments", "0s-1s,1s-2s,2s-3s", *FEW, "-o", folder)
    assert json.loads((folder / "run.json").read_text())["latent_frames"] == [[[0, 4], [4, 8], [8, 12]]]
    again = json.loads((folder / "run.json").read_text())["plan"]["subjects"][0]["events"][1]["segment"]
    assert again == {"start": 1.0, "end": 2.0, "unit": "seconds"}


def test_overwrite_replaces_all_earlier_results(first, tmp_path):
    generate(PROMPT, *FEW, "-o", tmp_path)
    generate("A blue square grows", *FEW, "-o", tmp_path, "--overwrite", "--no-compare")
    assert not (tmp_path / "baseline.mp4").exists(), "a baseline of another prompt would mislead"


def test_an_event_the_world_does_not_know_is_not_judged(tmp_path):
    output = generate("A red circle sings, then grows", *FEW, "-o", tmp_path, "--no-compare")
    assert "not judged" in output
    assert json.loads((tmp_path / "run.json").read_text())["verdicts"] == {"controlled": None}


@pytest.mark.parametrize("moment", ["contact_sheet", "write_mp4"])
def test_ctrl_c_while_writing_leaves_the_old_results_whole(first, tmp_path, monkeypatch, moment):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    shutil.copytree(first[0], tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(f"tsattn.video.{moment}", interrupted)
    command = ["generate", "A blue square grows", "--steps", "2", "-o", str(tmp_path / "out"), "--overwrite"]
    assert CliRunner().invoke(app, command).exit_code == 130
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_ctrl_c_in_the_run_leaves_no_file(tmp_path):
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "tsattn", "generate", PROMPT, "--steps", "1000", "-o", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline(), "the prompt, printed when the first run begins"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not folder.exists()
    assert b"Traceback" not in errors


def test_size_guidance_and_pace_can_be_chosen(tmp_path):
    wan_pipeline().save_pretrained(tmp_path / "wan")
    asked = ["A cat runs, then sleeps", "--model", tmp_path / "wan", "--steps", 1, "--num-frames", 9, "--no-record"]
    chosen = ["--height", 48, "--width", 80, "--guidance", 3, "--fps", 10]
    generate(*asked, *chosen, "-o", tmp_path / "out")
    settings = json.loads((tmp_path / "out" / "run.json").read_text())["settings"]
    assert (settings["height"], settings["width"], settings["guidance"], settings["fps"]) == (48, 80, 3.0, 10.0)
    frames, _ = read_mp4(tmp_path / "out" / "controlled.mp4")
    assert frames.shape[2] * 48 == frames.shape[1] * 80
    for refused, why in (
        (
            [*asked, "--height", 50, "--width", 80],
            "WanPipeline refuses these settings: `height` and `width` have to be divi",
        ),
        ([PROMPT, "--width", 80], "shapes makes videos of 64 x 64 pixels only, but 80 x 64 were asked for"),
    ):
        result = CliRunner().invoke(app, ["generate", *map(str, refused), "-o", str(tmp_path / "none")])
        assert isinstance(result.exception, PlanError)
        assert why in str(result.exception)
        assert not (tmp_path / "none").exists()


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    lying, turned = Image.new("RGB", (4, 2)), Image.Exif()
    turned[0x0112] = 6
    lying.save(tmp_path / "portrait.png", exif=turned)
    assert generating.read_image(tmp_path / "portrait.png").size == (2, 4)
    assert _picture((tmp_path / "portrait.png").read_bytes()).size == (2, 4)


def test_the_embedded_model_that_starts_from_an_image(tmp_path, monkeypatch):
    models = generating.EMBEDDED_MODELS
    sibling = models[EMBEDDED_I2V]._replace(folder=untrained(tmp_path))
    monkeypatch.setitem(models, EMBEDDED_I2V, sibling)
    scene = sample_scene(np.random.default_rng(0), 2)
    first_frame(scene).save(tmp_path / "first.png")
    asked = ["generate", scene.prompt, "--model", EMBEDDED_I2V, *FEW, "-o", str(tmp_path / "out")]
    refused = CliRunner().invoke(app, asked)
    assert str(refused.exception) == "shapes-i2v starts from an image; give one with --image"
    said = CliRunner().invoke(app, [*asked, "--image", str(tmp_path / "first.png")], catch_exceptions=False).output
    assert "subject kept" in said and "not judged" not in said
    recorded = json.loads((tmp_path / "out" / "controlled.record.json").read_text())
    assert recorded["steps"] == [0, 1], "40 % of 5 steps, as the paper has it for image-to-video"
    assert Image.open(tmp_path / "out" / "image.png").size == (64, 64)


def test_eval_shapes_prints_one_json_object():
    result = CliRunner().invoke(app, ["eval", "shapes", "--events", "2", "--n", "1", "--seed", "4", "--json"])
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert list(figures) == ["world", "events", "n", "seed", "methods"]
    assert list(figures["methods"]) == ["vanilla", "ts-attn"]
    for score in figures["methods"].values():
        assert list(score) == ["in_segment", "in_order", "all_in_segment", "subject_kept", "seconds_per_video"]


def test_eval_shapes_of_one_method():
    result = CliRunner().invoke(app, ["eval", "shapes", "--events", "1", "--n", "1", "--method", "vanilla", "--json"])
    assert list(json.loads(result.stdout)["methods"]) == ["vanilla"]
