"""A conversation with a language model behind any endpoint that speaks the protocol of OpenAI's chat completions.

All that can go wrong on the way becomes a `PlannerError` of one line: where, what, and what to do. The key is read from
the environment and appears in no error, log or file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, HttpUrl, TypeAdapter, ValidationError

from tsattn.errors import PlannerError
from tsattn.plan.schema import quoted

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

OPENAI = "https://api.openai.com/v1"
KEYS = ("TSATTN_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first that is set counts."""
INSTALL = "the LLM planner needs more packages: pip install 'tsattn[llm]'"
_LONGEST_ECHO = 4000
"""Signs of its own answer that the model gets to see again."""


class Said(NamedTuple):
    """What the model said, and whether it ran into its limit of tokens."""

    text: str
    cut_off: bool


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Reply(BaseModel):
    """What is read of a chat completion."""

    choices: list[_Choice]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model behind an address. Raises `PlannerError` for an address that cannot be one, or that holds a password.

    An attempt may take `timeout` seconds. Where the server is busy, fails or cannot be reached there are `retries` more
    attempts, after the wait that the server names, else after ever longer ones.
    """

    model: str
    base_url: str = OPENAI
    timeout: float = 120.0
    retries: int = 3

    def __post_init__(self) -> None:
        """Check the address."""
        try:
            url = TypeAdapter(HttpUrl).validate_python(self.base_url)
        except ValidationError as error:
            raise PlannerError(
                f"{self.base_url!r} is no address of a server ({error.errors()[0]['msg']}); give one such as {OPENAI}"
            ) from None
        if url.username or url.password or url.query:
            raise PlannerError(f"the address of the server holds more than a place; give the key in {KEYS[0]} instead")


class Chat:
    """A conversation with the model of an endpoint, about answers by a JSON Schema. A context manager, as it holds connections.

    Raises `PlannerError` where the packages of `tsattn[llm]` are missing, or the key cannot be one.
    """

    def __init__(self, endpoint: Endpoint, schema: dict[str, Any]) -> None:
        try:
            import openai
        except ImportError:
            raise PlannerError(INSTALL) from None
        self._endpoint = endpoint
        self._key = next((os.environ[name].strip() for name in KEYS if os.environ.get(name, "").strip()), "")
        if not (self._key.isascii() and self._key.isprintable()):
            raise PlannerError(f"the key in {' or '.join(KEYS)} has signs that no key has; set it again")
        self._client = openai.OpenAI(
            api_key=self._key or "none",
            base_url=endpoint.base_url,
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )
        self._messages: list[ChatCompletionMessageParam] = []
        answer = {"name": "answer", "strict": True, "schema": schema}
        self._options: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": answer}}

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def say(self, text: str) -> Said:
        """The model's answer to a message, with the whole conversation before it. Raises `PlannerError`."""
        import openai

        self._messages.append({"role": "user", "content": text})
        try:
            try:
                body = self._send()
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self._options or _is_filtered(error):
                    raise
                # many servers know no schemas; then the question itself must do
                self._options = {}
                body = self._send()
        except openai.APIError as error:
            raise PlannerError(self._explained(error)) from None
        said = self._read(body)
        self._messages.append({"role": "assistant", "content": said.text[:_LONGEST_ECHO]})
        return said

    def _send(self) -> bytes:
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._endpoint.model, messages=self._messages, **self._options
        )
        return raw.content

    def _read(self, body: bytes) -> Said:
        where, model = self._endpoint.base_url, self._endpoint.model
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError:
            raise PlannerError(
                f"{where} does not speak the protocol of chat completions, it replied "
                f"{self._quoted(body.decode(errors='replace'))}; does the address need /v1 at its end?"
            ) from None
        if not reply.choices:
            raise PlannerError(f"{where} replied without an answer by {model}; ask again later")
        choice = reply.choices[0]
        if choice.message.refusal:
            raise PlannerError(f"{model} refuses this prompt: {self._quoted(choice.message.refusal)}")
        if choice.finish_reason == "content_filter":
            raise PlannerError(f"a content filter of {where} keeps back what {model} says to this prompt")
        return Said(choice.message.content or "", choice.finish_reason == "length")

    def _explained(self, error: openai.APIError) -> str:
        """What went wrong with a request, in one line: where, what, what to do."""
        import openai

        where = self._endpoint.base_url
        tries = int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
        times = f" in {tries} attempts" if tries > 1 else ""
        if isinstance(error, openai.APITimeoutError):
            return (
                f"{where} did not answer within {self._endpoint.timeout:g} s{times}; allow more time, or choose a "
                "faster model"
            )
        if not isinstance(error, openai.APIStatusError):
            reason = self._quoted(str(error.__cause__ or error))
            return f"cannot reach {where}{times}, {reason}; check the address, and that the server runs"
        said = f"{error.status_code}: {self._quoted(_remark(error))}"
        if _is_filtered(error):
            return f"a content filter of {where} refuses this prompt ({said})"
        match error.status_code:
            case 401 | 403 if self._key:
                return f"{where} refuses the key ({said}); set {KEYS[0]} to one that is valid there"
            case 401 | 403:
                return f"{where} wants a key ({said}); set {KEYS[0]}"
            case 404:
                return f"{where} knows no model {self._endpoint.model!r}, or there is nothing at that address ({said})"
            case 429:
                return f"{where} takes no more requests for now{times} ({said}); wait, or choose another model"
        return f"{where} could not answer{times} ({said})"

    def _quoted(self, text: str) -> str:
        """What a server said, in one short line and without the key, should it be in there."""
        return quoted(" ".join((text.replace(self._key, "***") if self._key else text).split()))


def _remark(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body
    return str(body or error.response.reason_phrase)


def _is_filtered(error: openai.APIStatusError) -> bool:
    return "content_filter" in (error.code, error.type)
