"""A server of the page in this process, and a headless Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

SCREENSHOTS = Path(__file__).parent / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Running(NamedTuple):
    """A server and what it works with."""

    address: str
    folder: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The whole application with the embedded model, on a port of its own."""
    pytest.importorskip("gradio", reason="the extra [ui] is not installed")
    import uvicorn

    from tsattn.web.models import Models
    from tsattn.web.server import application

    folder = tmp_path_factory.mktemp("ui")
    config = uvicorn.Config(application(Models(), folder), port=0, log_level="error", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started, seconds=60)
    yield Running(f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}", folder)
    running.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium under Playwright. It may be missing on a laptop, but not in continuous integration."""
    if CHROMIUM is None:
        reason = "no Chromium is installed: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # Chromium refuses to run its sandbox as root, as containers do
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(server, browser):
    """Opens the page in a new browser profile, or in one that is given, and collects what must never happen."""
    contexts, wrong = [], []

    def opened(profile=None, *, width=1440, height=1000, scheme="light"):
        if profile is None:
            profile = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            contexts.append(profile)
        page = profile.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(f"error in the page: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"a script of the prompt ran: {dialog.message}"))
        page.on(
            "request",
            lambda sent: (
                None if sent.url.startswith((server.address, "data:", "blob:")) else wrong.append(f"asked {sent.url}")
            ),
        )
        page.goto(server.address)
        page.locator(".tl-block").first.wait_for()
        return page

    yield opened
    for profile in contexts:
        profile.close()
    assert not wrong


def shot(page, name: str) -> None:
    """A picture of the whole page, kept for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def until(condition, *, seconds: float = 60.0) -> None:
    """Wait for a condition outside the page."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
