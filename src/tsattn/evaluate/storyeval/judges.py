"""Who judges: a vision model behind an OpenAI-compatible endpoint, or one of transformers on this machine."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from tsattn.errors import ChatError, ModelError, RequestError
from tsattn.evaluate.storyeval.frames import KeyFrames
from tsattn.plan.chat import Client, Endpoint, Said, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


class Question(NamedTuple):
    """What a judge is asked at once. `temperature` None is the judge's own."""

    text: str
    frames: KeyFrames
    seed: int
    max_tokens: int
    temperature: float | None


class Stopped(BaseException):
    """A question that was not asked, because the judge was stopped before.

    No `Exception`, for some versions of the `openai` package take any for a failed request, wait, and send it again.
    """


class Judge(Protocol):
    """Answers questions about frames. `at_once` questions may be asked at the same time; once `stop` is set, none begins."""

    name: str
    at_once: int
    stop: threading.Event

    def ask(self, question: Question) -> Said:
        """The answer. Raises `RefusalError` where the judge will not give one, `ChatError` where it cannot.

        Raises `Stopped` where it waits for its turn to ask, and `stop` is set.
        """
        ...


class EndpointJudge:
    """The vision model of an endpoint.

    `at_once` questions are under way at a time, and no more than `per_minute` requests begin in a minute (None: no limit),
    those among them that repeat one to which the server was busy, failed or silent.
    """

    def __init__(self, endpoint: Endpoint, *, at_once: int = 4, per_minute: float | None = None) -> None:
        self.name = endpoint.model
        self.at_once = at_once
        self.stop = threading.Event()
        self._client = Client(endpoint, on_request=_Pace(per_minute, self.stop).wait)
        self._limit = "max_tokens"

    def __enter__(self) -> EndpointJudge:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def ask(self, question: Question) -> Said:
        """The answer. Raises as `Client.complete` does, and `Stopped` instead of sending a request once `stop` is set."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": question.text}]
        parts += [{"type": "image_url", "image_url": {"url": url}} for url in question.frames.data_urls]
        messages = [cast("ChatCompletionMessageParam", {"role": "user", "content": parts})]
        options: dict[str, Any] = {"seed": question.seed}
        if question.temperature is not None:
            options["temperature"] = question.temperature
        limit = self._limit
        try:
            return self._client.complete(messages, **options, **{limit: question.max_tokens})
        except RequestError as error:
            newer = "max_completion_tokens"
            if limit == newer or newer not in str(error):
                raise
            self._limit = newer
            return self._client.complete(messages, **options, **{newer: question.max_tokens})


class LocalJudge:
    """A vision model of transformers on this machine, such as a LLaVA-OneVision or a Qwen2.5-VL; it sees a video.

    `source` is a folder or a hub id. Raises `ModelError` where it cannot be opened, or takes no videos or no chats.
    """

    at_once = 1

    def __init__(self, source: str, *, device: str | None = None) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.name = source
        self.stop = threading.Event()
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._processor = AutoProcessor.from_pretrained(source)
            self._model = AutoModelForImageTextToText.from_pretrained(source, dtype="auto").to(device).eval()
        except ImportError as error:
            raise ModelError(f"{source!r} needs more packages, pip install 'tsattn[vlm]': {_line(error)}") from None
        except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:  # torch asserts that it has CUDA
            raise ModelError(f"cannot open {source!r} as a vision-language model: {_line(error)}") from None
        if not getattr(self._processor, "video_processor", None):
            raise ModelError(f"{source!r} takes no videos; choose a model such as LLaVA-OneVision or Qwen2.5-VL")
        if not getattr(self._processor, "chat_template", None):
            raise ModelError(f"{source!r} has no chat template to ask it by; choose a model made for chats")

    def ask(self, question: Question) -> Said:
        """The answer, drawn with the question's seed. Raises `ChatError` where the model fails, as for want of memory."""
        import torch
        from jinja2 import TemplateError

        content = [{"type": "video"}, {"type": "text", "text": question.text}]
        drawn = {"do_sample": True, "temperature": question.temperature} if question.temperature else {}
        torch.manual_seed(question.seed)
        try:
            prompt = self._processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True
            )
            inputs = self._processor(
                text=[prompt], videos=[list(question.frames.images)], do_sample_frames=False, return_tensors="pt"
            ).to(self._model.device, self._model.dtype)
            asked = inputs["input_ids"].shape[1]
            with torch.inference_mode():
                made = self._model.generate(**inputs, max_new_tokens=question.max_tokens, **drawn)[0][asked:]
        except (RuntimeError, ValueError, IndexError, TemplateError) as error:
            raise ChatError(f"{self.name} failed: {_line(error)}") from None
        text = self._processor.decode(made, skip_special_tokens=True)
        return Said(text, len(made) >= question.max_tokens, Usage(asked, len(made)))


class _Pace:
    """Spaces out what may happen so many times a minute, evenly and over all threads, until `stop` is set."""

    def __init__(self, per_minute: float | None, stop: threading.Event) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._stop = stop
        self._free = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is this caller's turn. Raises `Stopped` as soon as `stop` is set."""
        with self._lock:
            turn = max(self._free, time.monotonic())
            self._free = turn + self._gap
        if self._stop.wait(max(0.0, turn - time.monotonic())):
            raise Stopped


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
