"""What is known of the run in progress: step, branch, prompts, grid; and what follows from it for the attention calls."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from torch.utils.weak import WeakTensorKeyDictionary

from tsattn.attention.rule import Rule
from tsattn.attention.shard import Shard
from tsattn.attention.split import Columns, Timeline
from tsattn.control.config import ControlConfig
from tsattn.control.timelines import timelines_of
from tsattn.errors import ControlError, SpanError
from tsattn.plan.schema import Plan, Segment
from tsattn.plan.spans import SubjectColumns, Tokens
from tsattn.plan.timeline import Clip, Stretch, snap_plan

if TYPE_CHECKING:
    import torch

    from tsattn.attention.region import Grid
    from tsattn.control.switch import OwnPrompts


class Text(NamedTuple):
    """A plan's prompt as the pipeline tokenized it, and the text columns of the plan's words."""

    plan: Plan
    tokens: Tokens
    columns: list[SubjectColumns]


class Sample(NamedTuple):
    """What TS-Attn needs to act on one sample: the columns to compute, and every subject's timeline on them."""

    columns: Columns
    timelines: list[Timeline]


class Sight(NamedTuple):
    """One sample with a prompt in one attention call, as an observer is shown it; the names are `controlled_rows`'."""

    number: int
    query: torch.Tensor
    key: torch.Tensor
    """Of the computed columns only."""
    counts: torch.Tensor
    timelines: list[Timeline]
    scale: float
    rule: Rule
    masks: torch.Tensor
    raw: tuple[torch.Tensor, torch.Tensor] | None = None
    rest: torch.Tensor | None = None
    """Log-sum-exp (h, q) of the logits on the video's keys, in joint attention."""


class Observer(Protocol):
    """Looks on while a run goes by, and changes nothing."""

    def wants(self, step: int) -> bool:
        """Whether to be shown the passes with the prompts in a denoising step."""

    def note(self, sight: Sight) -> None:
        """Called in each of them for every sample of every attention call, before anything is changed there."""


