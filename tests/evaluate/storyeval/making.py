"""Prompts, videos and a judge whose answers depend on what it is asked, not on when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.plan.scripted import completion
from tsattn.evaluate.storyeval.items import Item, video_name
from tsattn.evaluate.storyeval.protocol import GPT4O, Protocol
from tsattn.video import write_mp4

KEY = "sk-secret-0123456789"


def item(number: int = 0, events: int = 2, classes: Sequence[str] = ("animal", "easy")) -> Item:
    prompt = f"Cat {number} does {events} things, one by one"
    return Item(video_name(prompt), prompt, tuple(f"deed {k}" for k in range(events)), tuple(classes))


def prompts_file(path: Path, items: Sequence[Item]) -> Path:
    entries = {one.name: {"prompt": one.prompt, "event_list": one.events, "class": one.classes} for one in items}
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def make_video(path: Path, *, frames: int = 4, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (frames, 16, 16, 3), dtype=np.uint8)
    write_mp4(path, noise, fps=8)
    return path


def is_scoring(asked: dict[str, Any]) -> bool:
    return "[COMPLETE_LIST]" in text_of(asked)


def text_of(asked: dict[str, Any]) -> str:
    return asked["messages"][0]["content"][0]["text"]


def sensible(asked: dict[str, Any]) -> dict[str, Any]:
    """A description, or a verdict that is a hash of the question, its frames and seed."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    if not is_scoring(asked):
        return completion(f"A cat, seed {asked['seed']}.", usage=usage)
    events = text_of(asked).count("deed ")
    digest = hashlib.sha256(json.dumps(asked["messages"]).encode()).digest()
    verdict = ", ".join(str(byte % 2) for byte in digest[:events])
    return completion(f"So it is.\n[COMPLETE_LIST]: {verdict}", usage=usage)


def verdict(*flags: int, before: str = "Reasons.") -> dict[str, Any]:
    return completion(f"{before}\n[COMPLETE_LIST]: {', '.join(map(str, flags))}")


def short(protocol: Protocol = GPT4O, **changes: Any) -> Protocol:
    """A protocol with one round."""
    from dataclasses import replace

    return replace(protocol, **{"repeats": 1, **changes})


def text_of_words(asked: dict[str, Any]) -> list[str]:
    """The words of a question without pictures."""
    return asked["messages"][0]["content"].split()
