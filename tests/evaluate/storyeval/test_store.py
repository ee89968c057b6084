"""Replies are kept whole, once, and for good."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tsattn.errors import OutputError
from tsattn.evaluate.storyeval.store import Place, Reply, Store

PLACE = Place("v", 0, "score", 0)
REPLY = Reply("said", "1, 0 – é", True, 100, 7, 0.5)


def test_what_is_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    with Store(tmp_path / "new" / "folder") as store:
        assert store.reply(PLACE) is None
        store.keep(PLACE, REPLY)
        store.about("v", {"video": "a.mp4"})
        store.about("v", {"video": "b.mp4"})
    with Store(tmp_path / "new" / "folder") as store:
        assert store.reply(PLACE) == REPLY
        assert store.tokens("m") == (0, 0)
        assert store.reply(PLACE._replace(round=1)) is None


def test_tokens_are_those_of_one_judge_current_or_not(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for number, judge in enumerate(("m", "n", "m")):
            store.about(f"v{number}", {"judge": judge})
            store.keep(PLACE._replace(judging=f"v{number}"), REPLY)
        store.ask_again("v0", 0)
        store.keep(PLACE._replace(judging="v0"), REPLY)
        assert (store.tokens("m"), store.tokens("n"), store.tokens("o")) == ((300, 21), (100, 7), (0, 0))


def test_a_failure_is_news_and_no_reply(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for reason in ("first", "second"):
            store.keep(PLACE, Reply("failed", reason))
        assert store.reply(PLACE) is None
        assert store.last_failure("v", 0) == "second"
        assert store.last_failure("v", 1) is None
        store.keep(PLACE._replace(judging="w"), Reply("failed", "later"))
        assert 0 == store.latest_failure("u") < store.latest_failure("v") < store.latest_failure("w")


def test_nothing_is_kept_twice_and_nothing_asked_again_is_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.keep(PLACE, REPLY)
        with pytest.raises(OutputError):
            store.keep(PLACE, REPLY)
        store.ask_again("v", 0)
        assert store.reply(PLACE) is None
        store.keep(PLACE, REPLY._replace(text="new"))
        assert store.reply(PLACE) == REPLY._replace(text="new")
    rows = sqlite3.connect(tmp_path / "replies.sqlite").execute("SELECT text, current FROM replies").fetchall()
    assert rows == [("1, 0 – é", 0), ("new", 1)]


def test_a_second_run_on_a_folder_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(OutputError, match="another run writes to"):
            Store(tmp_path)
        store.keep(PLACE, REPLY)
    Store(tmp_path).__exit__()


def test_a_damaged_file_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"no database at all, but long enough to be one" * 99)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"replies\.sqlite is damaged .*move it away"):
        Store(tmp_path)
    assert path.read_bytes() == before


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.keep(PLACE, REPLY)
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutputError, match=r"cannot write .*full.*nothing that was kept is lost"):
            store.keep(PLACE._replace(ask=1), REPLY._replace(text="x" * 10**6))
        assert store.reply(PLACE) == REPLY
    with Store(tmp_path) as store:
        assert store.reply(PLACE) == REPLY
        store.keep(PLACE._replace(ask=1), REPLY)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the folder"):
        Store(tmp_path / "file" / "deeper")
