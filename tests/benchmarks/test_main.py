import json
import sys

import pytest

from benchmarks import __main__ as bench
from tsattn.attention.region import Grid

pytestmark = pytest.mark.slow


def test_the_benchmarks_run_and_are_saved(monkeypatch, tmp_path, capsys):
    tiny = Grid(3, 8, 8)
    monkeypatch.setattr(bench, "GRIDS", {2000: tiny})
    monkeypatch.setattr(bench, "JOINT", {2000: tiny})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "joint", "--quick", "--rounds", "1", "-o", str(tmp_path / "made")])
    bench.main()
    sys.argv[1:2] = ["parts", "block", "idle"]
    bench.main()
    results = json.loads((tmp_path / "made" / "results.json").read_text())
    assert list(results) == ["joint", "parts", "block", "idle"], "what was measured before stays"
    assert all(part["machine"]["threads"] >= 1 for part in results.values())
    results = {name: part["found"] for name, part in results.items()}
    for part, layer in (("block", "Wan 1.3B"), ("joint", "CogVideoX 5B")):
        case = results[part][0]
        assert case["layer"] == layer
        assert case["tokens"] == tiny.tokens
        assert case["ratios"]["vanilla"]["attention"] == {"median": 1, "smallest": 1, "largest": 1}
        assert case["ratios"]["controlled"]["block"]["median"] > 0
    percent = results["parts"]["percent"]
    assert sum(percent.values()) == pytest.approx(100)
    assert all(share > 0 for share in percent.values())
    for part in results:
        assert (tmp_path / "made" / f"{part}.png").stat().st_size > 1000
    assert "Wan 1.3B" in capsys.readouterr().out
