"""Commands as a person types them: what they print, write and refuse. Long runs are in test_generate."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsattn.cli import app, main
from tsattn.errors import TsattnError
from tsattn.methods import METHODS

PROMPT = "A red circle moves right, then moves up, and then grows"


@pytest.fixture
def refused(monkeypatch, capsys):
    """Runs the command line, expects one line on stderr and exit code 2, and returns the line."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tsattn", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    return run


@pytest.fixture(autouse=True)
def no_long_work(monkeypatch):
    """Bad input must be refused before any model runs."""

    def generate(*args, **kwargs):
        raise AssertionError("the run began")

    monkeypatch.setattr("tsattn.runs.making.generate", generate)


def test_help_names_every_command():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(command in result.output for command in ("generate", "plan", "models", "eval"))


@pytest.mark.parametrize("group", [["generate"], ["plan", "show"], ["models"], ["eval", "shapes"]], ids=" ".join)
def test_every_command_has_help(group):
    assert CliRunner().invoke(app, [*group, "--help"]).exit_code == 0


def test_the_docs_are_the_help(tmp_path):
    command = [sys.executable, "-m", "typer", "tsattn.cli.app", "utils", "docs", "--name", "tsattn"]
    subprocess.run([*command, "--output", tmp_path / "cli.md"], check=True, capture_output=True)
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert page.read_text() == (tmp_path / "cli.md").read_text(), "run `make docs`"


def test_help_is_quick_and_the_package_light():
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tsattn", "--help"], check=True, capture_output=True)
    assert time.perf_counter() - began < 3, "0.7 s on an idle machine; this bound only catches a heavy import"
    code = "import sys, tsattn; assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, tsattn.cli; assert not {'torch', 'diffusers', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plan_show_prints_events_and_bars():
    result = CliRunner().invoke(app, ["plan", "show", PROMPT])
    assert result.exit_code == 0
    for words in ("red circle", "moves right", "moves up", "grows", "0%-33.33%", "66.67%-100%"):
        assert words in result.output


def test_plan_show_json_is_the_plan():
    result = CliRunner().invoke(app, ["plan", "show", PROMPT, "--segments", "0.5,0.3,0.2", "--json"])
    plan = json.loads(result.output)
    assert plan["prompt"] == PROMPT
    assert [event["text"] for event in plan["subjects"][0]["events"]] == ["moves right", "moves up", "grows"]
    assert plan["subjects"][0]["events"][1]["segment"] == {"start": 0.5, "end": 0.8, "unit": "fraction"}


def test_models_lists_the_embedded_one_and_the_pipelines():
    result = CliRunner().invoke(app, ["models"])
    assert "shapes (embedded)" in result.output
    assert "WanPipeline" in result.output


