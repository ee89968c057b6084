"""From a plan to a video: open a model, run its pipeline with and without control, and time it."""

from __future__ import annotations

import difflib
import inspect
import json
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsattn.control import ControlConfig, control
from tsattn.errors import ModelError, PlanError, TsattnError
from tsattn.inspect import record as recording
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip
from tsattn.settings import Settings
from tsattn.shapes import MODEL, MODEL_I2V

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from tsattn.control.family import Family, Timing
    from tsattn.inspect.store import Record
    from tsattn.plan.spans import SubjectColumns, Tokens
    from tsattn.video import Frames

EMBEDDED = "shapes"
"""Name of the model that comes with tsattn and is taken where none is named."""
EMBEDDED_I2V = "shapes-i2v"
"""Name of the one that starts from an image."""
SHAPES_SETTINGS = Settings(height=64, width=64, frames=25, fps=8.0, steps=20, guidance=2.0)
"""What the embedded models were trained for and are measured at."""


class Embedded(NamedTuple):
    """A model that comes with tsattn: its folder, its task, "t2v" or "i2v", and what it is best run with and controlled by."""

    folder: Path
    task: str
    settings: Settings
    control: ControlConfig

    @property
    def is_there(self) -> bool:
        """Whether this copy of tsattn holds its weights."""
        return (self.folder / "model_index.json").is_file()


EMBEDDED_MODELS: Mapping[str, Embedded] = {
    EMBEDDED: Embedded(MODEL, "t2v", SHAPES_SETTINGS, ControlConfig.gentle()),
    EMBEDDED_I2V: Embedded(MODEL_I2V, "i2v", SHAPES_SETTINGS, ControlConfig.gentle()),
}
"""All models that come with tsattn, by name; the exact verifier knows their world."""
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
"""What the id of a model on the hub looks like."""


class Description(NamedTuple):
    """What a model's configuration files say, before any weight is read."""

    name: str
    source: str
    """A folder or a hub id."""
    family: Family
    settings: Settings
    """What it is best run with."""
    timing: Timing
    """Frames in a latent frame."""
    longest: int
    """Most latent frames it can make."""
    takes_image: bool
    """Whether it starts from an image."""
    control: ControlConfig = ControlConfig.paper()
    """How it is controlled where nothing else is asked for: the paper's setting, if no other is known to do better on it."""

    def clip(self, settings: Settings) -> Clip:
        """The clip that the pipeline makes of these settings.

        Raises `PlanError` where that is longer than the model can make, or of a size that an embedded one was not trained for.
        """
        size, known = (settings.width, settings.height), (SHAPES_SETTINGS.width, SHAPES_SETTINGS.height)
        if self.name in EMBEDDED_MODELS and size != known:
            raise PlanError(
                f"{self.name} makes videos of {known[0]} x {known[1]} pixels only, but {size[0]} x {size[1]} were asked for"
            )
        clip = Clip.made(settings.frames, settings.fps, *self.timing)
        if clip.latent_frames > self.longest:
            most = self.timing.opening + (self.longest - 1) * self.timing.compression
            raise PlanError(f"{self.name} makes {most} frames at the most, but {settings.frames} were asked for")
        return clip


class Model(NamedTuple):
    """An opened pipeline and what is known of it."""

    pipe: Any
    facts: Description


class Run(NamedTuple):
    """A generated video, the seconds its pipeline call took, and what was recorded of it."""

    video: Frames
    seconds: float
    record: Record | None = None


