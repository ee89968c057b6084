"""The server from outside: who may reach it, what it tells, how soon it is there, and what it does not import."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.web.conftest import until
from tsattn.errors import ModelError
from tsattn.web.server import INSTALL, ServerError, name_and_password, serve

UP = """
import sys, time
from tsattn.web.server import serve

def ready(address):
    heavy = [name for name in ("torch", "diffusers", "transformers", "matplotlib") if name in sys.modules]
    print(address, time.process_time(), heavy, flush=True)

serve(host="127.0.0.1", port=0, auth=("me", "secret"), ready=ready)
"""


def ask(address, *, path="/", data=None, **headers):
    request = urllib.request.Request(
        address + path, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_is_up_in_ten_seconds_with_a_password_and_nothing_heavy(tmp_path):
    pytest.importorskip("gradio")
    log = tmp_path / "log"
    with log.open("w") as out, subprocess.Popen([sys.executable, "-c", UP], stdout=out, stderr=out) as process:
        try:
            until(lambda: log.read_text().count("\n") or process.poll() is not None, seconds=120)
            address, seconds, heavy = log.read_text().splitlines()[-1].split(" ", 2)
            until(lambda: ask(address)[0] == 401)
            assert ask(address, authorization="Basic bWU6c2VjcmV0")[0] == 200  # me:secret
        finally:
            process.terminate()
            process.wait(20)
    assert heavy == "[]"
    assert float(seconds) < 10  # of the processor's time, which on an idle machine is that of the clock


def test_it_answers_to_names_of_this_machine_only(server):
    assert ask(server.address)[0] == 200
    assert ask(server.address, host="evil.example")[0] == 400
    assert ask(server.address, path="/runs", data=b"{}", origin="http://evil.example")[0] == 403


def test_what_it_tells_of_itself_holds_no_path(server):
    told = [ask(server.address, path=path)[1] for path in ("/", "/config", "/gradio_api/info", "/runs/x/y")]
    here = {str(server.folder), str(Path(__file__).parents[2]), os.path.expanduser("~") + "/", sys.prefix}
    assert all(place not in text for text in told for place in here)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/gradio_api/component_server/", b'{"data": {"on": 1}, "component_id": 999999, "fn_name": "edit", "session_hash": "x"}'),
        ("/gradio_api/component_server/", b'{"data": null, "component_id": 4, "fn_name": "__init__", "session_hash": "x"}'),
        ("/gradio_api/component_server/", b"nonsense"),
        ("/gradio_api/run/predict", b'{"data": [], "fn_index": 1}'),
        ("/gradio_api/queue/join", b'{"data": [[], {}, "/etc", -1], "fn_index": 1, "session_hash": "x"}'),
        ("/gradio_api/upload", b"x"),
        ("/gradio_api/file=/etc/passwd", None),
        ("/runs/../../etc/passwd", None),
        ("/runs/x/..%2f..%2fetc%2fpasswd", None),
    ],
)  # fmt: skip
def test_nonsense_is_refused_without_a_trace(server, path, data):
    status, text = ask(server.address, path=path, data=data, content_type="application/json")
    assert "Traceback" not in text and "site-packages" not in text and "root:" not in text
    assert status != 200 or "event_id" in text


def test_a_port_in_use_is_an_error_that_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerError, match="choose another --host or --port"):
            serve(host="127.0.0.1", port=taken.getsockname()[1])
    with pytest.raises(ServerError, match="cannot listen on"):
        serve(host="no such host", port=0)


def test_models_are_checked_before_the_server_starts(tmp_path):
    with pytest.raises(ModelError):
        serve(host="127.0.0.1", port=0, models=[str(tmp_path)])


def test_missing_packages_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ServerError) as missing:
        serve(host="127.0.0.1", port=0)
    assert str(missing.value) == INSTALL


@pytest.mark.parametrize("text", ["", "me", "me:", ":secret", ":"])
def test_a_name_without_a_password_is_refused(text):
    with pytest.raises(ServerError, match="a name and a password"):
        name_and_password(text)
    assert name_and_password("me:a:b") == ("me", "a:b")
