"""What a batch is asked for: prompts x models x methods x seeds, as a YAML or JSON file says it.

prompts:
- A red circle moves right, then grows
- {prompt: "A cat jumps, then sleeps", id: cat, tags: [animal, easy]}
models: [shapes]
methods: [vanilla, ts-attn]
seeds: [0, 1]
settings: {steps: 20}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tsattn.errors import BatchError, PlanError
from tsattn.plan.formats import document
from tsattn.plan.schema import did_you_mean, quoted

LARGEST_FILE = 100_000_000
"""Bytes of a spec or a file of prompts at the most."""
MOST_JOBS = 1_000_000
"""Videos of a batch at the most."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SettingsChange(_Part):
    """What differs from the settings a model is best run with; the same names as in `tsattn.settings.Settings`."""

    height: int | None = None
    width: int | None = None
    frames: int | None = None
    fps: float | None = None
    steps: int | None = None
    guidance: float | None = None


class PromptChoice(_Part):
    """A prompt, with timing in it or not, and all that is known of it.

    `events` is what a judge shall ask about, by default the plan's events. `tags` are the classes that tables sum up. The
    plan is made of the prompt unless `plan` is given: a file in any format, or a plan written out.
    """

    prompt: str | None = None
    id: str | None = Field(default=None, min_length=1, max_length=300)
    events: tuple[str, ...] | None = Field(default=None, min_length=1)
    tags: tuple[str, ...] = ()
    plan: Path | dict[str, Any] | None = None
    image: Path | None = None
    """First frame, for models that start from an image."""


class ModelChoice(_Part):
    """A model's name in tables, where it is, as `tsattn generate --model` takes it, and what differs in its settings.

    A name alone is also where it is.
    """

    name: str = Field(min_length=1)
    source: str | None = Field(default=None, min_length=1)
    settings: SettingsChange = SettingsChange()


class MethodChoice(_Part):
    """A method of `tsattn.methods.METHODS`, or a name of its own and the fields of its `ControlConfig`."""

    name: str = Field(min_length=1, max_length=100)
    config: dict[str, Any] | None = None


class PlannerChoice(_Part):
    """A language model that makes the plans; its key is read from the environment, as by `tsattn generate`."""

    model: str = Field(min_length=1)
    base_url: str | None = None


def _named(key: str) -> BeforeValidator:
    """A text stands for a mapping with this one key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class Spec(_Part):
    """A batch: every prompt by every model, method and seed."""

    prompts: tuple[Annotated[PromptChoice, _named("prompt")], ...] = Field(min_length=1)
    models: tuple[Annotated[ModelChoice, _named("name")], ...] = Field(
        default=(ModelChoice(name="shapes"),), min_length=1
    )
    methods: tuple[Annotated[MethodChoice, _named("name")], ...] = Field(
        default=(MethodChoice(name="vanilla"), MethodChoice(name="ts-attn")), min_length=1
    )
    seeds: tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...] = Field(default=(0,), min_length=1)
    settings: SettingsChange = SettingsChange()
    planner: PlannerChoice | None = None

    @property
    def count(self) -> int:
        """Videos that are asked for."""
        return len(self.prompts) * len(self.models) * len(self.methods) * len(self.seeds)


def load_spec(path: str | Path) -> Spec:
    """Read a spec. Names of files are relative to the folder of the file that names them: the spec, or its file of prompts.

    Raises `BatchError` that names the file and the place in it.
    """
    path = namer = Path(path)
    data = _load(path)
    if isinstance(data, dict) and isinstance(data.get("prompts"), str):
        namer = path.parent / data["prompts"]
        data = {**data, "prompts": _prompts(namer)}
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        raise BatchError(f"{path}: {_problem(error)}") from error
    if spec.count > MOST_JOBS:
        raise BatchError(f"{path} asks for {spec.count} videos; {MOST_JOBS} are the most")
    return spec.model_copy(
        update={
            "prompts": tuple(_beside(namer, prompt) for prompt in spec.prompts),
            "models": tuple(_folder_beside(path, model) for model in spec.models),
        }
    )


def prompt_id(prompt: str) -> str:
    """The name that StoryEval gives a prompt: its words, without punctuation, joined and cut."""
    return "_".join(re.sub(r"[^\w\s]", "", prompt).split())[:198] or "prompt"


def _prompts(path: Path) -> Any:
    """The items of a file of prompts: a list of them, or StoryEval's mapping of file names."""
    data = _load(path)
    if not isinstance(data, dict):
        return data
    items = []
    for name, entry in data.items():
        entry = document.fields(entry, ("prompt", "event_list", "class", "image"), where=f"{path}: {quoted(name)}")
        known = {"prompt": entry.get("prompt"), "events": entry.get("event_list"), "image": entry.get("image")}
        items.append({"id": str(name).removesuffix(".mp4"), "tags": entry.get("class", []), **known})
    return items


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise BatchError(f"{path} is larger than {LARGEST_FILE} bytes; is it the right file?")
        return document.load(content.decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error if isinstance(error, PlanError) else getattr(error, "strerror", None) or error
        raise BatchError(f"cannot read {path}: {reason}") from error


def _beside(path: Path, prompt: PromptChoice) -> PromptChoice:
    given = {"plan": prompt.plan, "image": prompt.image}
    return prompt.model_copy(
        update={key: path.parent / value for key, value in given.items() if isinstance(value, Path)}
    )


def _folder_beside(path: Path, model: ModelChoice) -> ModelChoice:
    """A model's folder may be named from where the spec is; any other name is left as it is."""
    source = model.source or model.name
    beside = (path.parent / source).absolute()
    return model.model_copy(update={"source": str(beside) if beside.is_dir() else source})


def _problem(error: ValidationError) -> str:
    problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"]).removeprefix(".")
    if problem["type"] == "extra_forbidden":
        part: Any = _part_at(problem["loc"][:-1])
        return f"{place}: unknown key {quoted(problem['loc'][-1])}; {did_you_mean(problem['loc'][-1], list(part.model_fields))}"
    if problem["type"] == "missing":
        return f"{place}: is missing"
    return f"{place}: {problem['msg']}, but got {quoted(problem['input'])}".removeprefix(": ")


def _part_at(place: tuple[int | str, ...]) -> type[BaseModel]:
    names = [step for step in place if isinstance(step, str)]
    if not names:
        return Spec
    parts: dict[str, type[BaseModel]] = {
        "prompts": PromptChoice,
        "models": ModelChoice,
        "methods": MethodChoice,
        "planner": PlannerChoice,
    }
    return SettingsChange if names[-1] == "settings" else parts[names[0]]
