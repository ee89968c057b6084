"""`tsattn eval …`: the commands of StoryEval and of the embedded world, and their options. What they do is in the modules they import when called."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

eval_app = typer.Typer(help="Measurements.", no_args_is_help=True)

PROMPTS = "Prompts as StoryEval has them, a JSON file or an http(s) address: name.mp4 → prompt, event_list, class."
COMPAT = typer.Option(
    "--storyeval-compat", help="Count what is unscored as 0, as the benchmark does, and not leave it out."
)
BASE_URL = typer.Option(
    help="Address of any OpenAI-compatible server; its key is read from TSATTN_API_KEY, else OPENAI_API_KEY. "
    "(default: OpenAI's)"
)
KEY_FILE = typer.Option(help="File that holds the key, instead of the environment.")


class ProtocolName(str, Enum):
    """How a judge is asked."""

    GPT4O = "gpt4o"
    LLAVA = "llava"


@eval_app.command("judge")
def eval_judge(
    videos: Annotated[
        Path,
        typer.Argument(help="Folder of a batch, of videos named as in the prompts, or of such folders, one per model."),
    ],
    prompts: Annotated[str | None, typer.Option(help=f"{PROMPTS} A batch knows its own.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for replies and results; give the same one to resume.")
    ] = Path("judged"),
    model: Annotated[str | None, typer.Option(help="Vision model of the server, such as gpt-4o.")] = None,
    base_url: Annotated[str | None, BASE_URL] = None,
    key_file: Annotated[Path | None, KEY_FILE] = None,
    local: Annotated[
        str | None,
        typer.Option(
            help="Vision-language model of transformers instead, a folder or hub id; it runs on this machine."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where --local runs. (default: cuda if there is one)")] = None,
    protocol: Annotated[
        ProtocolName | None,
        typer.Option(help="Frames, rounds and limits of the benchmark's judges. (default: gpt4o, llava for --local)"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds for each video. (default: the protocol's)", min=1)] = None,
    concurrency: Annotated[int, typer.Option(help="Questions that are under way at a time.", min=1)] = 4,
    requests_per_minute: Annotated[
        float | None, typer.Option(help="Begin no more questions than these in a minute.", min=0.01)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.", min=0.001)] = 120.0,
    retries: Annotated[
        int, typer.Option(help="Attempts after the first where the server is busy, fails or is silent.", min=0)
    ] = 5,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="Price table, YAML: model: {input: 2.5, output: 10, frame_tokens: 255}, dollars per million."
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="Ask nothing that could bring the dollars spent on this judge for the folder above this.", min=0.0
        ),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what there is to ask and its cost, then end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first question costs money.")] = False,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask anew where the judge's own replies left a round without a score.")
    ] = False,
    storyeval_compat: Annotated[
        bool,
        typer.Option(
            "--storyeval-compat",
            help="Write results without the reasons, so that what is unscored counts as 0, as in the benchmark; "
            "not where the judge failed or was not asked.",
        ),
    ] = False,
) -> None:
    """Have a vision model judge which events of its prompt each video shows, by the protocol of StoryEval.

    Every reply is kept: stopped at any moment, the same command goes on where it was. What has no verdict is unscored, with
    the reason. Exits with 1 where the judge failed on a video; it is asked again on the next run.

    Example: tsattn eval judge videos --prompts all_prompts.json --model gpt-4o --prices prices.yaml --max-cost 50

    Example: tsattn eval judge videos --local llava-hf/llava-onevision-qwen2-7b-ov-hf -o judged
    """
    from tsattn.cli.judging import How, Who, run_judge

    run_judge(
        videos,
        prompts,
        output,
        who=Who(model, base_url, key_file, local, device, concurrency, requests_per_minute, timeout, retries),
        how=How(protocol and protocol.value, rounds, prices, max_cost, preview, yes, ask_again, storyeval_compat),
    )


@eval_app.command("score")
def eval_score(
    file: Annotated[Path, typer.Argument(help="Results file, of tsattn eval judge or of the benchmark.")],
    json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object and nothing else.")] = False,
    storyeval_compat: Annotated[bool, COMPAT] = False,
) -> None:
    """Score a results file by StoryEval's rules: all, each class, and each number of events.

    Example: tsattn eval score judged/wan-ts-attn_gpt-4o.json --json
    """
    from tsattn.cli.scoring import show_score

    show_score(file, as_json=json, compat=storyeval_compat)


@eval_app.command("report")
def eval_report(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]FILE...", help="Results files. Those of one label are one run with several seeds."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")] = Path("report"),
    baseline: Annotated[
        str | None, typer.Option(help="Label of the run that others are compared with. (default: the first)")
    ] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw pictures too.")] = True,
    storyeval_compat: Annotated[bool, COMPAT] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report in the folder.")] = False,
) -> None:
    """Put runs side by side as Markdown, HTML, CSV and pictures, with what each gains over the first.

    Example: tsattn eval report vanilla=a_gpt-4o.json ts-attn=b_gpt-4o.json -o report
    """
    from tsattn.cli.scoring import make_report

    make_report(files, output, baseline=baseline, pictures=plots, compat=storyeval_compat, overwrite=overwrite)


@eval_app.command("build-i2v")
def eval_build_i2v(
    prompts: Annotated[str, typer.Argument(help=PROMPTS)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to build; give the same one to resume.")],
    llm_model: Annotated[str | None, typer.Option(help="Model that writes the initial states.")] = None,
    base_url: Annotated[str | None, BASE_URL] = None,
    key_file: Annotated[Path | None, KEY_FILE] = None,
    image_model: Annotated[
        str, typer.Option(help="Text-to-image pipeline of diffusers, a folder or hub id.")
    ] = "Qwen/Qwen-Image",
    pipeline: Annotated[
        str | None,
        typer.Option(help="Its class, in diffusers or as module:Class. (default: AutoPipelineForText2Image)"),
    ] = None,
    size: Annotated[str, typer.Option(help="Size of the video in pixels, WIDTHxHEIGHT.")] = "832x480",
    steps: Annotated[int | None, typer.Option(help="Denoising steps. (default: the pipeline's)", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first roll; each further roll adds 1.", min=0)] = 0,
    reject: Annotated[
        Path | None, typer.Option(help="rejected.json, as review.html saves it: these frames are rolled again.")
    ] = None,
) -> None:
    """Build the image-to-video variant of the benchmark: an initial state and a first frame for each prompt.

    What is there is not made again. Look at review.html, reject what is wrong, and run it again with --reject. The folder's
    prompts.json is then ready for tsattn batch run and tsattn eval judge. Exits with 1 where the language model failed on a
    prompt; run it again for those.

    Example: tsattn eval build-i2v all_prompts.json -o i2v --llm-model gpt-4o
    """
    from tsattn.cli.first_frames import Choice, build

    choice = Choice(llm_model, base_url, key_file, image_model, pipeline, size, steps, seed)
    build(prompts, output, choice=choice, reject=reject)


STEPS = typer.Option(help="Denoising steps. (default: the model's)", min=1)
MODEL = typer.Option(help="shapes, shapes-i2v, or the folder of another model trained on their world.")
WORKERS = typer.Option(
    help="Processes that make videos, each on one core with a model of its own. (default: the cores, at most 4)", min=1
)


@eval_app.command("shapes")
def eval_shapes(
    events: Annotated[
        list[int] | None, typer.Option(help="Events in each prompt; may be repeated. (default: 2 3 4)")
    ] = None,
    n: Annotated[int, typer.Option(help="Prompts for each number of events and seed.", min=1)] = 100,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            help="Which prompts and start noises; training never draws them. May be repeated. (default: 0)", min=0
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="One of tsattn methods, also with other numbers, gentle:strength=0.15, or all; may be repeated. "
            "(default: vanilla and ts-attn)"
        ),
    ] = None,
    segments: Annotated[
        list[str] | None,
        typer.Option(help="uniform, true, jittered or parser; may be repeated. (default: uniform)"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for outcomes, tables and pictures; give the same one to resume. (default: none)",
        ),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            help="Name of the page and its pictures in that folder, which can hold several. (default: shapes)"
        ),
    ] = None,
    model: Annotated[str, MODEL] = "shapes",
    final: Annotated[
        bool, typer.Option("--final", help="Draw the prompts of the final table, on which nothing may be tuned.")
    ] = False,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Method that the others are compared with; may be repeated. (default: the first)"),
    ] = None,
    steps: Annotated[int | None, STEPS] = None,
    workers: Annotated[int | None, WORKERS] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw pictures too.")] = True,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, a list where there are several, and nothing else.")
    ] = False,
) -> None:
    """Compare methods on the embedded model with the exact verifier. (docs/effect.md)

    With --output it writes Markdown, CSV and pictures, and, stopped at any moment, the same command goes on where it was.

    Example: tsattn eval shapes --events 3 --n 50 --seed 1

    Example: tsattn eval shapes -o out/shapes --method vanilla --method gentle --method prompt-relay --baseline vanilla
    """
    from tsattn.cli.evaluating import run_shapes

    run_shapes(
        output, page=page, model=model, methods=method, events=events or (2, 3, 4),
        segmentations=segments or ("uniform",), n=n, seeds=seed, final=final, baselines=baseline, steps=steps,
        workers=workers, plots=plots, as_json=json,
    )  # fmt: skip


@eval_app.command("sweep")
def eval_sweep(
    question: Annotated[
        list[str] | None, typer.Option(help="One of docs/effect.md's; may be repeated. (default: all)")
    ] = None,
    start: Annotated[
        str, typer.Option(help="Method that the variants start from, also with other numbers, gentle:strength=0.15.")
    ] = "ts-attn",
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for outcomes and tables, also one of tsattn eval shapes'."),
    ] = Path("sweep"),
    page: Annotated[
        str | None,
        typer.Option(help="Name of the page and its pictures in that folder, which can hold several. (default: sweep)"),
    ] = None,
    model: Annotated[str, MODEL] = "shapes",
    n: Annotated[int, typer.Option(help="Prompts for each variant, number of events and seed.", min=1)] = 100,
    seed: Annotated[list[int] | None, typer.Option(help="Which prompts; may be repeated. (default: 0)", min=0)] = None,
    steps: Annotated[int | None, STEPS] = None,
    workers: Annotated[int | None, WORKERS] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw pictures too.")] = True,
) -> None:
    """Measure variants of TS-Attn side by side: what the paper leaves open. (docs/effect.md)

    Stopped at any moment, the same command goes on where it was. The final table's prompts are never drawn.

    Example: tsattn eval sweep --question r-max --question subject -o out/sweep --n 50
    """
    from tsattn.cli.evaluating import run_sweep

    run_sweep(
        question, output, page=page, start=start, model=model, n=n, seeds=seed or (0,), steps=steps, workers=workers,
        plots=plots,
    )  # fmt: skip


@eval_app.command("gates")
def eval_gates(
    gate: Annotated[list[str] | None, typer.Option(help="g1 to g6; may be repeated. (default: all)")] = None,
    n: Annotated[int, typer.Option(help="Prompts, or true clips, for each gate.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Which prompts.", min=0)] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of tsattn eval shapes to take videos' outcomes from and add to."),
    ] = None,
    model: Annotated[str, MODEL] = "shapes",
    steps: Annotated[int | None, STEPS] = None,
    workers: Annotated[int | None, WORKERS] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")] = False,
) -> None:
    """Measure whether the method's premises hold in the embedded model; exits with 1 where one does not. (docs/effect.md)

    Example: tsattn eval gates --gate g3 --gate g6 --n 20
    """
    from tsattn.cli.gating import run_gates

    run_gates(gate, output, model=model, n=n, seed=seed, steps=steps, workers=workers, as_json=json)
