"""Runs side by side: the figures of every table and file agree with the scores they come from."""

from __future__ import annotations

import csv
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tsattn.errors import EvaluationError, OutputError
from tsattn.evaluate.storyeval.layout import read_results
from tsattn.evaluate.storyeval.report import write_report
from tsattn.evaluate.storyeval.runs import rate, read_runs
from tsattn.evaluate.storyeval.score import score

REASON = "no verdict: 3 replies"


def results_file(folder: Path, label: str, averages: list[list[float]], seed: int | None = 0) -> Path:
    kinds = (["human", "easy"], ["animal", "creative", "hard"], ["object", "retrieval", "medium"])
    entries: dict[str, Any] = {
        f"v{k}.mp4": {
            "prompt": "p", "event_list": ["a", "b"], "class": kinds[k % 3], "completion_list_avg": average,
            "model": label, "video_seed": seed, **({} if average else {"unscored": REASON}),
        }
        for k, average in enumerate(averages)
    }  # fmt: skip
    path = folder / f"{label}-{seed}_judge.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    base, ours = [[1, 0], [0, 0], [2 / 3, 1], []] * 5, [[1, 1], [0, 1], [1, 1], [1, 1]] * 5
    made = [results_file(tmp_path, "vanilla", base, 0), results_file(tmp_path, "vanilla", base, 1)]
    made += [results_file(tmp_path, "ts|attn", ours, 0), results_file(tmp_path, "ts|attn", ours, 1)]
    return [str(path) for path in made]


def test_a_path_may_hold_an_equals_sign_with_a_label_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs", "lr=0.1").mkdir(parents=True)
    path = results_file(Path("runs", "lr=0.1"), "wan", [[1, 0]])
    assert [run.label for run in read_runs([str(path), f"a={path}", f"b=c={path}"])] == ["wan", "a", "b=c"]
    with pytest.raises(EvaluationError, match="cannot read the results none.json"):
        read_runs(["a=none.json"])


def test_files_of_one_label_are_one_run(files: list[str]) -> None:
    runs = read_runs(files)
    assert [run.label for run in runs] == ["vanilla", "ts|attn"]
    assert [len(run.results) for run in runs] == [40, 40]
    assert [run.label for run in read_runs([f"a={files[0]}", f"b={files[1]}"])] == ["a", "b"]
    with pytest.raises(
        EvaluationError, match=r"both hold v0\.mp4 with the same seed; tell the runs apart as LABEL=FILE"
    ):
        read_runs([files[0], f"vanilla={files[0]}"])
    with pytest.raises(EvaluationError, match="no run 'x' to compare with, only vanilla, ts"):
        rate(runs, "x")


def test_all_files_tell_the_same(files: list[str], tmp_path: Path) -> None:
    rated = rate(read_runs(files), None)
    out = tmp_path / "out"
    out.mkdir()
    written = {path.name: path.read_text() for path in write_report(out, rated, compat=False, pictures=True)}
    assert set(written) == {
        "report.md", "report.html", "scores.csv", "gains.csv", "prompts.csv", "scores.svg", "gains.svg"
    }  # fmt: skip
    found = {(row["run"], row["measure"]): row["value"] for row in csv.DictReader(written["scores.csv"].splitlines())}
    for run in read_runs(files):
        scores = score(run.results)
        for name, value in scores.flat().items():
            assert found[run.label, name] == ("" if value is None else str(value))
    lines = written["report.md"].splitlines()
    heads = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert heads == [
        "run", "Human", "Animal", "Object", "Retrieval", "Creative", "Easy", "Hard", "Average", "95 % interval"
    ]  # fmt: skip
    assert lines[6].startswith("| vanilla |") and lines[7].startswith("| ts\\|attn |")
    assert f"**{100 * score(rated[1].run.results).classes['all']:.1f}**" in lines[7]
    assert "| vanilla | no verdict | 10 | left out |" in lines
    gain = rated[1].gains["all"]
    assert (gain.pairs, gain.left_out) == (30, 10)
    row = next(row for row in csv.DictReader(written["gains.csv"].splitlines()) if row["class"] == "all")
    assert float(row["gain"]) == gain.gain.mean > 0
    for name in ("scores.svg", "gains.svg"):
        ElementTree.fromstring(written[name])
    page = written["report.html"]
    assert page.count("<svg") == 2 and "<img" not in page
    assert "ts|attn" in page
    for cell in ("Average", "<strong>", "no verdict", "left out"):
        assert cell in page


def test_a_report_makes_its_folder_where_it_can(files: list[str], tmp_path: Path) -> None:
    rated = rate(read_runs(files[:1]), None)
    assert write_report(tmp_path / "new" / "out", rated, compat=False, pictures=False)[0].exists()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to .*; choose another folder"):
        write_report(tmp_path / "file" / "out", rated, compat=False, pictures=False)


def test_what_is_unscored_counts_where_the_benchmark_counts_it(files: list[str], tmp_path: Path) -> None:
    rated = rate(read_runs(files), None, compat=True)
    assert rated[0].scores.counted == 40
    assert rated[1].gains["all"].left_out == 0
    (tmp_path / "out").mkdir()
    text = write_report(tmp_path / "out", rated, compat=True, pictures=False)[0].read_text()
    assert "| vanilla | no verdict | 10 | 0 |" in text
    assert "![" not in text


def test_one_run_alone_has_no_gains(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    written = write_report(tmp_path / "out", rate(read_runs(files[:1]), None), compat=False, pictures=True)
    assert "gains.svg" not in [path.name for path in written]
    assert "What is gained" not in written[0].read_text()


def test_names_of_others_do_nothing_in_a_page(tmp_path: Path) -> None:
    path = results_file(tmp_path, "odd", [[1, 1]] * 3)
    label = "<script>alert(1)</script> [x](y) $z$"
    (tmp_path / "out").mkdir()
    written = write_report(tmp_path / "out", rate(read_runs([f"{label}={path}"]), None), compat=False, pictures=True)
    page = next(path for path in written if path.name == "report.html").read_text()
    assert "<script>alert" not in page and 'href="y"' not in page


def test_without_matplotlib_it_says_what_to_do(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EvaluationError, match=r"pip install 'tsattn\[plots\]'.*--no-plots"):
        write_report(tmp_path, rate(read_runs(files), None), compat=False, pictures=True)


def test_a_file_of_the_benchmark_is_a_run_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "pika1.5_gpt4o_final.json"
    path.write_text('{"a.mp4": {"prompt": "p", "event_list": ["x"], "class": [], "completion_list_avg": [1.0]}}')
    (run,) = read_runs([str(path)])
    assert run.label == "pika1.5_gpt4o_final"
    assert run.results == tuple(read_results(path))