@dataclass
class State:
    """The run in progress. `tracking` writes it, `call` reads it."""

    texts: list[Text] = field(default_factory=list)
    """One for each prompt of the run, in order."""
    videos_per_prompt: int = 1
    embeddings: torch.Tensor | None = None
    """What the pipeline's text encoder made of the prompts, (prompts · videos, k, d)."""
    compared: MutableMapping[torch.Tensor, bool] = field(default_factory=WeakTensorKeyDictionary)
    """Whether embeddings that the transformer was given in this run, and that were looked at, are those."""
    encode: Callable[[list[str]], torch.Tensor] | None = None
    """Encodes further prompts as the pipeline encoded its own, (n, k, d); None where it was given embeddings."""
    own: OwnPrompts | None = None
    """Prompts of the segments, where these have some of their own (see `control.switch`)."""
    longer: MutableMapping[torch.Tensor, torch.Tensor] = field(default_factory=WeakTensorKeyDictionary)
    """Embeddings that the transformer was given in this run, with those of `own` behind them."""
    step: int = 0
    """Denoising steps finished so far."""
    steps: int | None = None
    """Denoising steps of the run; None before the scheduler knows."""
    branch: str | None = None
    """Name of the open `cache_context`."""
    acting: bool = False
    """Whether attention calls act right now: only inside a forward pass with the prompt, in a controlled step."""
    observer: Observer | None = None
    """Who looks on, if anybody."""
    watched: bool = False
    """Whether the observer is shown the attention calls right now: only inside a forward pass with the prompt."""
    grid: Grid | None = None
    """Video tokens of a sample in that pass."""
    text: int = 0
    """Text columns of a sample in that pass."""
    whole: int = 0
    """Those of them that are the whole prompt's."""
    leading: int = 0
    """Tokens of a sample in front of the video's in that pass."""
    shard: Shard | None = None
    """The stretch of those tokens that this process holds; None for all."""
    samples: int = 0
    """Samples in that pass, those with the prompts last."""
    turn: int = 0
    """Sample of that pass that comes next, where attention is called for one at a time."""
    acted: int = 0
    """Attention calls that acted or were watched in the current or last such pass of this run."""
    runs: int = 0
    """Runs since control was switched on."""
    raw: dict[str, torch.Tensor] = field(default_factory=dict)
    """"query" and "key" of the attention call in progress before their norms, (b, q or k, h · d), where asked for."""
    config: ControlConfig = field(default_factory=ControlConfig)
    """How control acts."""
    identical_pads: bool = False
    """Whether the text columns behind the prompt's are one and the same."""
    clip: Clip | None = None
    _samples: dict[tuple[object, ...], Sample] = field(default_factory=dict)

    @property
    def prompted(self) -> int:
        """Samples that carry a prompt: every prompt times its videos."""
        return len(self.texts) * self.videos_per_prompt

    def begin(self) -> None:
        """A new run."""
        self.texts, self.embeddings, self.videos_per_prompt, self.encode = [], None, 1, None
        self.compared.clear()
        self.step, self.steps, self.acted = 0, None, 0
        self.leave()
        self.runs += 1
        self._forget()

    def _forget(self) -> None:
        """Drop what was made for a grid."""
        self._samples.clear()
        self.longer.clear()
        self.own = None

    def enter(
        self, grid: Grid, samples: int, text: int, leading: int, clip: Clip, *, acting: bool, watched: bool
    ) -> None:
        """A forward pass with the prompts begins, in which to act or to be watched.

        Raises `ControlError` where the batch is not the prompts' number of videos, alone or behind as many others;
        `PlanError` where a plan does not fit the clip.
        """
        if samples not in (self.prompted, 2 * self.prompted):
            raise ControlError(
                f"expected a batch of {len(self.texts)} prompts with {self.videos_per_prompt} videos each, got {samples}"
            )
        if grid != self.grid:
            self._forget()
        self.grid, self.samples, self.leading, self.clip = grid, samples, leading, clip
        self.text = self.whole = text
        if not self._samples:
            for one in self.texts:
                snap_plan(one.plan, clip)
        self.turn, self.acted, self.acting, self.watched = 0, 0, acting, watched

    def leave(self) -> None:
        """The forward pass is over, or was left without notice."""
        self.acting = self.watched = False

    def sample(self, number: int, length: int, device: torch.device) -> Sample:
        """Columns and timelines of prompted sample `number`, for `length` text columns on a device; kept for the run."""
        prompt = number // self.videos_per_prompt
        key = (prompt, length, device)
        if key not in self._samples:
            self._samples[key] = self._sample(prompt, length, device)
        return self._samples[key]

    def _sample(self, prompt: int, length: int, device: torch.device) -> Sample:
        import torch

        text, words = self.texts[prompt], self.texts[prompt].tokens.length
        if words > length:
            raise SpanError(f"the prompt takes {words} text columns, but the model was given only {length}")
        index = torch.arange(min(words + 1, length) if self.identical_pads else length, device=device)
        count = torch.ones(len(index), device=device)
        if self.identical_pads and words < length:
            count[-1] = length - words
        parts, stretches = self._stretches(text.plan)
        found = timelines_of(text.columns, stretches, parts=parts, length=len(index), config=self.config)
        there = [Timeline(*(tensor.to(device) for tensor in timeline)) for timeline in found]
        return Sample(Columns(index, count), there)

    def _stretches(self, plan: Plan) -> tuple[int, list[list[Stretch]]]:
        """Into how many equal parts the video tokens are cut, and the parts of every event, per subject."""
        assert self.grid is not None and self.clip is not None
        if not self.config.released_code:
            return self.grid.frames, snap_plan(plan, self.clip)
        tokens, clip = self.grid.tokens, self.clip

        def cut(segment: Segment) -> Stretch:
            end = clip.frames if segment.end is None else clip.frame_at(segment.end, segment.unit)
            moments = clip.frame_at(segment.start, segment.unit), end
            return Stretch(*(round(moment / clip.frames * tokens) for moment in moments))

        return tokens, [[cut(event.segment) for event in subject.events] for subject in plan.subjects]