def test_methods_are_listed_with_their_sources():
    result = CliRunner().invoke(app, ["methods"])
    assert all(name in result.output for name in METHODS)
    assert "2312.04086" in result.output and "2412.18597" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "the prompt is empty"),
        (["   "], "the prompt is empty"),
        (["A red circle"], "no event"),
        ([], "give a prompt"),
        ([PROMPT, "--segments", "0.6,0.3,0.3"], "120"),
        ([PROMPT, "--segments", "0-0.5,0.2-0.1,0.5-1"], "0.2-0.1"),
        ([PROMPT, "--segments", "0.5-1,0-0.3,0.3-0.5"], "ascend"),
        ([PROMPT, "--segments", "0.5,0.5"], "3 events, so it needs 3 segments, but got 2"),
        ([PROMPT, "--model", "shapse"], "did you mean 'shapes'?"),
        ([PROMPT, "--model", "./nowhere"], "unknown model"),
        ([PROMPT, "--method", "gentel"], "did you mean 'gentle'?"),
        ([PROMPT, "--method", "vanilla"], "does not control a pass"),
        ([PROMPT, "--steps", "-1"], "steps must be above 0, but got -1"),
        ([PROMPT, "--steps", "9" * 30], "steps must be at most 1,000"),
        ([PROMPT, "--num-frames", "0"], "frames must be above 0"),
        ([PROMPT, "--num-frames", "9" * 400], "frames must be at most 100,000"),
        ([PROMPT, "--model", "shapes/"], "did you mean 'shapes'?"),
        ([PROMPT, "--num-frames", "500"], "127 frames at the most, but 500"),
        ([PROMPT, "--seed", "-1"], "seed must be from 0"),
        ([PROMPT, "--seed", str(2**64)], "seed must be from 0"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_bad_input_is_refused_in_one_line(refused, tmp_path, arguments, message):
    assert message in refused("generate", *arguments, "-o", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_libraries_that_are_imported_for_the_first_time_add_no_line():
    command = [sys.executable, "-m", "tsattn", "generate", PROMPT, "--num-frames", "500"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1, run.stderr


def test_more_events_than_latent_frames(refused, tmp_path):
    line = refused("generate", PROMPT, "--num-frames", "3", "-o", tmp_path)
    assert "3 events, but the clip has only 2 latent frames" in line


@pytest.mark.parametrize(
    ("event", "message"), [("moves", "occurs more than once"), ("flies", "does not occur")], ids=["twice", "absent"]
)
def test_a_phrase_that_is_not_there_once(refused, tmp_path, event, message):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"prompt": PROMPT, "subjects": [{"text": "red circle", "events": [{"text": event}]}]}))
    line = refused("generate", "--plan", file, "-o", tmp_path / "out")
    assert message in line
    assert repr(event) in line


def test_a_plan_for_another_prompt(refused, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"prompt": "A dog sits", "subjects": [{"text": "dog", "events": [{"text": "sits"}]}]}))
    assert "is for the prompt 'A dog sits'" in refused("generate", PROMPT, "--plan", file, "-o", tmp_path / "out")


def test_folders_that_are_no_pipeline(refused, tmp_path):
    assert "model_index.json" in refused("generate", PROMPT, "--model", tmp_path, "-o", tmp_path / "out")
    (tmp_path / "model_index.json").write_text("{}")
    assert "cannot open" in refused("generate", PROMPT, "--model", tmp_path, "-o", tmp_path / "out")


