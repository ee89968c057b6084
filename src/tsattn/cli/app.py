"""Commands and their options. What they do is in the modules they import when called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="tsattn",
    help="Multi-event video from one prompt: each event in its own segment, with the weights of the model you have.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
plan_app = typer.Typer(help="Plans: what happens when.", no_args_is_help=True)
eval_app = typer.Typer(help="Measurements.", no_args_is_help=True)
app.add_typer(plan_app, name="plan")
app.add_typer(eval_app, name="eval")


def _version(wanted: bool) -> None:
    if wanted:
        from tsattn import __version__

        typer.echo(f"tsattn {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def generate(
    prompt: Annotated[
        str | None, typer.Argument(help='One sentence with several events: "A red circle moves right, then grows".')
    ] = None,
    model: Annotated[
        str, typer.Option(help="shapes (embedded), the folder of a diffusers pipeline, or a hub id.")
    ] = "shapes",
    plan: Annotated[Path | None, typer.Option(help="Plan file (JSON or YAML) instead of parsing the prompt.")] = None,
    segments: Annotated[
        str | None,
        typer.Option(help='When each event is due: lengths ("0.6,0.4", "2s,1s") or intervals ("0%-60%,60%-100%").'),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the start noise, the same with and without control.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. (default: the model's)")] = None,
    num_frames: Annotated[int | None, typer.Option(help="Frames. (default: the model's)")] = None,
    compare: Annotated[
        bool | None,
        typer.Option(
            "--compare/--no-compare",
            help="Also run the model alone and show both. (default: only for the embedded model)",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("tsattn-out"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in the folder.")] = False,
) -> None:
    """Generate a video in which each event of the prompt happens in its own segment.

    Example: tsattn generate "A red circle moves right, then moves up, and then grows" -o demo
    """
    from tsattn.cli.generating import run

    run(
        prompt,
        model_name=model,
        plan_file=plan,
        segments=segments,
        overrides={"seed": seed, "steps": steps, "frames": num_frames},
        compare=compare,
        folder=output,
        overwrite=overwrite,
    )


@plan_app.command("show")
def plan_show(
    prompt: Annotated[str, typer.Argument(help="One sentence with several events.")],
    segments: Annotated[str | None, typer.Option(help="As in tsattn generate.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show the subjects, events and segments found in a prompt.

    Example: tsattn plan show "A cat watches a bowl, then dips its paw into the water, then takes it out"
    """
    from tsattn.cli.planning import make_plan, show

    plan = make_plan(prompt, None, segments)
    if json:
        typer.echo(plan.model_dump_json(indent=2))
    else:
        show(plan)


@app.command()
def models() -> None:
    """List the embedded model and the pipelines that can be controlled."""
    from tsattn.cli.listing import show_models

    show_models()


@eval_app.command("shapes")
def eval_shapes(
    events: Annotated[int, typer.Option(help="Events in each prompt.")] = 3,
    n: Annotated[int, typer.Option(help="Prompts.")] = 100,
    seed: Annotated[int, typer.Option(help="Which prompts and start noises; training never draws them.")] = 0,
    method: Annotated[
        list[str] | None,
        typer.Option(help="vanilla or ts-attn; may be repeated. (default: both)"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Measure the embedded model with the exact verifier.

    Example: tsattn eval shapes --events 3 --n 50 --seed 1
    """
    from tsattn.cli.evaluating import run_shapes

    run_shapes(events=events, n=n, seed=seed, methods=method, as_json=json)
