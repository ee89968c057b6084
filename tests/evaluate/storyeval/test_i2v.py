"""Building the image-to-video variant: what is made, kept, rejected and made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.evaluate.storyeval.making import KEY, item, prompts_file, text_of_words
from tests.plan.scripted import Scripted, completion, scripted
from tsattn.cli.app import app
from tsattn.errors import ChatError, EvaluationError, OutputError
from tsattn.evaluate.storyeval.i2v import Rejection, read_rejections
from tsattn.evaluate.storyeval.judging import FAILURES
from tsattn.locking import held
from tsattn.video import LONGEST_NAME

ITEMS = [item(0), item(1, 3), item(2)]


class Painted:
    """A pipeline that paints one colour, told by its prompt and seed, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, int]]] = []
    fails_after = 10**6

    @classmethod
    def from_pretrained(cls, source: str, **options: Any) -> Painted:
        return cls()

    def __call__(self, *, prompt: str, generator: Any, width: int, height: int, **options: Any) -> Any:
        if len(self.asked) >= self.fails_after:
            raise KeyboardInterrupt
        if width % 8 or height % 8:
            raise ValueError("`height` and `width` have to be divisible by 8")
        self.asked.append((prompt, generator.initial_seed()))
        red, green = hash(prompt) % 256, generator.initial_seed() * 40 % 256
        return type("Made", (), {"images": [Image.new("RGB", (width, height), (red, green, 0))]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scripted]:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Painted, "asked", [])
    monkeypatch.setattr(Painted, "fails_after", 10**6)
    prompts_file(tmp_path / "prompts.json", ITEMS)
    with scripted(monkeypatch) as made:
        made.script = [lambda asked: completion(f"<think>hm</think> A cat sits, {len(text_of_words(asked))} words. ")]
        yield made


def build(server: Scripted, *options: str) -> Any:
    given = ["--llm-model", "m", "--base-url", server.address, "--image-model", "any", "--size", "64x32"]
    given += ["--pipeline", f"{__name__}:Painted", *options]
    return CliRunner().invoke(app, ["eval", "build-i2v", "prompts.json", "-o", "i2v", *given])


def record(number: int) -> dict[str, Any]:
    path = Path("i2v", "records", ITEMS[number].name).with_suffix(".json")
    return json.loads(path.read_text())


def test_each_prompt_gets_a_state_and_a_frame_with_their_origin(server: Scripted) -> None:
    done = build(server, "--steps", "3")
    assert done.exit_code == 0, done.output
    assert "3 of 3 first frames" in done.stdout
    assert len(server.asked) == 3
    asked = server.asked[1]["messages"][0]["content"]
    assert ITEMS[1].prompt in asked and "3. deed 2" in asked
    entries = json.loads(Path("i2v", "prompts.json").read_text())
    for number, one in enumerate(ITEMS):
        made, (frame,) = record(number), record(number)["frames"]
        assert made["state"]["text"].startswith("A cat sits") and made["state"]["by"] == "m"
        assert made["state"]["question"] == "initial-v1.txt"
        assert frame["state"] == made["state"]["text"] and frame["seed"] == 0
        assert frame["settings"]["num_inference_steps"] == 3 and frame["settings"]["pipeline"] == "Painted"
        assert entries[one.name] == {
            "prompt": one.prompt, "event_list": list(one.events), "class": list(one.classes), "image": frame["file"]
        }  # fmt: skip
        assert Image.open(Path("i2v", frame["file"])).size == (64, 32)
    assert not list(Path("i2v").rglob("*.part"))
    assert all(KEY.encode() not in path.read_bytes() for path in Path("i2v").rglob("*.*"))


def test_what_is_there_is_not_made_again(server: Scripted) -> None:
    Painted.fails_after = 1
    assert build(server).exit_code != 0
    assert len(Painted.asked) == 1
    assert list(json.loads(Path("i2v", "prompts.json").read_text())) == [ITEMS[0].name]
    Painted.fails_after = 10**6
    assert build(server).exit_code == 0
    assert (len(Painted.asked), len(server.asked)) == (3, 3)
    Path("i2v", record(1)["frames"][0]["file"]).write_bytes(b"spoilt")
    Path("i2v", record(2)["frames"][0]["file"]).unlink()
    assert build(server).exit_code == 0
    assert (len(Painted.asked), len(server.asked)) == (5, 3)
    assert [len(record(number)["frames"]) for number in range(3)] == [1, 1, 1]


