"""Trying the seam on every attention module before a run relies on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tsattn.attention.region import Grid
from tsattn.attention.rule import Rule
from tsattn.attention.split import Columns, Timeline
from tsattn.control.call import AttentionCall
from tsattn.control.state import Sample, State
from tsattn.control.undo import Undo
from tsattn.errors import ControlError

if TYPE_CHECKING:
    from tsattn.control.family import Family, Probe, Site


class Trial(AttentionCall):
    """An attention that does all of TS-Attn's work on all video tokens with nothing added, held against the model's own.

    It raises where they differ: then layout, scale or masking are not what the family states. The budget, the square root
    of the dtype's epsilon, is wide enough for quantised kernels and far below such a mistake.
    """

    def __init__(self, original: Callable[..., Tensor], family: Family) -> None:
        super().__init__(original, family, _TrialState(), Rule(strength=0.0, region=False))
        self.tried = 0

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As the model's attention, whose result is returned."""
        expected = self.original(query, key, value, *args, **kwargs)
        self.tried += self._mixes(key)
        found = super().__call__(query, key, value, *args, **kwargs)
        error = (found - expected).abs().max()
        if not error <= torch.finfo(expected.dtype).eps ** 0.5 * value.abs().max():
            raise ControlError(
                f"the {self.family.name} family's attention differs from tsattn's by {error:.2g} before anything is "
                "changed; this model or attention backend is not supported"
            )
        return expected

    @torch.no_grad()
    def run(self, site: Site, probe: Probe, device: torch.device, dtype: torch.dtype, processor: type) -> None:
        """One pass of a site's module with a `processor` must reach this attention once and change not one bit."""
        generator = torch.Generator().manual_seed(0)
        lengths = ((self._grid.tokens, probe.video), (probe.columns, probe.text))
        video, text = (torch.randn(1, *shape, generator=generator).to(device, dtype) for shape in lengths)
        more = {name: x.to(device) if isinstance(x, Tensor) else x for name, x in probe.more.items()}
        self.state.text = probe.keys or probe.columns
        undo, tried = Undo(), self.tried
        try:
            # caches put hooks on attention modules, which must neither see a trial nor remember it
            forward = type(site.module).forward
            expected = forward(site.module, video, text, **more)
            undo.set(site.module, "processor", processor(site.module.processor))
            found = forward(site.module, video, text, **more)
        except ControlError:
            raise
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ControlError(
                f"{site.name} cannot be tried before a run, so tsattn was not switched on: {error}"
            ) from error
        finally:
            undo.all()
        both = ((x,) if isinstance(x, Tensor) else x for x in (expected, found))
        same = all(torch.equal(one, other) for one, other in zip(*both, strict=True))
        if self.tried != tried + 1 or not same:
            raise ControlError(
                f"{site.name} does not give its own result through tsattn before anything is changed; this model is not "
                "supported in this release of diffusers"
            )


class _TrialState(State):
    """A run of one sample with one event, due everywhere."""

    def __init__(self) -> None:
        super().__init__(acting=True, grid=Grid(2, 2, 2), samples=1)

    @property
    def prompted(self) -> int:
        return 1

    def sample(self, number: int, length: int, device: torch.device) -> Sample:
        index, words = torch.arange(length, device=device), torch.ones(length, device=device)
        due = torch.ones(2, length, dtype=torch.bool, device=device)
        return Sample(Columns(index, words), [Timeline(words, index, due, ~due)])
