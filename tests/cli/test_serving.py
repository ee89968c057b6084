"""`tsattn ui`: what the command passes on."""

import pytest
from typer.testing import CliRunner

from tsattn.cli import app


@pytest.fixture
def asked(monkeypatch):
    """What the server would be started with."""
    given = {}
    monkeypatch.setattr("tsattn.cli.serving.serve", lambda **options: given.update(options))
    return given


def test_it_serves_this_machine_alone_unless_told_otherwise(asked, monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    result = CliRunner().invoke(app, ["ui"])
    assert (asked["host"], asked["port"], asked["auth"], asked["models"]) == ("127.0.0.1", 7860, None, [])
    assert "warning" not in result.output


def test_other_machines_are_let_in_by_a_flag_with_a_warning_or_a_password(asked):
    result = CliRunner().invoke(app, ["ui", "--host", "0.0.0.0", "--port", "8000"])
    assert (asked["host"], asked["port"]) == ("0.0.0.0", 8000)
    assert "--auth asks for a password" in result.output
    result = CliRunner().invoke(app, ["ui", "--host", "0.0.0.0", "--auth", "me:secret", "--model", "a/b"])
    assert (asked["auth"], asked["models"]) == (("me", "secret"), ["a/b"])
    assert "warning" not in result.output


def test_the_password_may_come_from_the_environment(asked, monkeypatch):
    monkeypatch.setenv("TSATTN_UI_AUTH", "me:secret")
    CliRunner().invoke(app, ["ui"])
    assert asked["auth"] == ("me", "secret")
