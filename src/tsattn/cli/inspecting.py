"""`tsattn inspect`: the diagnosis on the terminal, charts and a report in a folder."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from tsattn import runs
from tsattn.errors import OutputError, RunError
from tsattn.inspect import report
from tsattn.inspect.diagnosis import diagnose
from tsattn.palette import event_colour

STYLES = {"problem": "red", "note": "dim", "good": "green"}


def inspect_run(path: Path, output: Path | None) -> None:
    """Say and draw what a run attended to.

    Raises `RunError` where it was not recorded or charts cannot be drawn, `OutputError` where they cannot be written.
    """
    console = Console()
    folder = path if path.is_dir() else path.parent
    run = runs.load(folder)
    made = run.videos.get("controlled") or next(iter(run.videos.values()))
    if made.record is None and not run.recipe.control.recordable:
        raise RunError(
            f"the run in {folder} cannot be looked into: with its method each segment has a prompt of its own, so there is no "
            "attention to compare over the clip"
        )
    if made.record is None:
        raise RunError(
            f"{folder} holds no recording, so there is nothing to look into; make the run again with `tsattn rerun {folder} "
            "--record`"
        )
    baseline = run.videos.get("baseline")
    alone = baseline.record if baseline and baseline is not made else None
    done = None if made.verdict is None else list(made.verdict.in_segment)
    for finding in diagnose(made.record, baseline=alone, done=done):
        line = Text(f"{finding.level:<8} ", STYLES[finding.level])
        line.append(finding.text, None if finding.event is None else event_colour(finding.event))
        console.print(line)
    output = output or folder / "inspect"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {output}: {error.strerror}; choose another folder with -o") from error
    with console.status("drawing"):
        written = report.write(output, made.record, baseline=alone, frames=made.frames, done=done)
    console.print(Text(f"written to {output}: {', '.join(written)}"))
