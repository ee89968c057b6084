"""Timing in the prompt, as WanGP and FramePack-Studio have it."""

from __future__ import annotations

import pytest

from tsattn.errors import PlanError
from tsattn.plan import Plan, read, write


def segments(plan: Plan) -> list[str]:
    return [str(event.segment) for subject in plan.subjects for event in subject.events]


@pytest.mark.parametrize(
    ("text", "prompt", "due"),
    [
        ("[0:40%] A cat jumps", "A cat jumps", ["0%-40%"]),
        ("[0%:40%] A cat jumps, [40%:] then sleeps", "A cat jumps, then sleeps", ["0%-40%", "40%-"]),
        ("A kitchen. [25%:50%] A cat jumps", "A kitchen. A cat jumps", ["25%-50%"]),
        ("A cat [0:50%] jumps [50%:100%] and sleeps", "A cat jumps and sleeps", ["0%-50%", "50%-100%"]),
        ("[:40%] A cat jumps", "A cat jumps", ["0%-40%"]),
        ("[0s:2s] A cat jumps", "A cat jumps", ["0s-2s"]),
        ("[0 s - 2.5 sec] A cat jumps", "A cat jumps", ["0s-2.5s"]),
        ("[0:05:0:08] A cat jumps", "A cat jumps", ["5s-8s"]),
        ("[1:00:1:02.5] A cat jumps", "A cat jumps", ["60s-62.5s"]),
        ("[10:40] A cat jumps [40:] it sleeps", "A cat jumps it sleeps", ["10f-40f", "40f-"]),
        ("[10f:40f] A cat jumps", "A cat jumps", ["10f-40f"]),
        ("[0lf:7lf] A cat jumps", "A cat jumps", ["0lf-7lf"]),
        ("[0s-2s: A cat jumps]", "A cat jumps", ["0s-2s"]),
        ("[0s: A cat jumps] [2s: it sleeps]", "A cat jumps it sleeps", ["0s-2s", "2s-"]),
        ("[0s-2s: A cat jumps], [2s-3s: then sleeps]. Soft light.", "A cat jumps, then sleeps. Soft light.", ["0s-2s", "2s-3s"]),
        ("[0:05: A cat jumps]", "A cat jumps", ["5s-"]),
        ("[0%:40%: A cat jumps]", "A cat jumps", ["0%-40%"]),
        ("[3s: The cat says: hello]", "The cat says: hello", ["3s-"]),
        ("[cinematic] [0:40%] A cat jumps", "[cinematic] A cat jumps", ["0%-40%"]),
        ("[0s:2s] A cat jumps\n[50%:] The cat  sleeps\n", "A cat jumps. The cat sleeps", ["0s-2s", "50%-"]),
        ("[0s:3s] A cat jumps [1s:2s] it purrs", "A cat jumps it purrs", ["0s-3s", "1s-2s"]),
    ],
)  # fmt: skip
def test_headers_and_sections(text: str, prompt: str, due: list[str]) -> None:
    plan = read(text)
    assert plan.prompt == prompt
    assert segments(plan) == due


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[O:40%] A cat jumps", "[O:40%]"),
        ("[start:40%] A cat jumps", "[start:40%]"),
        ("[0%..40%] A cat jumps", "[0%..40%]"),
        ("[0%,40%] A cat jumps", "[0%,40%]"),
        ("[0x:40x] A cat jumps", "[0x:40x]"),
        ("[0% to 40%] A cat jumps", "[0% to 40%]"),
        ("[from 2s to 4s] A cat jumps", "[from 2s to 4s]"),
        ("[2s] A cat jumps", "one time only; write [2s:]"),
        ("[0:05] A cat jumps", "'[0:05]' can be read in two ways"),
        ("[10:40%] A cat jumps", "'[10:40%]' mixes units"),
        ("[0s:40%] A cat jumps", "'[0s:40%]' mixes units"),
        ("[-2s:4s] A cat jumps", "begins before the clip"),
        ("[40%:10%] A cat jumps", "'[40%:10%]': a segment must end after its start"),
        ("[0:140%] A cat jumps", "'[0:140%]': a segment lies between 0 % and 100 %"),
        ("[0:9999999s] A cat jumps", "'[0:9999999s]' is too large"),
        ("[0:40%] [40%:] A cat jumps", "no text follows the timing '[0:40%]'"),
        ("[0:40% A cat jumps", "a bracket on one side only"),
        ("0:40%] A cat jumps", "'0:40%]' has a bracket on one side only"),
        ("[[0:40%]] A cat jumps", "a square bracket is left over"),
        ("(0:40%) A cat jumps", "'(0:40%)' is not in square brackets"),
        ("{0s-2s} A cat jumps", "neither JSON nor YAML"),
        ("A cat jumps (0s-2s)", "'(0s-2s)' is not in square brackets"),
        ("[0s: A cat jumps] [50%: it sleeps]", "lasts until '[50%: it sleeps]', which is in another unit"),
        ("[40%:] A cat jumps [0:40%] it sleeps", "must ascend"),
    ],
)
def test_nearly_right_is_an_error_that_names_it(text: str, named: str) -> None:
    if "ascend" in named:  # told out of order is put into order
        assert segments(read(text)) == ["0%-40%", "40%-"]
        return
    with pytest.raises(PlanError) as refused:
        read(text)
    assert named in str(refused.value)


def test_what_is_written_is_what_the_other_tools_read() -> None:
    plan = read("A kitchen. [0s:2s] A cat jumps, [2s:] then sleeps")
    assert write(plan, "inline") == "A kitchen. [0s:2s] A cat jumps, [2s:] then sleeps\n"
    assert write(plan, "sections") == "A kitchen. [0s-2s: A cat jumps,] [2s: then sleeps]\n"
    assert write(read("[10f:40f] A cat jumps"), "inline") == "[10:40] A cat jumps\n"
    assert write(read("[0:33.3%] A cat jumps"), "inline") == "[0%:33.3%] A cat jumps\n"