def test_a_rejected_frame_is_rolled_again_with_another_seed_and_the_words_of_the_person(server: Scripted) -> None:
    build(server)
    rejected = {
        ITEMS[0].name: {"roll": 0, "state": record(0)["state"]["text"]},
        ITEMS[2].name: {"roll": 0, "state": "Mine."},
    }
    Path("rejected.json").write_text(json.dumps(rejected))
    for _ in range(2):
        done = build(server, "--reject", "rejected.json")
        assert done.exit_code == 0
        assert Painted.asked[3:] == [(record(0)["state"]["text"], 1), ("Mine.", 1)], "the second time changes nothing"
    assert "0 of 2 rejected frames are rolled again" in done.stderr
    old, new = record(2)["frames"]
    assert (old["rejected"], new["rejected"], new["roll"]) == (True, False, 1)
    assert Path("i2v", old["file"]).is_file()
    assert record(2)["state"]["by"] == "by hand" and record(0)["state"]["by"] == "m"
    entries = json.loads(Path("i2v", "prompts.json").read_text())
    assert entries[ITEMS[2].name]["image"] == new["file"] == f"frames/roll-1/{Path(ITEMS[2].name).stem}.png"


def test_the_review_sheet_shows_every_prompt_and_runs_nothing_of_theirs(server: Scripted) -> None:
    server.script = [completion('<script>alert(1)</script> & a "cat"'), completion(None, refusal="no"), completion("x")]
    done = build(server)
    assert "no frame: " + ITEMS[1].name + ": m refuses this prompt: 'no'" in done.stdout
    page = Path("i2v", "review.html").read_text()
    assert page.count("<article") == 3 and page.count("<img") == 2
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; a" in page
    assert "No frame: m refuses this prompt: &#x27;no&#x27;" in page
    assert "First frames: 2 of 3" in page


def test_what_fails_stops_it_and_is_resumed(server: Scripted) -> None:
    server.script = [completion("One."), (404, {}, {})]
    assert isinstance(build(server).exception, ChatError)
    assert record(0)["state"]["text"] == "One."
    server.script = [completion("Two.")]
    assert build(server).exit_code == 0
    assert len(server.asked) == 2 + 2


def fails_on(*names: str) -> Any:
    """A server that takes no request about these prompts."""

    def reply(asked: dict[str, Any]) -> Any:
        prompts = {one.name: one.prompt for one in map(item, range(20))}
        fails = any(prompts[name] in asked["messages"][0]["content"] for name in names)
        return (400, {"error": {"message": "too odd"}}, {}) if fails else completion("A cat sits.")

    return reply


def test_a_prompt_that_fails_stops_no_other_and_comes_last_the_next_time(server: Scripted) -> None:
    server.script = [fails_on(ITEMS[0].name)]
    failed = build(server)
    assert failed.exit_code == 1
    assert "2 of 3 first frames" in failed.stdout and f"no frame yet: {ITEMS[0].name}: http" in failed.stdout
    assert record(0)["state"] is None and "too odd" in record(0)["failed"]["why"]
    assert "too odd" in Path("i2v", "review.html").read_text()
    prompts_file(Path("prompts.json"), [*ITEMS, item(3)])
    server.script = [completion("A cat sits.")]
    assert build(server).exit_code == 0
    new, old = (asked["messages"][0]["content"] for asked in server.asked[3:])
    assert item(3).prompt in new and ITEMS[0].prompt in old
    assert record(0)["failed"] is None and len(Painted.asked) == 4


def test_a_model_that_only_fails_is_left_alone(server: Scripted) -> None:
    items = [item(k) for k in range(FAILURES + 2)]
    prompts_file(Path("prompts.json"), items)
    server.script = [fails_on(*(one.name for one in items[:-1]))]
    failed = build(server)
    assert failed.exit_code == 1 and "10 prompts failed one after another; no more are asked" in failed.stderr
    assert len(server.asked) == FAILURES and not Painted.asked
    assert build(server).exit_code == 1
    assert len(server.asked) == 2 * FAILURES + 2 and len(Painted.asked) == 1, "none of the others is kept waiting"


def test_a_pipeline_that_fails_is_told_in_a_line(server: Scripted) -> None:
    failed = build(server, "--size", "854x480")
    assert isinstance(failed.exception, EvaluationError)
    assert str(failed.exception) == (
        "'any' cannot paint 854x480 pixels: `height` and `width` have to be divisible by 8; choose another --size or "
        "--image-model"
    )


def test_frames_whose_files_are_gone_are_listed_nowhere_whatever_fails(server: Scripted) -> None:
    build(server)
    Path("i2v", record(1)["frames"][0]["file"]).unlink()
    prompts_file(Path("prompts.json"), [*ITEMS, item(3)])
    server.script = [(404, {}, {})]
    assert isinstance(build(server).exception, ChatError)
    assert list(json.loads(Path("i2v", "prompts.json").read_text())) == [ITEMS[0].name, ITEMS[2].name]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--size", "big"], "should be WIDTHxHEIGHT"),
        (["--size", "0x10"], "should be WIDTHxHEIGHT"),
        (["--pipeline", "nowhere:Painted"], "cannot open 'any' as a text-to-image pipeline: No module"),
        (["--pipeline", "NoSuchPipeline"], "cannot open 'any' as a text-to-image pipeline"),
        (["--reject", "none.json"], "cannot read the rejections none.json"),
        (["--reject", "prompts.json"], "expected the file that the review sheet saves"),
    ],
)
def test_what_cannot_be_built_is_refused(server: Scripted, options: list[str], reason: str) -> None:
    failed = build(server, *options)
    assert isinstance(failed.exception, EvaluationError)
    assert reason in str(failed.exception)


