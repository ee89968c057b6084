"""Have videos judged: ask what is not answered yet, many questions at once, within a budget; then read off the outcome.

The store holds all that was said, so the outcome of a round is what `run_round` makes of it, at any time and without
asking anybody.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tsattn.errors import AccessError, ChatError, EvaluationError, RefusalError
from tsattn.evaluate.storyeval import protocol as rules
from tsattn.evaluate.storyeval.cost import TOKENS_OF_A_FRAME, TOKENS_OF_A_REPLY, Budget, Call, text_tokens
from tsattn.evaluate.storyeval.frames import Clip, KeyFrames, inspect, key_frames
from tsattn.evaluate.storyeval.items import Video
from tsattn.evaluate.storyeval.judges import Judge, Question, Stopped
from tsattn.evaluate.storyeval.rounds import SCORING, Output, Reason, Unscored, run_round
from tsattn.evaluate.storyeval.store import Place, Reply, Store
from tsattn.plan.chat import Usage

FAILURES = 10
"""Questions that fail one after another before no more are asked."""


class Case(NamedTuple):
    """A video to be judged: the hash of all that determines its judging, or why it cannot be judged."""

    video: Video
    judging: str
    clip: Clip | None
    unscored: Unscored | None


def prepare(video: Video, judge: str, protocol: rules.Protocol) -> Case:
    """Look at a video's file before anything is asked about it."""
    if video.absent or not _is_file(video):
        return Case(video, "", None, Unscored(Reason.MISSING, video.absent or f"there is no file {video.path.name}"))
    try:
        clip = inspect(video.path)
    except EvaluationError as error:
        return Case(video, "", None, Unscored(Reason.UNREADABLE, str(error)))
    facts = {
        "video": clip.digest,
        "prompt": video.item.prompt,
        "events": video.item.events,
        "judge": judge,
        "protocol": {**asdict(protocol), "repeats": None},  # more rounds build on those that there are
        "size": rules.SIZE,
        "questions": [rules.DESCRIBE, rules.SCORE],
    }
    return Case(video, hashlib.sha256(json.dumps(facts).encode()).hexdigest(), clip, None)


class _Unasked(Exception):
    """A replay came to a question that has no reply yet."""

    def __init__(self, step: str, ask: int) -> None:
        self.step, self.ask = step, ask


class Judging:
    """Cases, and what was said of them so far."""

    def __init__(self, cases: Iterable[Case], protocol: rules.Protocol, store: Store) -> None:
        self._protocol, self._store = protocol, store
        # one and the same video of two models is judged once
        self._open = list({case.judging: case for case in cases if case.unscored is None}.values())
        known = {case.judging: store.broken(case.judging) for case in self._open}
        self._broken = {judging: Unscored(Reason.UNREADABLE, why) for judging, why in known.items() if why}
        self._anew: set[tuple[str, int]] = set()

    def outcome(self, case: Case) -> list[Output]:
        """What the rounds of a case gave, as far as they went."""
        unscored = case.unscored or self._broken.get(case.judging)
        if unscored:
            return [Output(number, [], "", "", unscored) for number in range(self._protocol.repeats)]
        return [self._replayed(case, number) for number in range(self._protocol.repeats)]

    def ask_again(self) -> None:
        """Have the rounds asked anew that the judge's own replies left without a score.

        They count as still to be asked from now on, and their replies are given up when `run` begins.
        """
        self._anew = {
            (case.judging, output.round)
            for case in self._open
            for output in self.outcome(case)
            if output.unscored and not output.unscored.reason.is_outage
        }

    def calls(self) -> list[Call]:
        """What is still to be asked."""
        return [
            call for case in self._open for number in range(self._protocol.repeats) for call in self._left(case, number)
        ]

    def unfinished(self) -> list[Case]:
        """Cases about which something is still to be asked; those that failed come last, the latest failure at the end.

        So a run that stops at cases that always fail does not keep the next one from the others.
        """
        rounds = range(self._protocol.repeats)
        left = [case for case in self._open if any(self._left(case, number) for number in rounds)]
        return sorted(left, key=lambda case: self._store.latest_failure(case.judging))

    def run(self, judge: Judge, budget: Budget, on_video: Callable[[], None] = lambda: None) -> None:
        """Ask the judge, and call `on_video` after every video. All answers are kept, also where this raises.

        Raises `LimitReached` at the end of the budget, `AccessError` where the server will answer nothing, and `ChatError`
        where it fails again and again.
        """
        for judging, number in self._anew:
            self._store.ask_again(judging, number)
        self._anew = set()
        judge.stop.clear()
        asker = _Asker(judge, budget, self._protocol, self._store)
        pool = ThreadPoolExecutor(judge.at_once)
        try:
            for task in as_completed([pool.submit(self._judge_video, case, asker) for case in self.unfinished()]):
                task.result()
                on_video()
        finally:
            judge.stop.set()
            pool.shutdown(cancel_futures=True)

    def _judge_video(self, case: Case, asker: _Asker) -> None:
        if asker.judge.stop.is_set() or case.clip is None:
            return
        try:
            frames = key_frames(case.video.path, case.clip, self._protocol.indices)
        except EvaluationError as error:
            self._broken[case.judging] = Unscored(Reason.UNREADABLE, str(error))
            if _is_unchanged(case.video.path, case.clip):
                self._store.keep_broken(case.judging, str(error))
            return
        facts = {"video": str(case.video.path), "prompt": case.video.item.prompt, "judge": asker.judge.name}
        self._store.about(case.judging, {**facts, "questions": [rules.DESCRIBE, rules.SCORE]})
        for number in range(self._protocol.repeats):
            asker.judge_round(case, number, frames)

    def _replayed(self, case: Case, number: int) -> Output:
        try:
            return run_round(case.video.item, number, self._protocol, self._reading(case, number))
        except _Unasked:
            failure = self._store.last_failure(case.judging, number)
            unscored = Unscored(Reason.FAILED, failure) if failure else Unscored(Reason.NOT_ASKED, "")
            return Output(number, [], "", "", unscored)

    def _reading(self, case: Case, number: int) -> Callable[[str, int, str], Reply]:
        def read(step: str, k: int, text: str) -> Reply:
            reply = self._store.reply(Place(case.judging, number, step, k))
            if reply is None:
                raise _Unasked(step, k)
            return _unless_refused(reply)

        return read

    def _left(self, case: Case, number: int) -> Sequence[Call]:
        """What a round still has to ask."""
        assert case.clip is not None
        if case.judging in self._broken:
            return []
        asks, limit = self._protocol.asks, self._protocol.max_tokens
        try:
            anew = (case.judging, number) in self._anew
            run_round(case.video.item, number, self._protocol, _unasked if anew else self._reading(case, number))
        except _Unasked as unasked:
            frames = len(self._protocol.indices(case.clip.frames))
            describing, scoring = (
                text_tokens(rules.describe_question()),
                text_tokens(rules.score_question(case.video.item, "")),
            )
            to_score = Call(1, asks, frames, scoring + TOKENS_OF_A_REPLY, scoring + limit, limit)
            if unasked.step == SCORING:
                return [to_score._replace(most=asks - unasked.ask)]
            return [Call(1, asks - unasked.ask, frames, describing, describing, limit), to_score]
        return []


