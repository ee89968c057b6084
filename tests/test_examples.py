"""Everything that the docs show runs."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example)])
    runpy.run_path(str(example), run_name="__main__")


def test_the_benchmark_runs_and_says_what_it_measured(monkeypatch, capsys):
    arguments = ["--frames", "3", "--rows", "8", "--columns", "8", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", ["cross_attention", *arguments])
    runpy.run_module("benchmarks.cross_attention", run_name="__main__")
    printed = capsys.readouterr().out
    changed = float(re.search(r"rows changed: ([\d.]+) %", printed)[1])
    assert 1 < changed < 99, "control acts on a region, not on nothing or everything"
    assert re.search(r"time: [\d.]+ x vanilla", printed)
    extra = float(re.search(r"extra peak memory: (-?[\d.]+) %", printed)[1])
    assert extra <= 10


@pytest.mark.parametrize("page", ["README.md", "docs/how-it-works.md", "docs/embedded-model.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), target