def test_without_a_model_that_writes_it_says_so(server: Scripted) -> None:
    result = CliRunner().invoke(app, ["eval", "build-i2v", "prompts.json", "-o", "i2v"])
    assert "3 initial states are to be written; name who writes them with --llm-model" in str(result.exception)


def test_a_folder_of_other_prompts_is_refused(server: Scripted) -> None:
    build(server)
    changed = [ITEMS[0]._replace(prompt="Another"), *ITEMS[1:]]
    prompts_file(Path("prompts.json"), changed)
    assert "is of the prompt 'Cat 0" in str(build(server).exception)
    path = Path("i2v", "records", ITEMS[0].name).with_suffix(".json")
    path.write_text("{")
    assert "it is no record; restore it" in str(build(server).exception)


def test_a_second_run_on_a_folder_is_refused_and_nothing_is_asked(server: Scripted) -> None:
    with held(Path("i2v")):
        refused = build(server)
    assert isinstance(refused.exception, OutputError)
    assert "another run builds first frames in i2v; wait for it" in str(refused.exception)
    assert not server.asked and not Path("i2v", "records").exists()
    assert build(server).exit_code == 0


def test_what_a_killed_run_began_to_write_is_swept(server: Scripted) -> None:
    build(server)
    places = ("", "records", "frames/roll-0")
    left = [Path("i2v", place, ".x.png.0123abcd.part") for place in places]
    mine = [Path("i2v", place, ".mine.part") for place in places]
    for path in (*left, *mine):
        path.touch()
    assert build(server).exit_code == 0
    assert not any(path.exists() for path in left) and all(path.exists() for path in mine)


@pytest.mark.parametrize("sign", ["x", "é", "字"])
def test_the_longest_name_that_is_taken_can_be_written(server: Scripted, sign: str) -> None:
    size = len(sign.encode())
    longest = LONGEST_NAME - len(".json")
    stem = sign * (longest // size) + "x" * (longest % size)
    prompts_file(Path("prompts.json"), [ITEMS[0]._replace(name=f"{stem}.mp4")])
    assert build(server).exit_code == 0
    Path("prompts.json").unlink()
    asked = len(server.asked)
    prompts_file(Path("prompts.json"), [ITEMS[0]._replace(name=f"{stem}x.mp4")])
    refused = build(server)
    assert "is too long for the files of its first frame" in str(refused.exception)
    assert "shorten it by 1" in str(refused.exception)
    assert len(server.asked) == asked


def test_names_that_would_share_a_record_are_refused_before_anything_is_asked(server: Scripted) -> None:
    prompts_file(Path("prompts.json"), [item(k)._replace(name=name) for k, name in enumerate(("a.mp4", "a.mov"))])
    refused = build(server)
    assert isinstance(refused.exception, EvaluationError)
    assert "'a.mp4' and 'a.mov' would share a record and a frame; rename one" in str(refused.exception)
    assert not server.asked and not Path("i2v").exists()


def test_rejections_are_checked(server: Scripted, tmp_path: Path) -> None:
    build(server)
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"x.mp4": {"roll": 0, "state": "y"}}))
    assert read_rejections(path) == {"x.mp4": Rejection(roll=0, state="y")}
    assert "'x.mp4' is rejected, but there is no such prompt" in str(build(server, "--reject", str(path)).exception)


@pytest.mark.slow
def test_a_real_pipeline_makes_the_frames(server: Scripted, tmp_path: Path) -> None:
    """Qwen-Image with tiny random weights, opened as the automatic class finds it."""
    from tests.evaluate.storyeval.qwen_image import save

    save(tmp_path / "painter")
    options = ["--llm-model", "m", "--base-url", server.address, "--image-model", "painter", "--size", "64x32"]
    command = ["eval", "build-i2v", "prompts.json", "-o", "i2v", "--steps", "2", *options]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.exception
    first = Path("i2v", record(0)["frames"][0]["file"])
    assert Image.open(first).size == (64, 32)
    assert record(0)["frames"][0]["settings"]["pipeline"] == "QwenImagePipeline"
    before = first.read_bytes()
    first.unlink()
    assert CliRunner().invoke(app, command).exit_code == 0
    assert first.read_bytes() == before, "the same state and seed give the same frame"
