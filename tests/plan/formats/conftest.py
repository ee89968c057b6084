"""The examples that the docs show, one for each format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "plans.md"
EXAMPLES: dict[str, str] = dict(
    re.findall(r"^```\w+ (\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name of a format and its example, each in turn."""
    return request.param, EXAMPLES[request.param]
