"""Judges that run here: LLaVA-OneVision and Qwen2.5-VL with tiny random weights."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluate.storyeval.making import item, make_video, prompts_file
from tsattn.errors import ModelError
from tsattn.evaluate.storyeval.judges import LocalJudge

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


def test_what_is_no_vision_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    for source in (tmp_path, tmp_path / "none"):
        with pytest.raises(ModelError, match="cannot open .* as a vision-language model"):
            LocalJudge(str(source))