class _Asker:
    """Asks a judge what the store cannot answer, until the budget ends, nothing works any more, or the judge is stopped."""

    def __init__(self, judge: Judge, budget: Budget, protocol: rules.Protocol, store: Store) -> None:
        self.judge = judge
        self._budget, self._protocol, self._store = budget, protocol, store
        self._failed_in_a_row = 0
        self._lock = threading.Lock()

    def judge_round(self, case: Case, number: int, frames: KeyFrames) -> None:
        """Ask all that a round needs. A failure is kept as one, and not raised unless it is the last straw."""

        def ask(step: str, k: int, text: str) -> Reply:
            place = Place(case.judging, number, step, k)
            reply = self._store.reply(place)
            if reply is None:
                if self.judge.stop.is_set():
                    raise Stopped
                question = Question(text, frames, number, self._protocol.max_tokens, self._protocol.temperature)
                reply = self._answered(place, question)
            return _unless_refused(reply)

        try:
            run_round(case.video.item, number, self._protocol, ask)
        except Stopped:
            pass
        except ChatError as error:
            self._note_failure(error)

    def _answered(self, place: Place, question: Question) -> Reply:
        estimate = self._estimate(question)
        began = time.perf_counter()
        with self._budget.held(Usage(estimate, question.max_tokens)):
            try:
                said = self.judge.ask(question)
            except RefusalError as error:
                reply = Reply("refused", str(error), tokens_asked=estimate, seconds=time.perf_counter() - began)
            except ChatError as error:
                self._store.keep(place, Reply("failed", str(error), seconds=time.perf_counter() - began))
                raise
            else:
                used = said.usage or Usage(estimate, text_tokens(said.text))
                reply = Reply("said", said.text, said.cut_off, *used, seconds=time.perf_counter() - began)
            self._budget.spend(Usage(reply.tokens_asked, reply.tokens_answered))
        self._store.keep(place, reply)
        with self._lock:
            self._failed_in_a_row = 0
        return reply

    def _estimate(self, question: Question) -> int:
        of_frame = self._budget.price.frame_tokens if self._budget.price else TOKENS_OF_A_FRAME
        return len(question.frames.images) * of_frame + text_tokens(question.text)

    def _note_failure(self, error: ChatError) -> None:
        if isinstance(error, AccessError):
            self.judge.stop.set()
            raise error
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= FAILURES:
                self.judge.stop.set()  # at once: whoever called learns of it later, and meanwhile the next would be asked
                raise ChatError(f"{FAILURES} questions failed one after another, the last: {error}")


def _unasked(step: str, ask: int, text: str) -> Reply:
    raise _Unasked(step, ask)


def _unless_refused(reply: Reply) -> Reply:
    if reply.outcome == "refused":
        raise RefusalError(reply.text)
    return reply


def _is_unchanged(path: Path, clip: Clip) -> bool:
    """Whether a file is what it was when it was looked at, and not what another program writes just now."""
    try:
        return inspect(path) == clip
    except EvaluationError:
        return False


def _is_file(video: Video) -> bool:
    try:
        return video.path.is_file()
    except OSError:
        return False
