"""The text columns of a plan's words: looked for in the prompt as the pipeline tokenizes it, or given by the caller."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from tsattn.control.family import Family
from tsattn.control.registry import family_of
from tsattn.control.state import Text
from tsattn.errors import PlanError
from tsattn.plan.schema import Plan, quoted
from tsattn.plan.spans import SubjectColumns, Tokens, plan_columns

if TYPE_CHECKING:
    from torch import Tensor

PlanColumns = Sequence[SubjectColumns | tuple[Sequence[int], Sequence[Sequence[int]]]]
"""For each subject of a plan, its own text columns and those of each of its events."""
_Row = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
_COLUMNS = TypeAdapter(list[tuple[_Row, tuple[_Row, ...]]])
_EXAMPLE = "one subject with two events has columns such as [((1,), ((2, 3), (5,)))]"


def text_of(pipe: Any, family: Family, plan: Plan, arguments: Mapping[str, Any]) -> Text:
    """A plan's prompt as this pipeline tokenizes it, given the arguments of its `encode_prompt`.

    Raises `SpanError` where its words are not all there.
    """
    tokens = family.tokens(pipe, plan.prompt, arguments)
    return Text(plan, tokens, plan_columns(plan, tokens, clean=family.clean))


def defaults(pipe: Any) -> dict[str, Any]:
    """The arguments that `encode_prompt` gets from a plain call of the pipeline, as far as they have defaults."""
    call = inspect.signature(type(pipe).__call__).parameters
    encode = inspect.signature(type(pipe).encode_prompt).parameters
    given = {name: call[name].default if name in call else parameter.default for name, parameter in encode.items()}
    return {name: default for name, default in given.items() if default is not inspect.Parameter.empty}


def columns(pipe: Any, plan: Plan, **arguments: Any) -> list[SubjectColumns]:
    """The text columns of a plan's words in its prompt's embeddings, for control over a run that is given those.

    `arguments` are those of the pipeline's `encode_prompt` that were not its defaults, such as `max_sequence_length`. Take
    them while the pipeline has its tokenizer. Raises as `control.session.enable` does for the pipeline and the words.
    """
    return text_of(pipe, family_of(pipe), plan, {**defaults(pipe), **arguments}).columns


def checked(plan: Plan, columns: PlanColumns) -> list[SubjectColumns]:
    """Columns that a caller gave for a plan. Raises `PlanError` unless there are some for every subject and event."""
    try:
        found = [SubjectColumns(words, events) for words, events in _COLUMNS.validate_python(columns)]
    except ValidationError as error:
        problem = error.errors()[0]
        place = "".join(f"[{step}]" for step in problem["loc"])
        raise PlanError(f"columns{place}: {problem['msg']}, but got {quoted(problem['input'])}; {_EXAMPLE}") from error
    wanted, given = ([len(one.events) for one in part] for part in (plan.subjects, found))
    if wanted != given:
        raise PlanError(
            f"columns: the plan's subjects have {wanted} events, but there are columns of {given} events; {_EXAMPLE}"
        )
    return found


def given_texts(
    plans: Sequence[Plan],
    columns: Sequence[list[SubjectColumns]],
    embeddings: Tensor,
    *,
    videos_per_prompt: int,
    identical_pads: bool,
) -> list[Text]:
    """The texts of plans whose columns were given, with their prompts' embeddings (prompts or prompts · videos, k, d).

    With `identical_pads`, zeros at the end of the embeddings are padding. Raises `PlanError` where there are embeddings of
    more or fewer prompts than plans.
    """
    if len(embeddings) not in (len(plans), len(plans) * videos_per_prompt):
        raise PlanError(f"expected embeddings of {len(plans)} prompts, one for each plan, but got {len(embeddings)}")
    texts = []
    for plan, own, rows in zip(plans, columns, embeddings[:: len(embeddings) // len(plans)], strict=True):
        used = [column for subject in own for row in (subject.subject, *subject.events) for column in row]
        if identical_pads:
            used += rows.any(-1).nonzero().flatten().tolist()
        length = 1 + max(used)
        texts.append(Text(plan, Tokens(plan.prompt, ((0, 0),) * length, length), own))
    return texts
