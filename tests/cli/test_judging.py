"""`tsattn eval judge` and `eval score` as a person types them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.batch.toys import Toy, job
from tests.evaluate.storyeval.making import KEY, item, make_video, prompts_file, sensible
from tests.plan.scripted import Scripted, completion, scripted
from tsattn.batch import SerialEngine
from tsattn.batch.driver import Silence, run_jobs
from tsattn.cli.app import app
from tsattn.cli.judging import videos_in
from tsattn.errors import AccessError, EvaluationError, OutputError

ITEMS = [item(0), item(1, 3, ("human", "hard"))]
PRICES = "m: {input: 100, output: 1000, frame_tokens: 100}\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scripted]:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    prompts_file(tmp_path / "prompts.json", [*ITEMS, item(2)])
    for number, one in enumerate(ITEMS):
        make_video(tmp_path / "wan" / one.name, seed=number)
    (tmp_path / "prices.yaml").write_text(PRICES)
    with scripted(monkeypatch) as made:
        made.script = [sensible]
        yield made


def judge(server: Scripted, *options: str, folder: str = "wan", prompts: bool = True) -> Result:
    given = ["--prompts", "prompts.json"] if prompts else []
    given += ["--model", "m", "--base-url", server.address, "-o", "out", *options]
    return CliRunner().invoke(app, ["eval", "judge", folder, *given])


def results(name: str = "wan_m.json") -> dict[str, Any]:
    return json.loads(Path("out", name).read_text())


def test_a_folder_is_judged_scored_and_resumed(server: Scripted) -> None:
    done = judge(server, "--yes", "--prices", "prices.yaml")
    assert done.exit_code == 0, done.output
    assert "2 videos to be judged by m, 3 rounds each" in done.stderr
    assert "unscored: missing video  1" in done.stdout
    assert f"spent: ${12 * 0.2:.4f}" in done.stdout
    entries = results()
    assert list(entries) == [*(one.name for one in ITEMS), item(2).name]
    first = entries[ITEMS[0].name]
    assert (first["prompt"], first["class"], first["model"]) == (ITEMS[0].prompt, ["animal", "easy", "2_events"], "wan")
    lists = [first[f"output{k}"]["completion_list"] for k in range(3)]
    assert first["completion_list_avg"] == [sum(flags) / 3 for flags in zip(*lists, strict=True)]
    assert first["completion_score_avg"] == pytest.approx(sum(map(sum, lists)) / 6)
    assert first["output1"]["seed"] == 1 and first["output1"]["description"] == "A cat, seed 1."
    missing = entries[item(2).name]
    assert missing["unscored"].startswith("missing video") and missing["completion_list_avg"] == []
    assert missing["completion_score_avg"] is None
    before = Path("out", "wan_m.json").read_bytes()
    again = judge(server, "--prices", "prices.yaml")
    assert again.exit_code == 0, "there is nothing to agree to"
    assert len(server.asked) == 12
    assert Path("out", "wan_m.json").read_bytes() == before

    scores = json.loads(CliRunner().invoke(app, ["eval", "score", "out/wan_m.json", "--json"]).stdout)
    assert scores["empty"] == 1 / 3
    assert scores["human"] is not None and scores["object"] is None
    strict = CliRunner().invoke(app, ["eval", "score", "out/wan_m.json", "--json", "--storyeval-compat"])
    assert json.loads(strict.stdout)["all"] == pytest.approx(scores["all"] * 2 / 3)
    table = CliRunner().invoke(app, ["eval", "score", "out/wan_m.json"]).stdout
    assert "missing video  1, left out" in table


def test_a_video_that_cannot_be_decoded_is_done_with_after_a_run(server: Scripted) -> None:
    path = make_video(Path("wan", ITEMS[0].name), frames=24)
    path.write_bytes(path.read_bytes()[:-2000])
    assert judge(server, "--yes").exit_code == 0
    again = judge(server)
    assert again.exit_code == 0, "there is nothing to agree to"
    assert "0 videos to be judged" in again.stderr and "unscored: unreadable video  1" in again.stdout


@pytest.mark.parametrize(("compat", "prompts"), [([], 3), (["--storyeval-compat"], 4)])
def test_beside_a_score_stands_the_number_of_prompts_that_it_is_of(
    tmp_path: Path, compat: list[str], prompts: int
) -> None:
    one = {"prompt": "p", "event_list": ["a", "b"], "class": ["human"], "completion_list_avg": [1, 0]}
    entries = {f"{k}.mp4": one for k in range(3)}
    entries["3.mp4"] = {**one, "completion_list_avg": [], "unscored": "refused"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(entries))
    table = CliRunner().invoke(app, ["eval", "score", str(path), *compat]).stdout
    shown = {line.rsplit(None, 2)[0].strip(): line.split()[-1] for line in table.splitlines() if line.split()[-1:]}
    assert (shown["all"], shown["human"], shown["2 events"], shown["animal"]) == (*[str(prompts)] * 3, "0")


def test_compat_says_not_why_so_that_everything_counts(server: Scripted) -> None:
    assert judge(server, "--yes", "--storyeval-compat").exit_code == 0
    assert "unscored" not in results()[item(2).name]
    assert results()[item(2).name]["output0"]["completion_list"] == []


@pytest.mark.parametrize("compat", [[], ["--storyeval-compat"]])
def test_an_outage_is_told_whatever_counts_as_0(server: Scripted, compat: list[str]) -> None:
    server.script = [(500, b"oops", {})]
    failed = judge(server, "--yes", "--retries", "0", *compat)
    assert failed.exit_code == 1
    assert "unscored: judge failed  2" in failed.stdout
    assert results()[ITEMS[0].name]["unscored"].startswith("judge failed")


def test_a_folder_for_each_model_makes_a_file_for_each(server: Scripted) -> None:
    make_video(Path("models", "a_b", ITEMS[0].name))
    make_video(Path("models", "c", ITEMS[0].name), seed=9)
    assert judge(server, "--yes", "--rounds", "1", folder="models").exit_code == 0
    assert sorted(path.name for path in Path("out").glob("*.json")) == ["a-b_m.json", "c_m.json"]
    assert len(server.asked) == 4


def test_a_batch_knows_its_prompts(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ITEMS[0]
    same = {"prompt": one.prompt, "events": one.events, "tags": one.classes, "model": "wan", "seed": 7}
    done = SimpleNamespace(prompt_id="id", method="ts-attn", video=Path("wan", one.name).absolute(), **same)
    done.check = lambda: None
    gap = SimpleNamespace(prompt_id="gap", method="ts-attn", state="failed", error="out of memory", **same)
    monkeypatch.setattr("tsattn.batch.finished", lambda folder: [done])
    monkeypatch.setattr("tsattn.batch.unfinished", lambda folder: [gap])
    Path("batch").mkdir()
    Path("batch", "manifest.sqlite").touch()
    assert judge(server, "--yes", "--rounds", "1", folder="batch", prompts=False).exit_code == 0
    entries = results("wan-ts-attn-s7_m.json")
    assert entries["id.mp4"]["model"] == "wan ts-attn"
    assert entries["id.mp4"]["video_seed"] == 7
    assert entries["gap.mp4"]["unscored"] == "missing video: out of memory"
    with_prompts = judge(server, folder="batch")
    assert "a batch, which knows its prompts" in str(with_prompts.exception)


@pytest.mark.parametrize("damaged", range(3))
def test_a_batch_whose_videos_have_other_bytes_than_were_written_is_refused(tmp_path: Path, damaged: int) -> None:
    run_jobs([job(name) for name in "abc"], tmp_path, SerialEngine(worker=Toy), Silence())
    (whole,) = videos_in(tmp_path, None)
    assert len(whole.videos) == 3
    path = whole.videos[damaged].path
    path.write_bytes(path.read_bytes().swapcase())
    with pytest.raises(OutputError, match=f"{path.name} is damaged"):
        videos_in(tmp_path, None)


def test_the_cost_is_shown_before_anything_is_asked(server: Scripted) -> None:
    shown = judge(server, "--preview", "--prices", "prices.yaml", "--max-cost", "100")
    assert shown.exit_code == 0
    for words in ("questions", "12", "36", "frames sent", "cost", "$", "at the most"):
        assert words in shown.stderr
    refused = judge(server)
    assert isinstance(refused.exception, EvaluationError)
    assert "look at it with --preview, then pass --yes" in str(refused.exception)
    assert not server.asked


def test_the_limit_of_cost_stops_it_with_all_replies_kept(server: Scripted) -> None:
    stopped = judge(server, "--yes", "--prices", "prices.yaml", "--max-cost", "3")
    assert isinstance(stopped.exception, EvaluationError)
    assert "stopped at --max-cost 3" in str(stopped.exception)
    assert results()[ITEMS[1].name]["unscored"].startswith("not asked")
    assert 0 < len(server.asked) < 12
    assert judge(server, "--yes", "--prices", "prices.yaml", "--max-cost", "30").exit_code == 0
    assert len(server.asked) == 12
    spent = judge(server, "--yes", "--prices", "prices.yaml", "--max-cost", "30").stderr
    assert "$2.40 spent so far, $30.00 at the most" in spent


def test_the_limit_of_cost_is_of_this_judge_alone(server: Scripted) -> None:
    Path("prices.yaml").write_text(PRICES + "dear: {input: 100000, output: 1000000, frame_tokens: 100}\n")
    assert judge(server, "--yes").exit_code == 0
    other = ["--model", "dear", "--prices", "prices.yaml", "--preview", "--max-cost", "9"]
    assert "$0.00 spent so far" in judge(server, *other).stderr
    same = judge(server, "--prices", "prices.yaml", "--preview", "--max-cost", "9")
    assert "$2.40 spent so far" in same.stderr


def test_what_a_killed_run_began_to_write_is_swept(server: Scripted) -> None:
    Path("out").mkdir()
    left, others = Path("out", ".wan_m.json.0123abcd.part"), [Path("out", ".mine.part"), Path("out", "notes.part")]
    for path in (left, *others):
        path.touch()
    assert judge(server, "--preview").exit_code == 0
    assert not left.exists() and all(path.exists() for path in others)


def test_unscored_for_want_of_a_verdict_until_asked_again(server: Scripted) -> None:
    server.script = [completion("Hello.")]
    assert "unscored: no verdict  2" in judge(server, "--yes").stdout
    server.script = [sensible]
    assert "unscored: no verdict  2" in judge(server, "--yes").stdout
    assert "unscored: no verdict" not in judge(server, "--yes", "--ask-again").stdout


def test_asking_again_gives_up_nothing_before_it_asks(server: Scripted) -> None:
    server.script = [completion("Hello.")]
    assert "unscored: no verdict  2" in judge(server, "--yes").stdout
    shown = judge(server, "--ask-again", "--preview")
    assert shown.exit_code == 0 and "2 videos to be judged by m" in shown.stderr
    assert "pass --yes" in str(judge(server, "--ask-again").exception)
    before = len(server.asked)
    assert "0 videos to be judged by m" in judge(server).stderr
    assert len(server.asked) == before


def test_a_video_is_scored_only_once_the_judge_answered_in_all_rounds(server: Scripted) -> None:
    server.script = [lambda asked: (500, b"oops", {}) if asked["seed"] == 2 else sensible(asked)]
    failed = judge(server, "--yes", "--retries", "0")
    assert failed.exit_code == 1 and "unscored: judge failed  2" in failed.stdout
    server.script = [sensible]
    assert judge(server, "--yes").exit_code == 0


def test_a_refused_key_is_an_error_after_the_results_are_written(server: Scripted) -> None:
    server.script = [(401, {"error": {"message": f"bad {KEY}"}}, {})]
    refused = judge(server, "--yes")
    assert isinstance(refused.exception, AccessError)
    assert results()
    assert KEY not in str(refused.exception) + refused.output


def test_the_key_comes_from_a_file_where_one_is_named(server: Scripted, tmp_path: Path) -> None:
    Path("key").write_text("sk-from-a-file\n")
    assert judge(server, "--yes", "--rounds", "1", "--key-file", "key").exit_code == 0
    assert set(server.keys) == {"Bearer sk-from-a-file"}
    for path in tmp_path.glob("out/*"):
        assert b"sk-from-a-file" not in path.read_bytes()
    assert "cannot read a key from none" in str(
        judge(server, "--yes", "--ask-again", "--key-file", "none", "--rounds", "2").exception
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["wan"], "name one judge"),
        (["wan", "--model", "m", "--local", "m"], "name one judge"),
        (["wan", "--model", "m"], "is no batch, so --prompts must say"),
        (["wan", "--model", "m", "--prompts", "none.json"], "cannot read the prompts none.json"),
        (["wan", "--model", "m", "--prompts", "prompts.json", "--max-cost", "1"], "--max-cost needs --prices"),
        (
            ["wan", "--model", "n", "--prompts", "prompts.json", "--prices", "prices.yaml"],
            "has no price for 'n', only for m",
        ),
        (["wan", "--model", "m", "--prompts", "prompts.json", "--prices", "bad.yaml"], "is no price table"),
        (["wan", "--model", "m", "--prompts", "prompts.json", "--base-url", "nowhere"], "is no address"),
        (["none", "--model", "m", "--prompts", "prompts.json"], "there is no folder none"),
        (["out", "--model", "m", "--prompts", "prompts.json"], "holds no video of any of the 3 prompts"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_is_asked(
    server: Scripted, options: list[str], reason: str
) -> None:  # fmt: skip
    Path("out").mkdir()
    Path("bad.yaml").write_text("m: cheap")
    result = CliRunner().invoke(app, ["eval", "judge", *options, "--yes"])
    assert reason in str(result.exception)
    assert not server.asked


def test_a_damaged_or_busy_folder_is_refused(server: Scripted) -> None:
    Path("out").mkdir()
    Path("out", "replies.sqlite").write_bytes(b"x" * 5000)
    damaged = judge(server, "--yes")
    assert isinstance(damaged.exception, OutputError) and "is damaged" in str(damaged.exception)
    Path("out", "replies.sqlite").unlink()
    other = sqlite3.connect(Path("out", "replies.sqlite"))
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("CREATE TABLE t (x)")
    busy = judge(server, "--yes")
    assert "another run writes to" in str(busy.exception)
    other.close()
    assert not server.asked


def test_the_key_is_in_no_list_of_processes(server: Scripted) -> None:
    server.script = [30.0]
    command = [sys.executable, "-m", "tsattn", "eval", "judge", "wan", "--prompts", "prompts.json", "--model", "m"]
    command += ["--base-url", server.address, "--yes", "-o", "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not server.asked:
            assert process.poll() is None
        listed = subprocess.run(
            ["ps", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True
        )
        process.kill()
        assert "eval judge" in listed.stdout and KEY not in listed.stdout
        assert process.stdout is not None and KEY.encode() not in process.stdout.read()


def test_two_sets_with_one_name_are_refused_before_anything_is_asked(server: Scripted) -> None:
    for model in ("a b", "a-b"):
        make_video(Path("models", model, ITEMS[0].name))
    assert "would both have their results in" in str(judge(server, "--yes", folder="models").exception)
    assert not server.asked


def test_where_the_judge_failed_it_says_so_and_exits_with_1_until_it_answers(server: Scripted) -> None:
    server.script = [(500, b"oops", {})]
    failed = judge(server, "--yes", "--retries", "0")
    assert failed.exit_code == 1
    assert "unscored: judge failed  2, as: http://" in failed.stdout and "(500: 'oops')" in failed.stdout
    server.script = [sensible]
    assert judge(server, "--yes").exit_code == 0
