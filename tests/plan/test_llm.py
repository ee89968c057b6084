"""Plans by a language model: scripted replies of a local server that speaks the protocol, and a real server at the end."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.scripted import Scripted, completion, scripted
from tests.plan.serving import nonsense, served
from tsattn.errors import ChatError, PlanError, PlannerError, PlanWarning
from tsattn.plan import Segment
from tsattn.plan.chat import Endpoint
from tsattn.plan.llm import TEMPLATE, LLMPlanner, cache_folder, read_answer

PROMPT = "A cat jumps while\n a dog barks, then the cat jumps again"
KEY = "sk-secret-0123456789"
GOOD: list[dict[str, Any]] = [
    {
        "words": "cat",
        "occurrence": 1,
        "events": [
            {"words": "jumps", "occurrence": 1, "start": 0, "end": 40},
            {"words": "jumps again", "occurrence": 1, "start": 40, "end": 100},
        ],
    },
    {"words": "dog", "occurrence": 1, "events": [{"words": "barks", "occurrence": 1, "start": 0, "end": 40}]},
]


def answer(subjects: list[dict[str, Any]]) -> str:
    return json.dumps({"subjects": subjects})


def with_event(**changes: Any) -> list[dict[str, Any]]:
    event = {"words": "barks", "occurrence": 1, "start": 0, "end": 100, **changes}
    return [{"words": "dog", "occurrence": 1, "events": [event]}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    with scripted(monkeypatch) as made:
        yield made


def planner(server: Scripted, cache: Path | None = None, **options: Any) -> LLMPlanner:
    again = {"ask_again": options.pop("ask_again", False)}
    endpoint = {"model": "m", "base_url": server.address, "timeout": 20.0, "retries": 0, **options}
    return LLMPlanner(endpoint=Endpoint(**endpoint), cache=cache, **again)


def test_the_words_of_a_good_answer_are_found_in_the_prompt(server: Scripted) -> None:
    server.script = [completion(answer(GOOD))]
    plan, seconds, cached = planner(server).plan(PROMPT)
    cat, dog = plan.subjects
    assert (cat.text, cat.span) == ("cat", (2, 5))
    assert [event.span for event in cat.events] == [(6, 11), (45, 56)]
    assert [event.segment for event in cat.events] == [Segment(start=0, end=0.4), Segment(start=0.4, end=1)]
    assert [event.text for event in dog.events] == ["barks"]
    assert not cached
    assert 0 < seconds < 20
    (asked,) = server.asked
    assert asked["model"] == "m"
    assert PROMPT in asked["messages"][0]["content"]
    assert asked["response_format"]["json_schema"]["strict"]
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{answer(GOOD)}\n```",
        f"<think>first {{a}}, then {{b}}</think>Here it is: {answer(GOOD)} Good luck!",
        json.dumps({"subjects": GOOD}, indent=4),
    ],
)
def test_an_answer_may_be_wrapped(text: str) -> None:
    assert read_answer(PROMPT, text) == read_answer(PROMPT, answer(GOOD))


INVALID = [
    ("", r"should be a JSON object, but is ''"),
    ("I am sorry, I cannot do that", r"should be a JSON object, but is 'I am sorry, I cannot do that'"),
    (answer(GOOD)[:-9] + "}", r"the JSON object is invalid"),
    ('{"subjects": ' + "[" * 10**5 + "}", r"the JSON object is invalid"),
    ('{"subjects": [{"words": "cat", "events": []}]}', r"invalid at subjects\.0\.occurrence: Field required"),
    (json.dumps({"subjects": GOOD, "notes": ""}), r"invalid at notes: Extra inputs"),
    (answer([]), r"subjects: .* at least 1 item"),
    (answer([{**GOOD[1], "events": []}]), r"events: .* at least 1 item"),
    (answer([GOOD[1], GOOD[1]]), r"'dog' .* twice"),
    (answer(with_event(words="barked")), r"the words 'barked' do not stand in the prompt"),
    (answer(with_event(words="bark")), r"the words 'bark' do not stand"),
    (answer(with_event(words="Barks")), r"the words 'Barks' do not stand"),
    (answer(with_event(words=" ")), r"the words ' ' do not stand"),
    (answer(with_event(occurrence=2)), r"stand in the prompt 1 time, so there is no occurrence 2"),
    (answer(with_event(occurrence=0)), r"no occurrence 0"),
    (answer(with_event(end=0.5)), r"percent of the clip, .* but the last end is 0\.5"),
    (answer(with_event(end=120)), r"between 0 % and 100 % of the clip, but got 0%-120%"),
    (answer(with_event(start=50, end=50)), r"must end after its start"),
    (answer(with_event(start=-5)), r"cannot start before the clip"),
    (answer(with_event(start=0)).replace("100", "NaN"), r"invalid"),
    (answer([{**GOOD[0], "events": GOOD[0]["events"][::-1]}]), r"must ascend"),
]


@pytest.mark.parametrize(("text", "reason"), INVALID)
def test_an_invalid_answer_is_sent_back_once_with_what_was_wrong(server: Scripted, text: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        read_answer(PROMPT, text)
    server.script = [completion(text), completion(answer(GOOD))]
    assert len(planner(server).plan(PROMPT).plan.subjects) == 2
    first, again, repair = server.asked[1]["messages"]
    assert first == server.asked[0]["messages"][0]
    assert (again["role"], again["content"]) == ("assistant", text[:4000])
    assert repair["role"] == "user"

    server.script, server.asked = [completion(text)], []
    with pytest.raises(
        PlannerError, match=rf"(?s)m gave no valid plan, and none either when told what was wrong: .*{reason}"
    ):
        planner(server).plan(PROMPT)
    assert len(server.asked) == 2


def test_an_answer_that_was_cut_off_says_so(server: Scripted) -> None:
    server.script = [completion(answer(GOOD)[:50], finish_reason="length")]
    with pytest.raises(PlannerError, match="cut off at the model's limit of tokens"):
        planner(server).plan(PROMPT)


def test_the_key_is_neither_logged_nor_kept(server: Scripted, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = [completion(answer(GOOD))]
    made = planner(server, cache=tmp_path)
    made.plan(PROMPT)
    assert caplog.records
    assert KEY not in caplog.text + repr(made) + "".join(path.read_text() for path in tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [(" \n", "the prompt is empty"), ("A cat \ud800", "not valid text"), ("x " * 10**5, "characters")],
)
def test_bad_prompts_are_refused_before_anything_is_asked(server: Scripted, prompt: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        planner(server).plan(prompt)
    assert not server.asked


def test_plans_are_kept_by_prompt_model_and_address(server: Scripted, tmp_path: Path) -> None:
    server.script = [completion(answer(GOOD))]
    first = planner(server, tmp_path).plan(PROMPT)
    again = planner(server, tmp_path).plan(PROMPT)
    assert (again.plan, again.cached) == (first.plan, True)
    assert len(server.asked) == 1
    assert len(list(tmp_path.iterdir())) == 1
    assert not planner(server, tmp_path).plan(PROMPT + "!").cached
    assert not planner(server, tmp_path, model="other").plan(PROMPT).cached
    assert not planner(server, tmp_path, base_url=server.address + "/").plan(PROMPT).cached
    assert not planner(server, None).plan(PROMPT).cached
    assert len(server.asked) == 5

    server.script = [completion(answer(GOOD[:1]))]
    assert planner(server, tmp_path).plan(PROMPT) != planner(server, tmp_path, ask_again=True).plan(PROMPT)
    assert len(planner(server, tmp_path).plan(PROMPT).plan.subjects) == 1


def test_a_new_question_forgets_old_answers(server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = [completion(answer(GOOD))]
    planner(server, tmp_path).plan(PROMPT)
    monkeypatch.setattr("tsattn.plan.llm.Template", lambda text: type("T", (), {"substitute": lambda *_, **__: "new"}))
    assert not planner(server, tmp_path).plan(PROMPT).cached


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[]", b'{"prompt": "another", "subjects": []}', None])
def test_a_spoilt_file_is_asked_again(server: Scripted, tmp_path: Path, content: bytes | None) -> None:
    server.script = [completion(answer(GOOD))]
    plan = planner(server, tmp_path).plan(PROMPT).plan
    (path,) = tmp_path.iterdir()
    other = plan.model_copy(update={"prompt": plan.prompt + "!"}).model_dump_json().encode()
    path.write_bytes(other if content is None else content)
    assert planner(server, tmp_path).plan(PROMPT) == (plan, pytest.approx(0, abs=20), False)
    assert planner(server, tmp_path).plan(PROMPT).cached


def test_a_failure_is_not_kept(server: Scripted, tmp_path: Path) -> None:
    server.script = [completion("?")]
    with pytest.raises(PlannerError):
        planner(server, tmp_path).plan(PROMPT)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_said(server: Scripted, tmp_path: Path) -> None:
    server.script = [completion(answer(GOOD))]
    (tmp_path / "file").touch()
    with pytest.warns(PlanWarning, match="cannot be kept in"):
        assert not planner(server, tmp_path / "file" / "deeper").plan(PROMPT).cached


@pytest.mark.parametrize("package", ["openai", "platformdirs"])
def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ChatError, match=r"pip install 'tsattn\[llm\]'"):
        LLMPlanner(endpoint=Endpoint(model="m")).plan(PROMPT)


def test_the_cache_is_the_users() -> None:
    assert cache_folder().parts[-2:] == ("tsattn", "llm-plans")


def test_importing_it_does_not_import_the_client() -> None:
    code = "import sys, tsattn.plan.llm; assert not {'openai', 'platformdirs'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_answer_to_any_prompt_is_a_plan_or_a_plan_error(prompt: str, text: str) -> None:
    for given_text in (text, answer(with_event(words=text)), answer([{**GOOD[1], "words": text}])):
        try:
            plan = read_answer(prompt, given_text)
        except PlanError:
            continue
        assert all(prompt[slice(*event.span)] == event.text for subject in plan.subjects for event in subject.events)


WORDS = st.lists(
    st.sampled_from(["cat", "cats", "bobcat", "a", "Cat", "cat-like", "naps,", "\u00fcber"]), min_size=1, max_size=9
)


@given(WORDS, st.data())
def test_occurrences_count_whole_words(words: list[str], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(words) - 1))
    wanted = words[k].strip(",")
    nth = sum(word.strip(",") == wanted or (wanted == "cat" and word == "cat-like") for word in words[: k + 1])
    prompt = " ".join(words)
    subjects = [{"words": wanted, "occurrence": nth, "events": with_event(words=wanted, occurrence=nth)[0]["events"]}]
    assert read_answer(prompt, answer(subjects)).subjects[0].span[0] == len("".join(word + " " for word in words[:k]))


@pytest.mark.parametrize("words", ["跳起来", "猫", "개가", "가"])
def test_scripts_that_join_words_are_searched_inside(words: str) -> None:
    prompt = "一只猫跳起来，개가 가"
    subjects = [{"words": "猫", "occurrence": 1, "events": with_event(words=words)[0]["events"]}]
    assert read_answer(prompt, answer(subjects)).subjects[0].events[0].text == words


def test_the_example_in_the_question_is_a_valid_answer() -> None:
    from importlib import resources

    text = resources.files("tsattn.plan").joinpath(TEMPLATE).read_text(encoding="utf-8")
    example = " ".join(text.partition("For the prompt ")[2].partition("$prompt")[0].split())
    prompt, _, rest = example.removeprefix('"').partition('" the answer is ')
    plan = read_answer(prompt, rest.partition(" The prompt stands")[0])
    assert [len(subject.events) for subject in plan.subjects] == [2, 2]


def test_the_docs_run(server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    page = (Path(__file__).parents[2] / "docs" / "llm-planner.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("http://localhost:8000/v1", server.address)
    event = {"words": "naps", "occurrence": 1, "start": 0, "end": 100}
    server.script = [completion(answer([{"words": "cat", "occurrence": 1, "events": [event]}]))]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["plan"].subjects[0].events[0].text == "naps"


@pytest.mark.slow
def test_a_real_server_with_a_model_that_talks_nonsense_ends_in_the_clear_error(
    server: Scripted, tmp_path: Path
) -> None:
    model = nonsense(tmp_path / "model")
    with served(model) as address:
        with pytest.raises(PlannerError, match="gave no valid plan, and none either when told what was wrong"):
            planner(server, base_url=address, model=str(model), timeout=120.0).plan(PROMPT)
        with pytest.raises(ChatError, match="could not answer .*pinned to"):
            planner(server, base_url=address, model="another", timeout=120.0).plan(PROMPT)
