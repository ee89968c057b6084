"""Which prompts and videos there are, and names that stay where they belong."""

from __future__ import annotations

import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.evaluate.storyeval.making import item, make_video, prompts_file
from tsattn.errors import EvaluationError
from tsattn.evaluate.storyeval.items import find_videos, read_items, tagged, video_name


def test_a_video_is_named_as_the_benchmark_has_it() -> None:
    assert video_name("A cat's paw, twice -- then  it\tnaps.") == "A_cats_paw_twice_then_it_naps.mp4"
    assert video_name("é 1") == "é_1.mp4"
    assert len(video_name("word " * 99)) == 198 + 4
    assert video_name("../../etc/passwd") == "etcpasswd.mp4"


def test_prompts_are_read_in_their_order_from_a_file_and_an_address(tmp_path: Path) -> None:
    items = [item(3, 4), item(1, 2, ()), item(2, 3)]
    path = prompts_file(tmp_path / "prompts.json", items)
    assert read_items(str(path)) == items

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert read_items(f"{address}/prompts.json") == items
        with pytest.raises(
            EvaluationError, match=r"cannot read the prompts http.*/none.json: Not Found|File not found"
        ):
            read_items(f"{address}/none.json")
        server.shutdown()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "holds no prompts"),
        ("[1]", "is no file of prompts"),
        ('{"a.mp4": {"prompt": "x", "event_list": []}}', r"at a\.mp4 → event_list"),
        ('{"a.mp4": {"prompt": "x"}}', r"at a\.mp4 → event_list: Field required"),
        ('{"a.mp4"', "is no file of prompts"),
    ],
)
def test_what_are_no_prompts_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(content)
    with pytest.raises(EvaluationError, match=reason):
        read_items(str(path))
    with pytest.raises(EvaluationError, match="No such file"):
        read_items(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "name",
    [
        "../out.mp4", "a/b.mp4", "/tmp/out.mp4", "C:\\out.mp4", "..", ".", "", "a\0.mp4", "a\n.mp4", "con", "NUL.mp4",
        "com1.mp4", "x" * 300 + ".mp4", "字" * 100 + ".mp4", "a:b.mp4", "\u202egnp.mp4", "\ud800.mp4",
    ],
)  # fmt: skip
def test_names_that_leave_their_folder_or_cannot_be_written_everywhere_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({name: {"prompt": "x", "event_list": ["x"]}}))
    with pytest.raises(EvaluationError, match="names a video|is no file of prompts"):
        read_items(str(path))


def test_videos_are_found_in_a_folder_and_in_a_folder_for_each_model(tmp_path: Path) -> None:
    items = [item(0), item(1)]
    make_video(tmp_path / "plain" / items[1].name)
    (found,) = find_videos(tmp_path / "plain", items)
    assert (found.label, found.seed) == ("plain", None)
    assert [video.item for video in found.videos] == items
    for model in ("wan", "ltx"):
        make_video(tmp_path / "models" / model / items[0].name)
    (tmp_path / "models" / "notes").mkdir()
    assert [one.label for one in find_videos(tmp_path / "models", items)] == ["ltx", "wan"]


def test_no_video_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"holds no video of any of the 1 prompts.*the first should be Cat_0"):
        find_videos(tmp_path, [item()])
    with pytest.raises(EvaluationError, match="there is no folder"):
        find_videos(tmp_path / "none", [item()])


def test_the_number_of_events_is_a_class() -> None:
    assert tagged(("animal",), 3) == ("animal", "3_events")
    assert tagged(("2_events", "animal"), 3) == ("2_events", "animal")
