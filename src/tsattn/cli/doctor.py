"""Whether a pipeline of the user's can be controlled: the self-test that control runs before it acts, told in words."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tsattn.control.family import Site
from tsattn.errors import TsattnError
from tsattn.generate import describe, open_model
from tsattn.plan import parse

SENTENCE = "A cat runs, then sleeps"
"""Any prompt with events does: the self-test looks at the attention modules, not at the words."""


def examine(name: str) -> None:
    """Open a model, switch control on and off again, and print what was found, touched and refused.

    Raises `TsattnError` where the model cannot be controlled, after printing how far it came.
    """
    from tsattn.control import disable, enable

    console = Console()
    facts = describe(name)
    console.print(f"[green]found[/]    a {_pipeline(facts.source)}, which the family {facts.family.name!r} knows")
    with console.status("reading the weights"):
        pipe = open_model(facts).pipe
    before = _fingerprint(pipe)
    try:
        with console.status("trying the attention modules"):
            enable(pipe, parse(SENTENCE))
        console.print(_touched(pipe, facts.family))
        disable(pipe)
    except TsattnError as error:
        console.print(f"[red]refused[/]  {escape(str(error))}")
        raise
    left = "nothing" if _fingerprint(pipe) == before else "[red]something: please report this[/]"
    console.print(f"[green]undone[/]   {left} is left behind on the pipeline")
    console.print(f"\ntsattn generate ... --model {name} will control it.")


def _pipeline(source: str) -> str:
    import diffusers

    return str(diffusers.DiffusionPipeline.load_config(source)["_class_name"])


def _touched(pipe: Any, family: Any) -> Table:
    table = Table(title="touched: every one gave its own result through tsattn, bit for bit")
    for heading in ("component", "class", "attention layers", "processor", "weights"):
        table.add_column(heading, overflow="fold")
    for name in family.transformers:
        transformer = getattr(pipe, name, None)
        if transformer is None:
            table.add_row(name, "absent", "", "", "")
            continue
        sites: list[Site] = family.sites(transformer)
        weights = next(transformer.parameters())
        processor = family.processor.rpartition(".")[2]
        kind = f"{str(weights.dtype).removeprefix('torch.')} on {weights.device}"
        shown = f"{len(sites)}, {sites[0].name} to {sites[-1].name}"
        table.add_row(name, type(transformer).__name__, shown, processor, kind)
    return table


def _fingerprint(pipe: Any) -> list[Any]:
    """The attributes of every module, and which processors they have."""
    modules = [m for part in pipe.components.values() if hasattr(part, "modules") for m in part.modules()]
    return [(sorted(vars(owner)), id(vars(owner).get("processor"))) for owner in (*modules, pipe, pipe.scheduler)]
