"""A plan in the user's editor, and plans on disk. What was typed is never lost."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from tsattn.errors import OutputError, PlanError
from tsattn.plan import Plan, write
from tsattn.plan.formats import form_of, read_document

NEW_FILE = Path("plan.yaml")
"""Where an edited plan goes that had no file."""
HELP = """\
# The words of subjects and events must stand in the prompt. A segment is 0%-40%, 2s-3.5s, 0:02-0:05, 10f-40f, or 3s- for
# "to the end"; they may overlap and leave gaps. Save and close to go on.
"""


def edit(plan: Plan, source: str, output: Path | None, *, check: Callable[[Plan], object]) -> tuple[Plan, Path]:
    """Let the user edit a plan as YAML, and write the result: to `output`, else to its file, in the format of that.

    A plan that had no file goes to `NEW_FILE`; a file of our own YAML is opened as it is and keeps its comments, unless the plan
    is another by now. `check` raises `PlanError` for a plan that will not do. Then, and where it cannot be written, the user may open the same text
    again; if not, it is kept in a file that the error names. Raises `PlanError` and `OutputError`.
    """
    own = form_of(Path(source)) if output is None and os.path.isfile(source) else None
    target = Path(source) if own else output or NEW_FILE
    if own is None:
        check_new(target, overwrite=False)
    name = own or format_of(target)
    as_it_is = own == "yaml" and Plan.load(target) == plan
    text = target.read_text(encoding="utf-8") if as_it_is else HELP + write(plan, "yaml")
    while True:
        text = _in_editor(text)
        try:
            plan = read_document(text)
            check(plan)
            write_file(target, text if name == "yaml" else write(plan, name))
        except (PlanError, OutputError) as error:
            if sys.stdin.isatty() and sys.stderr.isatty():
                typer.echo(f"tsattn: {error}", err=True)
                if typer.confirm("Open it again?", default=True, err=True):
                    continue
            raise type(error)(f"{error}; what you wrote is kept in {_kept(text)}") from error
        return plan, target


def format_of(path: Path) -> str:
    """Our own format that a file gets by its ending."""
    return "json" if path.suffix.lower() == ".json" else "yaml"


def check_new(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file is there already and shall be kept."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is already there; choose another file with -o")


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises `OutputError`."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():  # a pipe or a device is not to be replaced
            path.write_text(text, encoding="utf-8")
            return
        aside = path.with_name(f".tsattn-{os.getpid()}-{path.name}")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; choose another file with -o") from error


def _in_editor(text: str) -> str:
    import click

    try:
        return click.edit(text, extension=".yaml", require_save=False) or ""
    except click.ClickException as error:
        raise PlanError(f"cannot open an editor: {error.message}; set EDITOR to one that is there") from error


def _kept(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml", prefix="plan-", delete=False) as file:
        file.write(text)
    return file.name