def test_an_output_folder_is_made_when_there_is_something_to_write(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    refused("generate", PROMPT, "--model", tmp_path / "empty", "-o", tmp_path / "new" / "folder")
    refused("generate", PROMPT, "--num-frames", "3", "-o", tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_image_of_a_size_that_no_model_takes(refused, tmp_path, monkeypatch):
    from PIL import Image

    Image.new("L", (64, 64)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    line = refused("generate", PROMPT, "--image", tmp_path / "large.png", "-o", tmp_path / "out")
    assert "far larger than any model takes" in line


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_with_few_characters_is_no_reason_to_fail(encoding):
    command = [sys.executable, "-m", "tsattn", "plan", "show", PROMPT]
    run = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"moves right" in run.stdout


def test_a_model_that_is_not_here_while_the_hub_cannot_be_reached(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tsattn",
        "generate",
        PROMPT,
        "--model",
        "no-one/nothing",
        "-o",
        str(tmp_path / "out"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        "tsattn: cannot open 'no-one/nothing' as a diffusers pipeline: it is not on this machine, and the hub cannot be reached"
    ]
    assert not list(tmp_path.iterdir())


def test_a_pipeline_of_another_class(refused, tmp_path):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), norm_num_groups=2, layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    line = refused("generate", PROMPT, "--model", tmp_path / "ddpm", "-o", tmp_path / "out")
    assert "cannot control a DDPMPipeline; supported are exactly the diffusers classes WanPipeline" in line


def test_an_image_where_none_is_given_or_none_is_used(refused, tmp_path, capsys):
    from tests.families.wan import PICTURE, from_picture

    from_picture().save_pretrained(tmp_path / "i2v")
    PICTURE.save(tmp_path / "image.png")
    capsys.readouterr()  # what libraries said while the folder was made
    line = refused("generate", PROMPT, "--model", tmp_path / "i2v", "-o", tmp_path / "out")
    assert "starts from an image; give one with --image" in line
    assert "from text alone" in refused("generate", PROMPT, "--image", tmp_path / "image.png", "-o", tmp_path / "out")


def test_existing_results_are_kept(refused, tmp_path):
    (tmp_path / "run.json").write_text("precious")
    line = refused("generate", PROMPT, "-o", tmp_path)
    assert "already holds run.json" in line
    assert "--overwrite" in line
    assert (tmp_path / "run.json").read_text() == "precious"


def test_a_place_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot write to" in refused("generate", PROMPT, "-o", tmp_path / "file" / "out")


def test_an_unknown_method(refused):
    assert "unknown method 'magic'; there are vanilla, ts-attn" in refused("eval", "shapes", "--method", "magic")


def test_every_error_is_ours():
    from tsattn import errors

    raised = [value for value in vars(errors).values() if isinstance(value, type) and not issubclass(value, Warning)]
    assert len(raised) == 16
    assert all(issubclass(error, TsattnError) for error in raised)


@pytest.mark.parametrize(
    "content", ["prompt: 2024-13-45", "[", "\x00", "prompt: [1]", "{}", "subjects: 3"], ids=lambda text: repr(text)
)
def test_a_broken_plan_file(refused, tmp_path, content):
    file = tmp_path / "plan.yaml"
    file.write_text(content)
    assert "plan.yaml" in refused("generate", "--plan", file, "-o", tmp_path / "out")


def test_a_plan_file_that_is_not_there(refused, tmp_path):
    assert "cannot read the plan" in refused("generate", "--plan", tmp_path / "none.json", "-o", tmp_path / "out")
    assert "cannot read the plan" in refused("generate", "--plan", tmp_path, "-o", tmp_path / "out")


def test_damaged_weights(refused, tmp_path):
    import shutil

    from tsattn.shapes import MODEL

    shutil.copytree(MODEL, tmp_path / "model")
    weights = tmp_path / "model" / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot open" in refused("generate", PROMPT, "--model", tmp_path / "model", "-o", tmp_path / "out")
    (tmp_path / "model" / "model_index.json").write_text("[]")
    assert "cannot open" in refused("generate", PROMPT, "--model", tmp_path / "model", "-o", tmp_path / "out")


def test_a_prompt_too_long_for_the_encoder(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("tsattn.cli.generating.open_model", lambda facts: pytest.fail("weights were read"))
    prompt = "A red circle moves right " + "very " * 600 + ", then grows"
    line = refused("generate", prompt, "-o", tmp_path / "out")
    assert "longer than the 512 tokens" in line
    assert "[...]' is cut off" in line
    assert len(line) < 400


def test_results_that_cannot_be_replaced(refused, tmp_path):
    (tmp_path / "run.json").mkdir()
    assert "is not a file" in refused("generate", PROMPT, "--overwrite", "-o", tmp_path)


def test_a_name_too_long_for_a_file(refused, tmp_path):
    assert "cannot write to" in refused("generate", PROMPT, "-o", tmp_path / ("x" * 300))


def test_a_reader_that_goes_away_or_an_output_that_is_closed_is_no_traceback():
    command = f"{sys.executable} -m tsattn plan show '{PROMPT}' --json"
    for line, code in ((f"{command} | true; exit ${{PIPESTATUS[0]}}", (0, 1)), (f"{command} >&-", (0,))):
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert "Traceback" not in run.stderr
        assert run.returncode in code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize(
    "arguments", [["plan", "show", PROMPT], ["plan", "show", PROMPT, "--json"], ["models"]], ids=" ".join
)
def test_an_output_without_room_is_one_clear_line(arguments):
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "tsattn", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert "no space left" in line
