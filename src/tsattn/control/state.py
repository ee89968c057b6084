"""What is known of the run in progress: step, branch, prompts, grid; and what follows from it for the attention calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tsattn.attention.split import Columns, Timeline
from tsattn.errors import ControlError, SpanError
from tsattn.plan.schema import Plan
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip, Stretch, snap_plan

if TYPE_CHECKING:
    import torch

    from tsattn.attention.region import Grid


class Text(NamedTuple):
    """A plan's prompt as the pipeline tokenized it, and the text columns of the plan's words."""

    plan: Plan
    tokens: Tokens
    columns: list[SubjectColumns]


class Sample(NamedTuple):
    """What TS-Attn needs to act on one sample: the columns to compute, every subject's timeline on them, the token grid."""

    columns: Columns
    timelines: list[Timeline]
    grid: Grid


@dataclass
class State:
    """The run in progress. `tracking` writes it, `call` reads it."""

    texts: list[Text] = field(default_factory=list)
    """One for each prompt of the run, in order."""
    videos_per_prompt: int = 1
    step: int = 0
    """Denoising steps finished so far."""
    steps: int | None = None
    """Denoising steps of the run; None before the scheduler knows."""
    branch: str | None = None
    """Name of the open `cache_context`."""
    grid: Grid | None = None
    acting: bool = False
    """Whether attention calls act right now: only inside a conditional forward pass of a controlled step."""
    acted: int = 0
    """Attention calls that acted in the current or last conditional forward pass of a controlled step of this run."""
    runs: int = 0
    """Runs since control was switched on."""
    _samples: dict[tuple[object, ...], Sample] = field(default_factory=dict)

    def begin(self, texts: list[Text], videos_per_prompt: int) -> None:
        """A new run with these prompts."""
        self.texts, self.videos_per_prompt = texts, videos_per_prompt
        self.step, self.steps, self.acting, self.acted = 0, None, False, 0
        self.runs += 1
        self._samples.clear()

    def sample(self, number: int, length: int, device: torch.device) -> Sample:
        """Columns and timelines of sample `number` in a batch, for `length` text columns on a device."""
        prompt = number // self.videos_per_prompt
        key = (prompt, length, device, self.grid)
        if key not in self._samples:
            raise ControlError(
                f"sample {number} with {length} text columns was not prepared; this is a defect in tsattn"
            )
        return self._samples[key]

    def prepare(self, grid: Grid, samples: int, length: int, device: torch.device, clip: Clip) -> None:
        """Build columns and timelines for every sample of a batch, once for each prompt and shape of a run.

        Raises `ControlError` where the batch is not the prompts' number of videos, `PlanError` where a plan does not fit
        the clip.
        """
        if samples != len(self.texts) * self.videos_per_prompt:
            raise ControlError(
                f"expected a batch of {len(self.texts)} prompts with {self.videos_per_prompt} videos each, got {samples}"
            )
        self.grid = grid
        for prompt, text in enumerate(self.texts):
            key = (prompt, length, device, grid)
            if key not in self._samples:
                self._samples[key] = _sample(text, length, device, snap_plan(text.plan, clip), grid)


def _sample(
    text: Text, length: int, device: torch.device, stretches: Sequence[Sequence[Stretch]], grid: Grid
) -> Sample:
    import torch

    words = text.tokens.length
    if words > length:
        raise SpanError(f"the prompt has {words} tokens, but the model was given only {length} text columns")
    pads = length - words
    index = torch.arange(min(words + 1, length), device=device)
    count = torch.ones(len(index), device=device)
    if pads:
        count[-1] = pads
    timelines = []
    for subject, due in zip(text.columns, stretches, strict=True):
        chosen = torch.zeros(len(index))
        chosen[list(subject.subject)] = 1
        current = torch.zeros(grid.frames, len(index), dtype=torch.bool)
        for columns, stretch in zip(subject.events, due, strict=True):
            current[stretch.first : stretch.last, list(columns)] = True
        every = torch.zeros(len(index), dtype=torch.bool)
        every[[column for columns in subject.events for column in columns]] = True
        # a frame in which nothing is due asks for nothing; a column that is due now is never suppressed
        other = every & ~current & current.any(-1, keepdim=True)
        timelines.append(Timeline(chosen.to(device), current.to(device), other.to(device)))
    return Sample(Columns(index, count), timelines, grid)
