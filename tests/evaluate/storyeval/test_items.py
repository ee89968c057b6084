"""Which prompts and videos there are, and names that stay where they belong."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

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
        with pytest.raises(EvaluationError, match=r"cannot read the prompts http.*/none.json: the server replied 404"):
            read_items(f"{address}/none.json")
        server.shutdown()


class Answering(BaseHTTPRequestHandler):
    """Answers by what the path begins with: nonsense, prompts, an object without any, part of a reply, or no HTTP."""

    bodies: ClassVar = {
        "/text": b"x",
        "/empty": b"{}",
        "/name": b'{"a/b": {"prompt": "x", "event_list": ["x"]}}',
    }

    def do_GET(self) -> None:
        kind = urlsplit(self.path).path
        if kind == "/nohttp":
            self.wfile.write(b"hello\r\n\r\n")
            return
        self.send_response(302 if kind == "/away" else 404 if kind == "/none" else 200)
        if kind == "/away":
            self.send_header("location", f"gopher://x/{urlsplit(self.path).query}")
        self.send_header("content-length", "999" if kind == "/part" else str(len(self.bodies.get(kind, b""))))
        self.end_headers()
        self.wfile.write(self.bodies.get(kind, b"{"[: kind == "/part"]))

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/text", "is no file of prompts"),
        ("/empty", "holds no prompts"),
        ("/name", "names a video 'a/b'"),
        ("/none", "the server replied 404; check the address"),
        ("/away", "the server replied 302"),
        ("/part", r"the reply is broken \(IncompleteRead\); try again"),
        ("/nohttp", r"the reply is broken \(BadStatusLine\); try again"),
        ("/a b", "is no path or address that can be opened; give a file, or an address without spaces"),
    ],
)
def test_no_error_repeats_what_an_address_holds_besides_the_place(path: str, reason: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        place = f"127.0.0.1:{server.server_port}{path}"
        with pytest.raises(EvaluationError, match=reason) as raised:
            read_items(f"http://{place}?sig=SECRET")
        server.shutdown()
    assert f"http://{place}" in str(raised.value) and "SECRET" not in str(raised.value)


@pytest.mark.parametrize("source", ["http://u:SECRET@127.0.0.1/x", "http://[SECRET", "http://127.0.0.1:SECRET/", "\0"])
def test_what_is_no_address_is_said_without_its_password(source: str) -> None:
    with pytest.raises(EvaluationError, match="is no path or address that can be opened") as raised:
        read_items(source)
    assert "u:SECRET" not in str(raised.value)


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
