"""Judging by a server that does all that servers do: what is asked, kept, and called unscored, and why."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.storyeval.making import KEY, is_scoring, item, make_video, sensible, short, text_of, verdict
from tests.plan.scripted import Scripted, completion, scripted
from tests.plan.serving import nonsense, served
from tsattn.errors import AccessError, ChatError
from tsattn.evaluate.storyeval.cost import Budget, Call, LimitReached, Price, preview
from tsattn.evaluate.storyeval.frames import inspect, key_frames
from tsattn.evaluate.storyeval.items import Video
from tsattn.evaluate.storyeval.judges import EndpointJudge
from tsattn.evaluate.storyeval.judging import FAILURES, Case, Judging, prepare
from tsattn.evaluate.storyeval.protocol import GPT4O, Protocol
from tsattn.evaluate.storyeval.rounds import Output
from tsattn.evaluate.storyeval.store import Store
from tsattn.plan.chat import Endpoint

DESCRIPTION = completion("A cat does things.")
BUSY = (429, {"error": {"message": "slow down"}}, {"retry-after": "0.01"})
BROKEN = (500, b"oops", {"retry-after": "0.01"})
TRUNCATED = (200, b'{"id": "1", "choices": [{"mess', {"content-length": "9999", "retry-after": "0.01"})
FILTERED = (400, {"error": {"message": f"no {KEY}", "code": "content_filter"}}, {})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("TSATTN_API_KEY", KEY)
    with scripted(monkeypatch) as made:
        yield made


@pytest.fixture
def video(tmp_path: Path) -> Video:
    return Video(item(), make_video(tmp_path / "videos" / item().name))


def judged(
    server: Scripted, folder: Path, videos: list[Video], protocol: Protocol | None = None, budget: Budget | None = None,
    ask_again: bool = False, **options: Any,
) -> list[list[Output]]:  # fmt: skip
    """The outcome of judging, also where it stopped with the error in `options["stops"]`."""
    protocol = protocol or short()
    stops, at_once = options.pop("stops", None), options.pop("at_once", 3)
    per_minute = options.pop("per_minute", None)
    endpoint = Endpoint(model="m", base_url=server.address, **{"timeout": 20.0, "retries": 1, **options})
    cases = [prepare(one, "m", protocol) for one in videos]
    with Store(folder) as store, EndpointJudge(endpoint, at_once=at_once, per_minute=per_minute) as judge:
        judging = Judging(cases, protocol, store)
        if ask_again:
            judging.ask_again()
        if stops:
            with pytest.raises(stops):
                judging.run(judge, budget or Budget(None, None))
        else:
            judging.run(judge, budget or Budget(None, None))
        return [judging.outcome(case) for case in cases]


def test_a_round_is_a_description_and_then_a_verdict(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [DESCRIPTION, verdict(1, 0)]
    ((output,),) = judged(server, tmp_path, [video])
    assert output == Output(0, [1, 0], "A cat does things.", "Reasons.\n[COMPLETE_LIST]: 1, 0")
    describing, scoring = server.asked
    assert not is_scoring(describing)
    assert "A cat does things." in text_of(scoring)
    for asked in server.asked:
        assert (asked["model"], asked["seed"], asked["max_tokens"]) == ("m", 0, 2000)
        assert "temperature" not in asked
        pictures = asked["messages"][0]["content"][1:]
        assert len(pictures) == 4
        assert all(part["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/") for part in pictures)


def test_every_round_asks_anew_with_its_own_seed(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [sensible]
    (outputs,) = judged(server, tmp_path, [video], GPT4O)
    assert [output.round for output in outputs] == [0, 1, 2]
    assert all(len(output.completion) == 2 for output in outputs)
    assert sorted(asked["seed"] for asked in server.asked) == [0, 0, 1, 1, 2, 2]


SCRIPTS: list[tuple[list[Any], list[int], str | None, int]] = [
    ([DESCRIPTION, verdict(1), verdict(1, 1)], [1, 1], None, 3),
    ([DESCRIPTION, completion("?"), verdict(1, 2), verdict(0, 1)], [0, 1], None, 4),
    ([DESCRIPTION, verdict(1)], [], r"no verdict: 3 replies without a list of 2 numbers 0 or 1, the last has another one", 4),
    ([DESCRIPTION, completion("so", finish_reason="length")], [], r"no verdict: .*is cut off at its limit of tokens", 4),
    ([DESCRIPTION, completion("Fine.")], [], r"no verdict: .*has no such list", 4),
    ([BUSY, DESCRIPTION, BUSY, verdict(1, 0)], [1, 0], None, 4),
    ([BROKEN, DESCRIPTION, BROKEN, verdict(1, 0)], [1, 0], None, 4),
    ([TRUNCATED, DESCRIPTION, TRUNCATED, verdict(1, 0)], [1, 0], None, 4),
    ([DESCRIPTION, BUSY], [], r"judge failed: .* takes no more requests for now in 2 attempts", 3),
    ([DESCRIPTION, BROKEN], [], r"judge failed: .* could not answer in 2 attempts \(500: 'oops'\)", 3),
    ([DESCRIPTION, TRUNCATED], [], r"judge failed: cannot reach .* in 2 attempts", 3),
    ([DESCRIPTION, b"<html>"], [], r"judge failed: .* does not speak the protocol", 2),
    ([DESCRIPTION, FILTERED], [], r"refused: a content filter of \S+ refuses this prompt \(400: 'no \*\*\*'\)", 2),
    ([FILTERED], [], r"refused: a content filter", 1),
    ([completion(None, refusal="I will not")], [], r"refused: m refuses this prompt: 'I will not'", 1),
    ([DESCRIPTION, completion("", finish_reason="content_filter")], [], r"refused: a content filter of", 2),
    ([completion("")], [], r"no description: 3 replies without a text", 3),
    ([completion(" "), DESCRIPTION, verdict(1, 0)], [1, 0], None, 3),
    ([completion("Text says [COMPLETE_LIST]: 1, 1"), completion("It quotes (list): 1, 1")], [], "no verdict", 4),
    (
        [completion("Text says [COMPLETE_LIST]: 1, 1"), verdict(0, 0, before="A quote, [COMPLETE_LIST]: 1, 1.")],
        [0, 0],
        None,
        2,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("script", "completion_list", "unscored", "asked"), SCRIPTS)
def test_what_a_server_does_and_what_comes_of_it(
    server: Scripted, tmp_path: Path, video: Video, script: list[Any], completion_list: list[int], unscored: str | None,
    asked: int,
) -> None:  # fmt: skip
    server.script = list(script)
    ((output,),) = judged(server, tmp_path, [video])
    assert output.completion == completion_list
    if unscored is None:
        assert output.unscored is None
    else:
        assert re.match(unscored, str(output.unscored)), output.unscored
    assert len(server.asked) == asked


def test_a_server_that_is_silent_is_not_waited_for(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [DESCRIPTION, 30.0, verdict(1, 1)]
    ((output,),) = judged(server, tmp_path, [video], timeout=0.3, retries=0)
    assert re.match(r"judge failed: \S+ did not answer within 0\.3 s", str(output.unscored))


def test_a_description_that_failed_is_never_scored(server: Scripted, tmp_path: Path, video: Video) -> None:
    for reply in (FILTERED, BROKEN, completion(""), completion("<think>hm")):
        server.script = [reply]
        judged(server, tmp_path / str(len(server.asked)), [video], retries=0)
    assert not any(map(is_scoring, server.asked))


def test_only_what_has_no_answer_is_asked_when_judged_again(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [sensible]
    first = judged(server, tmp_path, [video], GPT4O)
    assert judged(server, tmp_path, [video], GPT4O) == first
    assert len(server.asked) == 6
    more = judged(server, tmp_path, [video], short(repeats=4))
    assert more[0][:3] == first[0]
    assert len(server.asked) == 8
    make_video(video.path, seed=5)
    judged(server, tmp_path, [video], GPT4O)
    assert len(server.asked) == 14, "another video was judged"


def test_a_failure_is_asked_again_but_a_reply_is_only_where_wanted(
    server: Scripted, tmp_path: Path, video: Video
) -> None:  # fmt: skip
    server.script = [DESCRIPTION, BROKEN]
    judged(server, tmp_path, [video], retries=0)
    server.script = [completion("?")]
    ((output,),) = judged(server, tmp_path, [video])
    assert str(output.unscored).startswith("no verdict")
    assert len(server.asked) == 2 + 3, "the description is kept"
    server.script = [DESCRIPTION, verdict(1, 1)]
    assert judged(server, tmp_path, [video]) == [[output]]
    ((output,),) = judged(server, tmp_path, [video], ask_again=True)
    assert output.completion == [1, 1]


def test_asking_again_keeps_what_an_outage_left_unfinished(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [DESCRIPTION, BROKEN]
    judged(server, tmp_path, [video], retries=0)
    server.script = [verdict(1, 1)]
    ((output,),) = judged(server, tmp_path, [video], ask_again=True)
    assert (output.completion, output.description) == ([1, 1], "A cat does things.")
    assert len(server.asked) == 3


def test_what_is_to_be_asked_again_is_counted_at_once_and_given_up_only_by_the_run(
    server: Scripted, tmp_path: Path, video: Video
) -> None:  # fmt: skip
    server.script = [DESCRIPTION, completion("?")]
    ((output,),) = judged(server, tmp_path, [video])
    case = prepare(video, "m", short())
    with Store(tmp_path) as store:
        judging = Judging([case], short(), store)
        assert not judging.calls() and not judging.unfinished()
        judging.ask_again()
        likely, most = preview(judging.calls(), None)
        assert (likely.calls, most.calls, judging.unfinished()) == (2, 6, [case])
        assert judging.outcome(case) == [output]
        assert Judging([case], short(), store).outcome(case) == [output]


def test_equal_videos_are_judged_once(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [sensible]
    twin = video._replace(path=make_video(tmp_path / "other" / video.item.name))
    first, second = judged(server, tmp_path, [video, twin])
    assert first == second
    assert len(server.asked) == 2


def test_videos_that_are_missing_or_broken_are_never_asked_about(
    server: Scripted, tmp_path: Path, video: Video
) -> None:
    spoilt = make_video(tmp_path / "spoilt.mp4", frames=24)
    spoil(spoilt)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    videos = [video._replace(path=path) for path in (tmp_path / "none.mp4", spoilt, text, tmp_path / ("x" * 300))]
    videos.append(video._replace(absent="its job failed"))
    server.script = [sensible]
    reasons = [str(outputs[0].unscored) for outputs in judged(server, tmp_path, videos)]
    assert reasons[0] == "missing video: there is no file none.mp4"
    assert reasons[1].startswith("unreadable video: spoilt.mp4 breaks off after")
    assert reasons[2].startswith("unreadable video: text.mp4 is no video")
    assert reasons[3].startswith("missing video")
    assert reasons[4] == "missing video: its job failed"
    assert not server.asked


def spoil(path: Path) -> None:
    """Cut a video off, so that it opens but cannot be decoded to its end."""
    path.write_bytes(path.read_bytes()[:-2000])


def test_a_video_that_cannot_be_decoded_is_found_out_once(server: Scripted, tmp_path: Path, video: Video) -> None:
    spoil(make_video(video.path, frames=24))
    first = judged(server, tmp_path, [video])
    case = prepare(video, "m", short())
    with Store(tmp_path) as store:
        judging = Judging([case], short(), store)
        assert [judging.outcome(case)] == first
        judging.ask_again()
        assert not judging.calls() and not judging.unfinished()
    server.script = [sensible]
    make_video(video.path, frames=24)
    assert judged(server, tmp_path, [video])[0][0].completion, "another file is another video"


def test_a_file_that_is_written_while_it_is_read_is_looked_at_again(
    server: Scripted, tmp_path: Path, video: Video
) -> None:
    make_video(video.path, frames=24)
    case, whole = prepare(video, "m", short()), video.path.read_bytes()
    spoil(video.path)
    endpoint = Endpoint(model="m", base_url=server.address)
    with Store(tmp_path) as store, EndpointJudge(endpoint) as judge:
        judging = Judging([case], short(), store)
        judging.run(judge, Budget(None, None))
        assert str(judging.outcome(case)[0].unscored).startswith("unreadable video")
    server.script = [sensible]
    video.path.write_bytes(whole)
    assert judged(server, tmp_path, [video])[0][0].completion


def key_frames_of(video: Video) -> str:
    """The first picture of a video that the judge is sent."""
    clip = inspect(video.path)
    return key_frames(video.path, clip, GPT4O.indices).data_urls[0]


def many(tmp_path: Path, count: int) -> list[Video]:
    return [Video(item(k), make_video(tmp_path / "videos" / item(k).name, seed=k)) for k in range(count)]


def test_a_key_that_is_refused_ends_it_at_once(server: Scripted, tmp_path: Path) -> None:
    server.script = [(401, {"error": {"message": f"bad {KEY}"}}, {})]
    outcome = judged(server, tmp_path, many(tmp_path, 9), stops=AccessError)
    assert len(server.asked) <= 3 + 3, "what was under way, and no more"
    assert {str(outputs[0].unscored).partition(":")[0] for outputs in outcome} == {"judge failed", "not asked"}


def test_a_server_that_only_fails_is_left_alone(server: Scripted, tmp_path: Path) -> None:
    server.script = [BROKEN]
    judged(server, tmp_path, many(tmp_path, 20), retries=0, stops=ChatError)
    assert FAILURES <= len(server.asked) <= FAILURES + 3


def test_videos_that_always_fail_block_no_others(server: Scripted, tmp_path: Path) -> None:
    """Whatever stands first, in the end all the rest is judged, and each of those that fail is tried about as often.

    One question at a time: a good reply that came between the failures of others would let the run go on.
    """
    videos = many(tmp_path, 14)
    rejected = FAILURES + 1

    def reply(asked: dict[str, Any]) -> Any:
        number = digests.index(asked["messages"][0]["content"][1]["image_url"]["url"])
        return BROKEN if number < rejected else sensible(asked)

    digests = [key_frames_of(video) for video in videos]
    server.script = [reply]
    for _ in range(3):
        outcome = judged(server, tmp_path, videos, retries=0, at_once=1, stops=ChatError)
    tried = Counter(asked["messages"][0]["content"][1]["image_url"]["url"] for asked in server.asked)
    assert [tried[digest] for digest in digests[:rejected]] == [3] * 9 + [2] * 2
    assert all(outputs[0].completion for outputs in outcome[rejected:])
    assert all(str(outputs[0].unscored).startswith("judge failed") for outputs in outcome[:rejected])


PRICE = Price(input=100.0, output=1000.0, frame_tokens=100)
"""1,000 tokens asked and 100 answered, as the server counts them, are 20 cents."""


def test_the_cost_stays_within_its_limit(server: Scripted, tmp_path: Path) -> None:
    server.script = [sensible]
    videos = many(tmp_path, 12)
    protocol = short(max_tokens=100)
    budget = Budget(PRICE, 2.0)
    outcome = judged(server, tmp_path, videos, protocol, budget=budget, stops=LimitReached)
    assert budget.spent <= 2.0
    assert len(server.asked) == pytest.approx(budget.spent / 0.2)
    reasons = {str(outputs[0].unscored) for outputs in outcome if outputs[0].unscored}
    assert reasons == {"not asked"}
    judged(server, tmp_path, videos, protocol, budget=Budget(PRICE, 9.0, budget.spent))
    assert len(server.asked) == 24, "what was paid for is not asked again"


def test_the_preview_is_what_is_then_asked(server: Scripted, tmp_path: Path) -> None:
    server.script = [sensible]
    videos = [*many(tmp_path, 3), Video(item(9), tmp_path / "none.mp4")]
    cases = [prepare(one, "m", GPT4O) for one in videos]
    with Store(tmp_path) as store:
        likely, most = preview(Judging(cases, GPT4O, store).calls(), PRICE)
    assert (likely.calls, likely.frames) == (3 * 3 * 2, 3 * 3 * 2 * 4)
    assert (most.calls, most.frames) == (3 * 3 * 6, 3 * 3 * 6 * 4)
    assert likely.dollars == pytest.approx((likely.tokens.asked * 100 + likely.tokens.answered * 1000) / 1e6)
    assert most.tokens.answered == most.calls * 2000
    judged(server, tmp_path, videos, GPT4O)
    assert len(server.asked) == likely.calls
    with Store(tmp_path) as store:
        left, _ = preview(Judging(cases, GPT4O, store).calls(), None)
    assert (left.calls, left.dollars) == (0, None)


def test_questions_keep_the_pace_they_are_given(server: Scripted, tmp_path: Path) -> None:
    paced(server, tmp_path, [sensible])
    assert server.times[-1] - server.times[0] >= 5 * 0.1 * 0.9


def test_questions_that_are_asked_again_keep_the_pace_too(server: Scripted, tmp_path: Path) -> None:
    paced(server, tmp_path, [BUSY, BROKEN, BUSY, sensible])
    gaps = [later - sooner for sooner, later in pairwise(sorted(server.times))]
    assert len(gaps) == 6 + 3 - 1
    assert sum(gaps) >= len(gaps) * 0.1 * 0.9


def test_an_interrupt_sends_none_of_the_questions_that_wait_for_their_turn(server: Scripted, tmp_path: Path) -> None:
    def interrupt(asked: dict[str, Any]) -> Any:
        time.sleep(0.5)  # until the others wait for their turn
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return sensible(asked)

    server.script = [interrupt, sensible]
    videos = many(tmp_path, 3)
    began = time.monotonic()
    outcome = judged(server, tmp_path, videos, stops=KeyboardInterrupt, per_minute=6)
    assert time.monotonic() - began < 10, "the second question would have been asked 10 s after the first"
    assert len(server.asked) == 1
    assert {str(outputs[0].unscored) for outputs in outcome} == {"not asked"}
    assert len(server.asked) + len(calls_left(tmp_path, videos)) == 6, "the reply that came is kept"
    server.script = [sensible]
    assert all(outputs[0].completion for outputs in judged(server, tmp_path, videos))


def calls_left(folder: Path, videos: list[Video]) -> list[Call]:
    with Store(folder) as store:
        return Judging([prepare(one, "m", short()) for one in videos], short(), store).calls()


def paced(server: Scripted, folder: Path, script: list[Any]) -> None:
    """Judge three videos at 600 requests a minute."""
    server.script = script
    cases = [prepare(one, "m", short()) for one in many(folder, 3)]
    endpoint = Endpoint(model="m", base_url=server.address, timeout=20.0)
    with Store(folder) as store, EndpointJudge(endpoint, at_once=3, per_minute=600) as judge:
        Judging(cases, short(), store).run(judge, Budget(None, None))


def test_servers_that_count_only_completion_tokens_are_asked_so(server: Scripted, tmp_path: Path, video: Video) -> None:
    refused = (400, {"error": {"message": "Unsupported: 'max_tokens', use 'max_completion_tokens' instead."}}, {})
    server.script = [refused, DESCRIPTION, verdict(1, 1)]
    ((output,),) = judged(server, tmp_path, [video])
    assert output.completion == [1, 1]
    assert [set(asked) & {"max_tokens", "max_completion_tokens"} for asked in server.asked] == [
        {"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"},
    ]  # fmt: skip


def test_no_file_ever_holds_the_key(server: Scripted, tmp_path: Path, video: Video) -> None:
    server.script = [completion(f"I saw {KEY}."), completion(f"{KEY}\n[COMPLETE_LIST]: 1, 1")]
    ((output,),) = judged(server, tmp_path, [video])
    assert output.description == "I saw ***."
    for script in ([FILTERED], [(500, KEY.encode(), {})], [(401, {"error": {"message": KEY}}, {})]):
        server.script = list(script)
        stops = AccessError if script[0][0] == 401 else None
        judged(server, tmp_path, [video._replace(item=item(script[0][0]))], retries=0, stops=stops)
    assert server.keys[0] == f"Bearer {KEY}"
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_a_case_is_told_by_all_that_matters(tmp_path: Path, video: Video) -> None:
    def key(case: Case) -> str:
        return case.judging

    base = key(prepare(video, "m", GPT4O))
    assert base == key(prepare(video._replace(item=video.item._replace(classes=())), "m", short()))
    others = [
        prepare(video, "n", GPT4O),
        prepare(video._replace(item=video.item._replace(events=("x", "y"))), "m", GPT4O),
        prepare(video._replace(item=video.item._replace(prompt="x")), "m", GPT4O),
        prepare(video, "m", short(temperature=0.5)),
        prepare(video._replace(path=make_video(tmp_path / "b.mp4", seed=3)), "m", GPT4O),
    ]
    assert len({base, *map(key, others)}) == 6


@pytest.mark.slow
def test_a_real_server_with_a_model_that_talks_nonsense_leaves_everything_unscored(
    server: Scripted, tmp_path: Path
) -> None:  # fmt: skip
    model, protocol = nonsense(tmp_path / "model"), short(max_tokens=24)
    cases = [prepare(one, str(model), protocol) for one in many(tmp_path, 3)]
    with served(model) as address, Store(tmp_path) as store:
        with EndpointJudge(Endpoint(model=str(model), base_url=address), at_once=2) as judge:
            judging = Judging(cases, protocol, store)
            judging.run(judge, Budget(None, None))
        outputs = [output for case in cases for output in judging.outcome(case)]
        assert store.tokens(str(model))[1] > 0, "the server counts tokens"
    assert len(outputs) == 3
    assert all(str(output.unscored).startswith("no verdict: 3 replies") for output in outputs)
    assert all(output.description for output in outputs)