def check_model_name(name: str) -> None:
    """Raise `ModelError` where a model cannot be found, before anything heavy is imported."""
    path = Path(name)
    try:
        folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise ModelError(f"cannot look for the model {name!r}: {error.strerror}") from error
    if name in EMBEDDED_MODELS:
        embedded = EMBEDDED_MODELS[name]
        if not embedded.is_there:
            raise ModelError(
                f"the embedded model {name!r} has no weights in this copy of tsattn; make them "
                f"with `make {'train-i2v' if embedded.task == 'i2v' else 'train'}` in a copy of the source"
            )
        return
    if folder:
        if not (path / "model_index.json").is_file():
            raise ModelError(f"the folder {name} holds no diffusers pipeline: it has no model_index.json")
        return
    if exists or not HUB_ID.fullmatch(name):
        close = difflib.get_close_matches(name, list(EMBEDDED_MODELS), cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ModelError(
            f"unknown model {name!r}: {hint}give {EMBEDDED!r} (embedded), the folder of a diffusers pipeline, or a hub id "
            "such as Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
        )


def describe(name: str) -> Description:
    """Read what kind of model an embedded one, a folder or a hub id is, from its configuration files alone.

    Raises `ModelError` where it cannot be found or read, `UnsupportedPipelineError` where no family knows it.
    """
    import diffusers

    from tsattn.control.registry import family_named

    check_model_name(name)
    embedded = EMBEDDED_MODELS.get(name)
    source = str(embedded.folder) if embedded else name
    with _reading(name):
        index = diffusers.DiffusionPipeline.load_config(source)
        pipeline = str(index["_class_name"])
        family = family_named(pipeline)
        vae = getattr(diffusers, family.vae_class).load_config(source, subfolder="vae")
        part = next(part for part in family.transformers if (index.get(part) or [None])[0])
        transformer = getattr(diffusers, family.transformer_class).load_config(source, subfolder=part)
        timing, longest = family.timing(vae, transformer), family.longest(transformer)
        settings = embedded.settings if embedded else replace(family.settings, **family.variant(transformer))
        setting = embedded.control if embedded else ControlConfig.paper()
    parameters = inspect.signature(getattr(diffusers, pipeline).__call__).parameters
    if family.pipelines[pipeline] == "i2v" and "image" not in parameters:
        raise ModelError(
            f"{name} is a {pipeline}, which starts from a video; call it from Python, inside `with tsattn.control(...)`"
        )
    return Description(name, source, family, settings, timing, longest, family.pipelines[pipeline] == "i2v", setting)


def embedded_clip(settings: Settings) -> Clip:
    """The clip that the embedded model makes of these settings, of any length; imports nothing heavy, as `describe` does."""
    vae = json.loads((MODEL / "vae" / "config.json").read_text(encoding="utf-8"))
    return Clip.made(settings.frames, settings.fps, vae["scale_factor_temporal"])


def open_model(facts: Description, *, gpu: bool = True) -> Model:
    """Read the weights; on a GPU where one may be used and is there, part by part where they do not fit it together.

    Weights are in bfloat16 on a GPU, except for the autoencoder's, which loses detail in it. Raises `ModelError` where
    they cannot be read, `UnsupportedPipelineError` where the pipeline is not what its configuration promised.
    """
    import torch
    from diffusers import DiffusionPipeline

    from tsattn.control.registry import family_of

    gpu = gpu and torch.cuda.is_available() and facts.name not in EMBEDDED_MODELS
    with _reading(facts.name):
        dtype = {"default": torch.bfloat16, "vae": torch.float32} if gpu else torch.float32
        pipe = DiffusionPipeline.from_pretrained(facts.source, dtype=dtype)
    family_of(pipe)
    pipe.set_progress_bar_config(disable=True)
    if gpu:
        modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
        size = sum(weight.nbytes for module in modules for weight in module.parameters())
        if size < 0.8 * torch.cuda.mem_get_info()[0]:
            pipe.to("cuda")
        else:
            pipe.enable_model_cpu_offload()
    return Model(pipe, facts)


def words_of(facts: Description, plan: Plan) -> tuple[Tokens, list[SubjectColumns]]:
    """A plan's prompt as the model's pipeline tokenizes it, and its words' columns; reads no weights.

    Raises `ModelError` where a tokenizer cannot be read, `SpanError` where words of the plan are not all there.
    """
    import diffusers

    from tsattn.control.texts import defaults, text_of

    with _reading(facts.name):
        index = diffusers.DiffusionPipeline.load_config(facts.source)
        light = ("tokenizer", "processor", "scheduler")
        heavy = [name for name, part in index.items() if isinstance(part, list) and not any(map(name.count, light))]
        pipe = getattr(diffusers, index["_class_name"]).from_pretrained(facts.source, **dict.fromkeys(heavy))
    text = text_of(pipe, facts.family, plan, defaults(pipe))
    return text.tokens, text.columns


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Silence progress bars of libraries, and turn what a broken or missing file raises into a `ModelError`."""
    import diffusers
    import transformers
    from huggingface_hub.errors import LocalEntryNotFoundError
    from safetensors import SafetensorError

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each time it tries again
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="huggingface_hub")
            yield
    except TsattnError:
        raise
    except (
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        ImportError,
        RuntimeError,
        SafetensorError,
        StopIteration,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error.__cause__ or error.__context__, LocalEntryNotFoundError):
            reason = "it is not on this machine, and the hub cannot be reached"
        raise ModelError(f"cannot open {name!r} as a diffusers pipeline: {reason}") from error


def generate(
    model: Model,
    plan: Plan,
    settings: Settings,
    *,
    config: ControlConfig | None,
    image: Image | None = None,
    record: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> Run:
    """Run the pipeline once on the plan's prompt, under control with `config`, or alone where that is None.

    `image` is what a model that takes one starts from. The same seed gives the same start noise in both. With `record`,
    attention is recorded in the controlled steps, for which there must be a `config`. `on_step` is called after every
    denoising step.
    """
    controlled = nullcontext() if config is None else control(model.pipe, plan, config=config, fps=settings.fps)
    with controlled, recording(model.pipe) if record else nullcontext() as recorder:
        run = run_pipeline(model, plan.prompt, settings, image=image, after_step=lambda latents: on_step())
    return run._replace(record=recorder.record if recorder else None)


def run_pipeline(
    model: Model,
    prompt: str,
    settings: Settings,
    *,
    image: Image | None = None,
    after_step: Callable[[Tensor], Tensor | None],
) -> Run:
    """Call the pipeline once on a prompt, as it is.

    `after_step` gets the latents after every denoising step, and gives those to go on with, or None for the same. Raises
    `PlanError` where the pipeline refuses the settings.
    """
    import torch

    begun = False

    def callback(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        nonlocal begun
        begun = True
        latents = after_step(tensors["latents"])
        return {} if latents is None else {"latents": latents}

    given = {
        "height": settings.height,
        "width": settings.width,
        "num_frames": settings.frames,
        "frames": settings.frames,  # as SANA-Video has it
        "num_inference_steps": settings.steps,
        "guidance_scale": settings.guidance,
        "generator": torch.Generator().manual_seed(settings.seed),
        "callback_on_step_end": callback,
        "output_type": "np",
        "image": image,
    }
    # some pipelines take the size from their image, or guide by a component of their own
    known = inspect.signature(type(model.pipe).__call__).parameters
    given = {name: value for name, value in given.items() if name in known and value is not None}
    began = time.perf_counter()
    try:
        frames = model.pipe(prompt=prompt, **given).frames[0]
    except ValueError as error:  # which pipelines raise for sizes that do not fit
        if begun or isinstance(error, TsattnError):
            raise
        raise PlanError(
            f"{type(model.pipe).__name__} refuses these settings: {' '.join(str(error).split())}"
        ) from error
    seconds = time.perf_counter() - began
    return Run(np.round(np.asarray(frames) * 255).clip(0, 255).astype(np.uint8), seconds)
