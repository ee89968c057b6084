"""Judges that run here: LLaVA-OneVision and Qwen2.5-VL with tiny random weights."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jinja2 import TemplateError

from tests.evaluate.storyeval.making import item, make_video, prompts_file
from tsattn.errors import ChatError, ModelError
from tsattn.evaluate.storyeval.frames import KeyFrames
from tsattn.evaluate.storyeval.judges import LocalJudge, Question

STAND_IN = Path(__file__).parent / "stand_in"
ROOT = Path(__file__).parents[3]
ASK = """
import json, sys
from pathlib import Path
from tests.evaluate.storyeval import vlm
from tsattn.evaluate.storyeval.frames import inspect, key_frames
from tsattn.evaluate.storyeval.judges import LocalJudge, Question
from tsattn.evaluate.storyeval.protocol import LLAVA

folder, video = map(Path, sys.argv[1:])
clip = inspect(video)
seen, other = (key_frames(video, clip, choose) for choose in (LLAVA.indices, lambda total: [0] * 32))
for make in (vlm.qwen, vlm.llava):
    judge = LocalJudge(str(make(folder / make.__name__)))
    asked = [Question("What do you see?", frames, seed, 8, 1.0) for frames, seed in ((seen, 0), (seen, 1), (seen, 0), (other, 0))]
    print("SAID" + json.dumps(list(map(judge.ask, asked))))
"""
JUDGE = """
from dataclasses import replace
from pathlib import Path
from tests.evaluate.storyeval import vlm
from tsattn.cli import main
from tsattn.evaluate.storyeval import protocol

vlm.llava(Path("m"))
protocol.PROTOCOLS["llava"] = replace(protocol.LLAVA, max_tokens=12)
main()
"""


@pytest.mark.slow
def test_models_answer_what_they_see_and_draw_by_the_seed(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4")
    result = run("-c", ASK, str(tmp_path), str(video))
    assert result.returncode == 0, result.stderr
    lines = [line.removeprefix("SAID") for line in result.stdout.splitlines() if line.startswith("SAID")]
    assert len(lines) == 2
    for line in lines:
        first, second, again, other = json.loads(line)
        assert first == again
        assert first != second
        assert first != other, "it sees the frames"
        text, cut_off, (asked, answered) = first
        assert isinstance(text, str)
        assert cut_off == (answered == 8)
        assert asked > 32, "a token for each frame at least"


@pytest.mark.slow
def test_judging_by_a_model_that_talks_nonsense_ends_without_a_verdict(tmp_path: Path) -> None:
    items = [item(0), item(1)]
    for number, one in enumerate(items):
        make_video(tmp_path / "videos" / one.name, seed=number)
    prompts_file(tmp_path / "prompts.json", items)
    options = ["--prompts", "prompts.json", "--local", "m", "--protocol", "llava", "--rounds", "1", "-o", "out"]
    result = run("-c", JUDGE, "eval", "judge", "videos", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "unscored: no verdict  2" in result.stdout
    entries = json.loads((tmp_path / "out" / "videos_m.json").read_text())
    assert [entry["completion_list_avg"] for entry in entries.values()] == [[], []]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = [str(ROOT)] if importlib.util.find_spec("torchvision") else [str(STAND_IN), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=cwd)


class Processor:
    """One that finds fault with every question."""

    video_processor, chat_template = object(), "{{ raise_exception('no videos') }}"
    fault: Exception = TemplateError("no videos")

    def apply_chat_template(self, *given: object, **options: object) -> str:
        raise self.fault


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> type[Processor]:
    """What is opened as any processor; the model is a layer of torch."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    made = {AutoProcessor: Processor, AutoModelForImageTextToText: lambda: torch.nn.Linear(1, 1)}
    for kind, make in made.items():
        monkeypatch.setattr(kind, "from_pretrained", lambda source, make=make, **options: make())
    return Processor


@pytest.mark.parametrize("fault", [TemplateError("no videos"), ValueError("no videos")])
def test_a_template_that_takes_no_such_question_is_a_failure_of_the_judge(
    opened: type[Processor], monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:  # fmt: skip
    monkeypatch.setattr(opened, "fault", fault)
    with pytest.raises(ChatError, match="m failed: no videos"):
        LocalJudge("m", device="cpu").ask(Question("?", KeyFrames(()), 0, 8, 1.0))


def test_a_model_without_a_chat_template_is_refused(
    opened: type[Processor], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(opened, "chat_template", None)
    with pytest.raises(ModelError, match="has no chat template"):
        LocalJudge("m", device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_a_device_that_is_not_there_is_told(opened: type[Processor]) -> None:
    with pytest.raises(ModelError, match="cannot open 'm' as a vision-language model: .*CUDA"):
        LocalJudge("m", device="cuda")


def test_what_is_no_vision_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    for source in (tmp_path, tmp_path / "none"):
        with pytest.raises(ModelError, match="cannot open .* as a vision-language model"):
            LocalJudge(str(source))
