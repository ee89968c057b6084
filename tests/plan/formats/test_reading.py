"""Whatever is read becomes a plan or an error of ours that names the place, in little time and memory."""

from __future__ import annotations

import json
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.formats.conftest import EXAMPLES
from tsattn.errors import PlanError, PlanWarning
from tsattn.plan import Event, Plan, Segment, Subject, read, write
from tsattn.plan.formats import FORMATS, authors, form_of, relay, scope
from tsattn.plan.formats.document import LARGEST_FILE
from tsattn.plan.schema import validated

KEYS = [
    *(field for part in (Plan, Subject, Event, Segment) for field in part.model_fields),
    *relay.KEYS, *scope.KEYS, *scope.BESIDE, *authors.KEYS, "weight", "0", "40", "x",
]  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["A cat jumps", "cat", "jumps", "0%-40%", "[0.6, 0.4]", "seconds", "a | b"]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


def no_parser(prompt: str) -> Plan:
    """In place of the parser of sentences, which has tests of its own."""
    raise PlanError("found no timing")


def outcome(source: str | Path) -> Plan | str:
    """The plan that comes of it, or what our error says; anything else is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlanWarning)
        try:
            return read(source, plain=no_parser)
        except PlanError as error:
            return str(error)


def is_sound(found: Plan | str) -> bool:
    """Whether it is a plan that can be kept, or an error that says something on less than a screen."""
    if isinstance(found, Plan):
        return read(write(found, "json")) == found
    return 0 < len(found) < 3000


def test_the_docs_show_every_format_and_each_is_told_by_its_content(example: tuple[str, str], tmp_path: Path) -> None:
    name, text = example
    (tmp_path / "plan").write_text(text, encoding="utf-8")
    assert form_of(tmp_path / "plan") == name
    assert read(text) == read(tmp_path / "plan") == read(str(tmp_path / "plan"))
    assert EXAMPLES.keys() == FORMATS.keys()


def test_a_sentence_is_parsed_and_an_own_parser_may_do_it(tmp_path: Path) -> None:
    assert read("A cat jumps, then sleeps").subjects[0].text == "cat"
    plan = read(EXAMPLES["yaml"])
    assert read("what ever", plain=lambda prompt: plan) is plan
    (tmp_path / "prompt.txt").write_text("A cat jumps, then sleeps\n", encoding="utf-8")
    assert read(tmp_path / "prompt.txt").prompt == "A cat jumps, then sleeps"
    assert form_of(tmp_path / "prompt.txt") is None


@given(st.text() | st.text(alphabet="[]()0123456789:%s-. |aA{}\",'\n"))
def test_any_text(text: str) -> None:
    assert is_sound(outcome(text))


@given(documents)
def test_any_document(document: Any) -> None:
    assert is_sound(outcome(json.dumps(document)))
    assert is_sound(outcome(yaml.safe_dump(document)))


@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.text(max_size=3) | st.sampled_from(list("[]{}:,|%s\"'-0& *!"))), max_size=4),
)  # fmt: skip
def test_examples_with_something_cut_out_or_put_in(name: str, edits: list[tuple[float, int, str]]) -> None:
    text = EXAMPLES[name]
    for where, cut, put in edits:
        at = int(where * len(text))
        text = text[:at] + put + text[at + cut :]
    assert is_sound(outcome(text))


@given(st.binary(max_size=200), st.sampled_from(["plan", "plan.yaml", "plan.json", "plan.txt"]))
def test_any_file(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        assert is_sound(outcome(path))


def _long() -> dict[str, str]:
    """Inputs of almost the largest size that ask for much time or memory."""
    size, prompt = LARGEST_FILE - 1000, 19_900
    event = {"text": "c"}
    return {
        "brackets": "[" * size,
        "nested json": '{"a":' * (size // 5),
        "nested lists": "a: " + "[" * size,
        "nested yaml": "prompt:\n" + "".join(" " * k + "-\n" for k in range(1000)),
        "a number": '{"prompt": ' + "9" * size + "}",
        "base 60": "prompt: a\nx: " + "1:" * (size // 2) + "1",
        "aliases": "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nprompt: [*b,*b,*b,*b]",
        "many keys": "{" + ",".join(f'"k{k}": 1' for k in range(70_000)) + "}",
        "many frames": "{" + ",".join(f'"{k}": "a"' for k in range(70_000)) + "}",
        "many events": json.dumps({"prompt": "a" * 19_000 + "b c", "subjects": [{"text": "b", "events": [event] * 50_000}]}),
        "many texts": json.dumps({"local_prompts": ["A"] * 190_000}),
        "many entries": json.dumps([{"startTime": 0, "endTime": 1, "text": "a b"}] * 18_000),
        "nested shares": json.dumps({"prompt": "a b", "subject": "a", "motion": ["b"], "event_range": "[" * 400_000}),
        "quotes": "prompt: '" + "'" * size,
        "comments": "prompt: a\n" + "#\n" * (size // 2),
        "headers": "[0:1%]a" * (prompt // 7),
        "sections": "[0s-1s: the a b]" * (prompt // 16),
        "spaces in brackets": "[a:1" + " " * prompt + "x]",
        "digits in brackets": "[0:" + "9" * prompt + "%] a",
        "signs in front of a bracket": "x1" * (prompt // 2) + "]",
        "bars": " | ".join(f"a dog{k} runs" for k in range(1200)),
    }  # fmt: skip


@pytest.mark.parametrize("name", _long())
def test_large_input_takes_neither_much_time_nor_much_memory(name: str) -> None:
    text = _long()[name]
    tracemalloc.start()
    began = time.process_time()
    try:
        found = outcome(text)
        seconds = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 60, (
        "a few seconds on an idle machine without memory tracing; this bound only catches what does not end"
    )
    assert peak < 100 * LARGEST_FILE
    assert is_sound(found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text: byte 0xff at position 0"),
        (b"prompt: caf\xe9", "is not UTF-8 text: byte 0xe9 at position 11"),
        (b"x" * (LARGEST_FILE + 1), f"is larger than {LARGEST_FILE} bytes"),
        (b"", "a plan is a mapping, but this is None"),
        (b"{", "neither JSON nor YAML"),
        (
            b"prompt: a\n  b: c",
            "neither JSON nor YAML: mapping values are not allowed in this context (line 2, column 4)",
        ),
        (b'{"prompt": "a",\n "subjects": [}', "neither JSON nor YAML: Expecting value (line 2, column 15)"),
        (b"- !!python/object:os.system {}", "line 1: a plan may not use YAML tags"),
        (b"prompt: &p a\nsubjects: *p", "line 1: a plan may not use YAML anchors (&) and aliases (*)"),
        (b"prompt: a\nprompt: b", "line 2: the key 'prompt' is there twice"),
        (b'{"prompt": "a", "prompt": "b"}', "the key 'prompt' is there twice"),
        (b'{"prompt": NaN}', "NaN is no number"),
        (b"[1]: a", "line 1: [1] cannot be a key"),
        (b"[" * 100, "nested too deeply"),
        (b'{"prompt": "A cat jumps", "subjets": []}', "did you mean 'subjects'?"),
        (b"prompt: [1]", "prompt: Input should be a valid string"),
        (b"subjects: 3", "prompt: is missing"),
        (b"{}", "its keys (none) are those of no format"),
        (b"[1, 2]", "a plan is a mapping, but this is [1, 2]"),
        (b"---\na: 1\n---\nb: 2", "found another document (line 3, column 1)"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
def test_a_broken_file_is_named_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError) as refused:
        Plan.load(path)
    assert str(refused.value).startswith(str(path))
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", ["nowhere.json", "nowhere.yaml", "."])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    for source in (tmp_path / name, str(tmp_path / name)):
        with pytest.raises(PlanError, match=rf"cannot read the plan {tmp_path / name}"):
            read(source)


def test_yaml_has_no_dates_and_no_words_for_yes() -> None:
    plan = read("prompt: no 2024-13-45 1:30\nsubjects:\n- {text: no, events: [{text: 2024-13-45, segment: 0:01-0:02}]}")
    assert plan.subjects[0].events[0].text == "2024-13-45"


@pytest.mark.parametrize(
    "prompt", ["0E0", "1e5", "no", "null", "true", "2024-01-01", "1:30", "0x10", "~", "12", ".5", "=", "<<"]
)
def test_words_that_yaml_may_take_for_something_else_stay_words(prompt: str) -> None:
    plan = validated({"prompt": prompt, "subjects": [{"text": prompt, "events": [{"text": prompt}]}]})
    text = write(plan, "yaml")
    assert read(text) == plan
    assert yaml.safe_load(text)["prompt"] == prompt


def test_json_may_hold_what_yaml_does_not() -> None:
    plan = read(
        json.dumps(
            {"prompt": "A \x7f\U0001f431 jumps", "subjects": [{"text": "\U0001f431", "events": [{"text": "jumps"}]}]}
        )
    )
    assert plan.prompt == "A \x7f\U0001f431 jumps"


@pytest.mark.parametrize(
    "prompt", ["Style: film noir. A cat jumps", "[cinematic] A cat jumps", "A cat jumps (slowly)", "Note: a cat jumps"]
)
def test_a_prompt_with_signs_of_its_own_is_a_prompt(prompt: str) -> None:
    with pytest.raises(PlanError, match="found no timing"):
        read(prompt, plain=no_parser)
