"""Commands and their options. What they do is in the modules they import when called."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tsattn.cli.eval_app import eval_app
from tsattn.cli.planner import (
    AskAgain,
    BaseURL,
    Fallback,
    LLMModel,
    LLMTimeout,
    Planner,
    PlannerName,
    chosen_planner,
)


class EngineName(str, Enum):
    """Who makes the videos of a batch."""

    SERIAL = "serial"
    RAY = "ray"


app = typer.Typer(
    name="tsattn",
    help="Multi-event video from one prompt: each event in its own segment, with the weights of the model you have.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
plan_app = typer.Typer(help="Plans: what happens when.", no_args_is_help=True)
app.add_typer(plan_app, name="plan")
app.add_typer(eval_app, name="eval")
batch_app = typer.Typer(help="Many videos: prompts x models x methods x seeds.", no_args_is_help=True)
app.add_typer(batch_app, name="batch")


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
        str | None,
        typer.Argument(
            help='A sentence with several events, "A red circle moves right, then grows", or one with timing in it, '
            '"[0:40%] A red circle moves right, [40%:] then grows".'
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="shapes (embedded), the folder of a diffusers pipeline, or a hub id.")
    ] = "shapes",
    plan: Annotated[Path | None, typer.Option(help="Plan file, in any format, instead of parsing the prompt.")] = None,
    segments: Annotated[
        str | None,
        typer.Option(help='When each event is due: lengths ("0.6,0.4", "2s,1s") or intervals ("0%-60%,60%-100%").'),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How the pass is controlled: ts-attn (the paper's setting), gentle, released, or another that tsattn "
            "methods lists, also with other numbers, gentle:strength=0.3. (default: gentle for the embedded models, ts-attn for all others)"
        ),
    ] = None,
    image: Annotated[Path | None, typer.Option(help="First frame, for models that start from an image.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the start noise, the same with and without control.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. (default: the model's)")] = None,
    num_frames: Annotated[int | None, typer.Option(help="Frames. (default: the model's)")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels. (default: the model's)")] = None,
    width: Annotated[int | None, typer.Option(help="Width in pixels. (default: the model's)")] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames per second, of the file and of segments in seconds. (default: the model's)"),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Scale of classifier-free guidance. (default: the model's)")
    ] = None,
    compare: Annotated[
        bool | None,
        typer.Option(
            "--compare/--no-compare",
            help="Also run the model alone and show both. (default: only for the embedded model)",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("tsattn-out"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in the folder.")] = False,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Record attention in the controlled steps, for tsattn inspect.")
    ] = True,
    retry: Annotated[
        int,
        typer.Option(
            help="Judge the video and, where an event is missing, try again up to so many times: with more time for what "
            "was missed, then with the next seed. The best is kept."
        ),
    ] = 0,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Who judges, with --retry: verifier, a vision model's name on a server, or local:NAME for one of "
            "transformers on this machine. (default: the exact verifier, for the embedded model only)"
        ),
    ] = None,
    judge_url: Annotated[
        str | None, typer.Option(help="Address of the judge's server, as --base-url is the planner's.")
    ] = None,
    planner: Planner = PlannerName.OFFLINE,
    llm_model: LLMModel = None,
    base_url: BaseURL = None,
    llm_timeout: LLMTimeout = None,
    ask_again: AskAgain = False,
    fallback: Fallback = None,
) -> None:
    """Generate a video in which each event of the prompt happens in its own segment.

    Example: tsattn generate "A red circle moves right, then moves up, and then grows" -o demo

    Example: tsattn generate "A red circle moves right, then moves up, and then grows" --retry 4
    """
    from tsattn.cli.generating import run
    from tsattn.cli.retrying import Retry

    run(
        prompt,
        model_name=model,
        plan_file=plan,
        segments=segments,
        method=method,
        overrides=dict(
            seed=seed, steps=steps, frames=num_frames, height=height, width=width, fps=fps, guidance=guidance
        ),
        compare=compare,
        folder=output,
        overwrite=overwrite,
        image_file=image,
        record=record,
        retry=Retry(retry, judge, judge_url),
        planner=chosen_planner(
            planner,
            llm_model=llm_model,
            base_url=base_url,
            llm_timeout=llm_timeout,
            ask_again=ask_again,
            fallback=fallback,
        ),
    )


@app.command()
def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a file in it.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for pictures and report. (default: inspect in the run's)"),
    ] = None,
) -> None:
    """Show what a run attended to, and why an event was missed: sentences here, charts and a report in a folder.

    Example: tsattn inspect tsattn-out
    """
    from tsattn.cli.inspecting import inspect_run

    inspect_run(run, output)


@app.command()
def rerun(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An mp4 of tsattn's, a run.json, or the folder of a run.")
    ],
    image: Annotated[
        Path | None, typer.Option(help="The image that the video started from, where it is not beside run.json.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("tsattn-rerun"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in the folder.")] = False,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Record attention, as tsattn generate does.")
    ] = True,
) -> None:
    """Make a video again from what its file says it was made from, and tell whether it is the same, bit for bit.

    Example: tsattn rerun tsattn-out/controlled.mp4
    """
    from tsattn.cli.generating import rerun

    rerun(file, folder=output, overwrite=overwrite, image_file=image, record=record)


SOURCE = typer.Argument(
    metavar="PROMPT|FILE", help="A sentence, a prompt with timing in it, or a plan file in any format (docs/plans.md)."
)
SEGMENTS = typer.Option(help="Other segments than the plan's, as in tsattn generate.")
MODEL = typer.Option(help="Whose clip it is on, as in tsattn generate. (default: shapes, the embedded one)")
NUM_FRAMES = typer.Option(help="Frames of the clip. (default: the model's)")
FPS = typer.Option(help="Frames per second of the clip. (default: the model's)")


@plan_app.command("show")
def plan_show(
    source: Annotated[str, SOURCE],
    segments: Annotated[str | None, SEGMENTS] = None,
    model: Annotated[str | None, MODEL] = None,
    num_frames: Annotated[int | None, NUM_FRAMES] = None,
    fps: Annotated[float | None, FPS] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as one JSON object and nothing else.")] = False,
    edit: Annotated[
        bool,
        typer.Option("--edit", help="Open it in $EDITOR first; saved to its file, to the one of -o, or to plan.yaml."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the plan to this file, as JSON or YAML by its ending.")
    ] = None,
    planner: Planner = PlannerName.OFFLINE,
    llm_model: LLMModel = None,
    base_url: BaseURL = None,
    llm_timeout: LLMTimeout = None,
    ask_again: AskAgain = False,
    fallback: Fallback = None,
) -> None:
    """Show what a prompt or plan file will do: subjects, events, and the latent frames, frames and seconds of each.

    Example: tsattn plan show "A cat watches a bowl, then dips its paw into the water, then takes it out"

    Example: tsattn plan show "[0:40%] A cat jumps, [40%:] then sleeps" --num-frames 81 --fps 16
    """
    from tsattn.cli.planning import On, show

    show(
        source,
        segments=segments,
        on=On(model, num_frames, fps),
        as_json=json,
        edit=edit,
        output=output,
        planner=chosen_planner(
            planner,
            llm_model=llm_model,
            base_url=base_url,
            llm_timeout=llm_timeout,
            ask_again=ask_again,
            fallback=fallback,
        ),
    )


@plan_app.command("check")
def plan_check(
    source: Annotated[str, SOURCE],
    model: Annotated[str | None, MODEL] = None,
    num_frames: Annotated[int | None, NUM_FRAMES] = None,
    fps: Annotated[float | None, FPS] = None,
    segments: Annotated[str | None, SEGMENTS] = None,
) -> None:
    """Try a plan on a model's clip and tokenizer without running it; exits with 0 if it fits and 2 if not.

    Warns of gaps, of overlaps, and of segments that the clip cuts short.

    Example: tsattn plan check plan.yaml --model Wan-AI/Wan2.1-T2V-1.3B-Diffusers --num-frames 81
    """
    from tsattn.cli.planning import On, check

    check(source, segments=segments, on=On(model, num_frames, fps))


@plan_app.command("convert")
def plan_convert(
    source: Annotated[str, SOURCE],
    to: Annotated[
        str, typer.Option(help="json, yaml, inline, sections, pipes, frames, relay, scope or authors (docs/plans.md).")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write. (default: print it)")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    model: Annotated[str | None, MODEL] = None,
    num_frames: Annotated[int | None, NUM_FRAMES] = None,
    fps: Annotated[float | None, FPS] = None,
) -> None:
    """Write a plan in another format. What that cannot hold is an error that lists it; nothing is dropped.

    With a clip (--num-frames, --fps, --model), times are converted to what the format counts in.

    Example: tsattn plan convert "[0s:2s] A cat jumps, [2s:3s] then sleeps" --to relay -o relay.json
    """
    from tsattn.cli.planning import On, convert

    convert(source, to=to, output=output, on=On(model, num_frames, fps), overwrite=overwrite)


@app.command()
def models() -> None:
    """List the embedded model and the pipelines that can be controlled."""
    from tsattn.cli.listing import show_models

    show_models()


@app.command()
def methods() -> None:
    """List the methods that tsattn batch run and tsattn eval compare, with the source of each."""
    from tsattn.cli.listing import show_methods

    show_methods()


@app.command()
def doctor(
    model: Annotated[
        str, typer.Option(help="shapes (embedded), the folder of a diffusers pipeline, or a hub id.")
    ] = "shapes",
) -> None:
    """Try whether a model can be controlled, without running it: what is found, what would be touched, what is refused.

    All of its weights are read, those of a hub id downloaded; tsattn plan check needs none.

    Example: tsattn doctor --model ./my-wan-finetune
    """
    from tsattn.cli.doctor import examine

    examine(model)


@app.command()
def ui(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.", min=0, max=65535)] = 7860,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model to offer besides the embedded one: a folder or a hub id; may be repeated."),
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(metavar="NAME:PASSWORD", envvar="TSATTN_UI_AUTH", help="Ask browsers for this name and password."),
    ] = None,
) -> None:
    """Serve the web page: plan on a timeline, generate, compare with the model alone, see why. (docs/web.md)

    Example: tsattn ui --model Wan-AI/Wan2.1-T2V-1.3B-Diffusers
    """
    from tsattn.cli.serving import run

    run(host=host, port=port, models=model or [], auth=auth)


SPEC = typer.Argument(
    metavar="SPEC", help="Prompts, models, methods, seeds and settings, as YAML or JSON (docs/batch.md)."
)
BATCH = typer.Option("--output", "-o", help="Folder of the batch. (default: one here with the spec's name)")


@batch_app.command("run")
def batch_run(
    spec: Annotated[Path, SPEC],
    output: Annotated[Path | None, BATCH] = None,
    engine: Annotated[
        EngineName, typer.Option(help="One worker in this process, or many on Ray: here or on a cluster.")
    ] = EngineName.SERIAL,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to work on, or auto. (default: Ray is started here)")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Workers on Ray. (default: as many as the GPUs, or else the cores, hold)", min=1)
    ] = None,
    threads: Annotated[
        int, typer.Option(help="CPU threads of each worker; other numbers may change a video's last bits.", min=1)
    ] = 1,
    retries: Annotated[int, typer.Option(help="How often a job is tried again whose worker on Ray died.", min=0)] = 2,
) -> None:
    """Make all videos of a spec that its folder does not hold yet. Stop it at any time; start it again to go on.

    Exits with 1 where jobs failed; they are tried again on the next run.

    Example: tsattn batch run spec.yaml -o videos

    Example: tsattn batch run spec.yaml --engine ray --workers 2
    """
    from tsattn.cli.batching import run_batch

    run_batch(spec, output, engine=engine.value, address=address, workers=workers, threads=threads, retries=retries)


@batch_app.command("plan")
def batch_plan(
    spec: Annotated[Path, SPEC],
    output: Annotated[Path | None, BATCH] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")] = False,
) -> None:
    """Check a spec without running it: what it asks for, what its folder holds, and how long the rest will take.

    Example: tsattn batch plan spec.yaml
    """
    from tsattn.cli.batching import plan_batch

    plan_batch(spec, output, as_json=json)


@batch_app.command("status")
def batch_status(
    folder: Annotated[Path, typer.Argument(help="Folder of a batch.")],
    check: Annotated[bool, typer.Option("--check", help="Also read every video, and say which are damaged.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show how far a batch is, and what failed; also while it runs.

    Example: tsattn batch status videos
    """
    from tsattn.cli.batching import show_status

    show_status(folder, check=check, as_json=json)
