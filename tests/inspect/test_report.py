"""The report: one page that needs nothing beside it, whatever the prompt says."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.inspect.making import plan, record
from tsattn.errors import OutputError
from tsattn.inspect import report
from tsattn.video import read_mp4

GREY = np.full((25, 32, 32, 3), 100, np.uint8)


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [(tag, name, value) for name, value in attributes if name in ("src", "href", "srcset", "alt")]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page():
    return Page(report.html(record(), baseline=record(acting=False), frames=GREY, done=[True, False]))


def test_every_picture_is_inside_and_has_a_description(page):
    pictures = [value for _, name, value in page.sources if name in ("src", "srcset")]
    assert len(pictures) == 6
    for picture in pictures:
        kind, content = re.fullmatch(r"data:image/(png|svg\+xml);base64,(.*)", picture).groups()
        assert base64.b64decode(content, validate=True).startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    described = [value for tag, name, value in page.sources if (tag, name) == ("img", "alt")]
    assert len(described) == page.tags.count("img") == 4 and all(described)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_the_page_says_what_the_diagnosis_says(page):
    words = " ".join(page.words)
    assert "event 2 'jumps': it was missed although" in words
    for share in ("3 %", "50 %", "done", "missed", "model alone"):
        assert share in words


def test_hostile_words_stay_words():
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    made = record(of=plan(f"A cat {evil} then jumps", events=(evil, "jumps")))
    found = Page(report.html(made, title=evil))
    assert "script" not in found.tags
    assert found.tags.count("img") == 3
    assert evil in " ".join(found.words)


def test_files_for_papers(tmp_path):
    names = report.write(tmp_path, record(), frames=GREY, done=[True, True])
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        *("attention.png", "attention.svg", "layers.png", "layers.svg", "region.mp4", "region.png"),
        *("report.html", "words.png", "words.svg"),
    ]
    assert len(read_mp4(tmp_path / "region.mp4")[0]) == 25
    with pytest.raises(OutputError, match="cannot write"):
        report.write(tmp_path / "missing", record())
