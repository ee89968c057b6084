"""Language models behind any endpoint that speaks the protocol of OpenAI's chat completions.

A `Client` sends messages; a `Chat` is one conversation, about answers by a JSON Schema. All that can go wrong on the way
becomes a `ChatError` of one line: where, what, and what to do. The key is read from the environment or a file and appears
in no error, log or reply.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, HttpUrl, TypeAdapter, ValidationError

from tsattn.errors import AccessError, ChatError, RefusalError, RequestError
from tsattn.plan.schema import quoted

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

OPENAI = "https://api.openai.com/v1"
KEYS = ("TSATTN_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first that is set counts."""
INSTALL = "asking a language model needs more packages: pip install 'tsattn[llm]'"
FILTERED = (
    *("content_filter", "content_policy_violation", "moderation_blocked"),  # Azure; OpenAI and others; OpenAI
    *("data_inspection_failed", "DataInspectionFailed"),  # Alibaba
)
"""Codes and types of the errors by which servers say that a filter refuses a prompt."""
_LONGEST_ECHO = 4000
"""Signs of its own answer that the model gets to see again."""


class Usage(NamedTuple):
    """Tokens of a question and of its answer, as the server counts them."""

    asked: int
    answered: int


class Said(NamedTuple):
    """What the model said, whether it ran into its limit of tokens, and what it used (None where the server is silent)."""

    text: str
    cut_off: bool
    usage: Usage | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Reply(BaseModel):
    """What is read of a chat completion."""

    choices: list[_Choice]
    usage: _Usage | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model behind an address. Raises `ChatError` for an address that cannot be one, or that holds a password.

    The key is what the file `key_file` holds, else what the environment does. An attempt may take `timeout` seconds. Where the server is busy, fails or cannot be reached there are `retries` more
    attempts, after the wait that the server names, else after ever longer ones.
    """

    model: str
    base_url: str = OPENAI
    timeout: float = 120.0
    retries: int = 3
    key_file: Path | None = None

    def __post_init__(self) -> None:
        """Check the address."""
        try:
            url = TypeAdapter(HttpUrl).validate_python(self.base_url)
        except ValidationError as error:
            raise ChatError(
                f"{self.base_url!r} is no address of a server ({error.errors()[0]['msg']}); give one such as {OPENAI}"
            ) from None
        if url.username or url.password or url.query:
            raise ChatError(f"the address of the server holds more than a place; give the key in {KEYS[0]} instead")


class Client:
    """Connections to the model of an endpoint, which threads may share. A context manager.

    `on_request` is called before every request is sent, each further attempt included; it may wait. Raises `ChatError` where
    the packages of `tsattn[llm]` are missing, or the key cannot be one.
    """

    def __init__(self, endpoint: Endpoint, *, on_request: Callable[[], None] = lambda: None) -> None:
        try:
            import openai
        except ImportError:
            raise ChatError(INSTALL) from None
        self.endpoint = endpoint
        self._key = _key(endpoint)
        self._client = openai.OpenAI(
            api_key=self._key or "none",
            base_url=endpoint.base_url,
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
            http_client=openai.DefaultHttpxClient(event_hooks={"request": [lambda _: on_request()]}),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def complete(self, messages: Iterable[ChatCompletionMessageParam], **options: Any) -> Said:
        """The model's answer to these messages; `options` are fields of the request.

        Raises `RefusalError` where the model or a filter will not answer them, `RequestError` where the server takes no
        such request, `AccessError` where it would answer nothing, and `ChatError` for all else that fails.
        """
        import openai

        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=self.endpoint.model, messages=messages, **options
            )
        except openai.APIError as error:
            raise self._explained(error) from None
        return self._read(raw.content)

    def _read(self, body: bytes) -> Said:
        where, model = self.endpoint.base_url, self.endpoint.model
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError:
            raise ChatError(
                f"{where} does not speak the protocol of chat completions, it replied "
                f"{self._quoted(body.decode(errors='replace'))}; does the address need /v1 at its end?"
            ) from None
        if not reply.choices:
            raise ChatError(f"{where} replied without an answer by {model}; ask again later")
        choice = reply.choices[0]
        if choice.message.refusal:
            raise RefusalError(f"{model} refuses this prompt: {self._quoted(choice.message.refusal)}")
        if choice.finish_reason == "content_filter":
            raise RefusalError(f"a content filter of {where} keeps back what {model} says to this prompt")
        usage = None if reply.usage is None else Usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        return Said(self._without_key(choice.message.content or ""), choice.finish_reason == "length", usage)

    def _explained(self, error: openai.APIError) -> ChatError:
        """What went wrong with a request, in one line: where, what, what to do."""
        import openai

        where = self.endpoint.base_url
        tries = int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
        times = f" in {tries} attempts" if tries > 1 else ""
        if isinstance(error, openai.APITimeoutError):
            seconds = f"{self.endpoint.timeout:g} s"
            return ChatError(
                f"{where} did not answer within {seconds}{times}; allow more time, or choose a faster model"
            )
        if not isinstance(error, openai.APIStatusError):
            reason = self._quoted(str(error.__cause__ or error))
            return ChatError(f"cannot reach {where}{times}, {reason}; check the address, and that the server runs")
        said = f"{error.status_code}: {self._quoted(_remark(error))}"
        if _is_filtered(error):
            return RefusalError(f"a content filter of {where} refuses this prompt ({said})")
        match error.status_code:
            case 401 | 403 if self._key:
                return AccessError(f"{where} refuses the key ({said}); set {KEYS[0]} to one that is valid there")
            case 401 | 403:
                return AccessError(f"{where} wants a key ({said}); set {KEYS[0]}")
            case 404:
                return AccessError(
                    f"{where} knows no model {self.endpoint.model!r}, or there is nothing at that address ({said})"
                )
            case 429:
                return ChatError(
                    f"{where} takes no more requests for now{times} ({said}); wait, or choose another model"
                )
        kind = RequestError if error.status_code in (400, 422) else ChatError
        return kind(f"{where} could not answer{times} ({said})")

    def _quoted(self, text: str) -> str:
        """What a server said, in one short line and without the key, should it be in there."""
        return quoted(" ".join(self._without_key(text).split()))

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


class Chat:
    """A conversation with the model of an endpoint, about answers by a JSON Schema. A context manager, as it holds connections.

    Raises as `Client` does.
    """

    def __init__(self, endpoint: Endpoint, schema: dict[str, Any]) -> None:
        self._client = Client(endpoint)
        self._messages: list[ChatCompletionMessageParam] = []
        answer = {"name": "answer", "strict": True, "schema": schema}
        self._options: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": answer}}

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def say(self, text: str) -> Said:
        """The model's answer to a message, with the whole conversation before it. Raises as `Client.complete` does."""
        self._messages.append({"role": "user", "content": text})
        try:
            said = self._client.complete(self._messages, **self._options)
        except RequestError:
            if not self._options:
                raise
            # many servers know no schemas; then the question itself must do
            self._options = {}
            said = self._client.complete(self._messages)
        self._messages.append({"role": "assistant", "content": said.text[:_LONGEST_ECHO]})
        return said


def _key(endpoint: Endpoint) -> str:
    if endpoint.key_file is None:
        place = " or ".join(KEYS)
        key = next((os.environ[name].strip() for name in KEYS if os.environ.get(name, "").strip()), "")
    else:
        place = str(endpoint.key_file)
        try:
            key = endpoint.key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ChatError(
                f"cannot read a key from {place}: {getattr(error, 'strerror', None) or 'no text'}"
            ) from None
    if not (key.isascii() and key.isprintable()):
        raise ChatError(f"the key in {place} has signs that no key has; set it again")
    return key


def _remark(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body
    return str(body or error.response.reason_phrase)


def _is_filtered(error: openai.APIStatusError) -> bool:
    return error.code in FILTERED or error.type in FILTERED
