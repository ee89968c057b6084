import json

from training.curves import LOGS, ORDER, losses


def test_what_was_done_again_after_a_cut_counts_once(tmp_path):
    lines = [(25, 3.0), (50, 2.0), (75, 1.5), (50, 2.5), (75, 1.0)]
    log = tmp_path / "denoiser.jsonl"
    log.write_text("".join(json.dumps({"seconds": 1, "step": s, "loss13": x, "frames": 13}) + "\n" for s, x in lines))
    assert losses(log) == {"loss13": [(25, 3.0), (50, 2.5), (75, 1.0)]}


def test_every_log_that_is_kept_is_drawn():
    kept = {file.parent.name for file in LOGS.glob("*/*.jsonl")}
    assert kept
    assert kept <= set(ORDER)
    assert all(losses(file) for file in LOGS.glob("*/*.jsonl"))
