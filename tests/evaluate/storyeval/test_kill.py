"""A judging that is killed at any moment goes on as if nothing had happened."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluate.storyeval.making import item, make_video, prompts_file, sensible
from tests.plan.scripted import Scripted, scripted

KILLS, VIDEOS, ROUNDS = 20, 24, 3


def judge(folder: Path, output: Path, address: str) -> None:
    """What the command does, in a process of its own."""
    from tsattn.cli.judging import How, Who, run_judge

    os.environ["NO_PROXY"] = "127.0.0.1"
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1), os.dup2(null, 2)
    who = Who("m", address, None, None, None, 3, None, 20.0, 0)
    how = How("gpt4o", ROUNDS, None, None, False, True, False, False)
    run_judge(folder / "videos", str(folder / "prompts.json"), output, who=who, how=how)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    with scripted(monkeypatch) as made:
        made.script = [sensible]
        yield made


@pytest.mark.slow
def test_twenty_kills_change_nothing(server: Scripted, tmp_path: Path) -> None:
    items = [item(number, 2 + number % 3) for number in range(VIDEOS)]
    for number, one in enumerate(items):
        make_video(tmp_path / "videos" / one.name, seed=number)
    prompts_file(tmp_path / "prompts.json", items)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["openai", "openai.resources.chat", "tsattn.cli.judging"])
    chance = random.Random(0)

    def start(output: str) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=judge, args=(tmp_path, tmp_path / output, server.address))
        process.start()
        return process

    for _ in range(KILLS):
        process, enough = start("killed"), len(server.asked) + chance.randint(1, 4)
        while len(server.asked) < enough:
            assert process.is_alive(), "it ended before it was killed"
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    for output in ("killed", "whole"):
        last = start(output)
        last.join()
        assert last.exitcode == 0

    killed, whole = (tmp_path / output / "videos_m.json" for output in ("killed", "whole"))
    assert killed.read_bytes() == whole.read_bytes()
    assert all(entry["completion_list_avg"] for entry in json.loads(whole.read_text()).values())
    kept = [rows(tmp_path / output / "replies.sqlite") for output in ("killed", "whole")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == len(set(kept[0])) == VIDEOS * ROUNDS * 2
    asked = len(server.asked) - VIDEOS * ROUNDS * 2
    assert asked <= VIDEOS * ROUNDS * 2 + KILLS * 3, "only what was under way is asked twice"


def rows(path: Path) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return sorted(database.execute("SELECT judging, round, step, ask, outcome, text FROM replies WHERE current"))
