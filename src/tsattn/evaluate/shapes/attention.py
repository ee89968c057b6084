"""Where the model looks on true clips: rendered, encoded, noised to the levels of the controlled steps, and given their prompt.

There it is known where the subject is and which event happens when, so that region and attention can be held against them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsattn.control import ControlConfig, control
from tsattn.evaluate.shapes.cases import Case, plan_of
from tsattn.generate import SHAPES_SETTINGS, Model
from tsattn.plan.timeline import Clip, Stretch, snap_plan
from tsattn.settings import Settings
from tsattn.shapes.world import Scene, coverage, first_frame, render, track

if TYPE_CHECKING:
    from torch import Tensor

    from tsattn.attention.region import Grid
    from tsattn.control.session import Session
    from tsattn.control.state import Sight

COVERED = 0.5
"""A token belongs to the object that covers this share of its pixels or more, on average over the frames it stands for."""


class Glance(NamedTuple):
    """One layer in one step, for one clip.

    `overlap` is the intersection over union of the motion region with the object's tokens, `uneroded` that of the region
    before it is cleaned. `own` and `other` are shares of a token's attention on the words of the event that happens there
    and then, and of each other event of the prompt: mean over the segments of all tokens, `object_own` and `object_other`
    of the object's. A share of attention on several words grows with their number, but each event counts once as own and
    in all other segments as other, so that the two compare.
    """

    overlap: float
    uneroded: float
    own: float
    other: float
    object_own: float
    object_other: float


def glances(model: Model, case: Case, settings: Settings = SHAPES_SETTINGS) -> NDArray[np.float64]:
    """What `Glance` says of the own clip of a case of one subject, (controlled steps, layers, fields of Glance).

    The steps are those in which the paper's setting acts; the noise is that of the case. A model that starts from an
    image gets the clip's first frame. One event alone has no other: its fields are not numbers.
    """
    import torch

    scene, plan = case.scene, plan_of(case, "true")
    clip, pipe = model.facts.clip(settings), model.pipe
    true = _encoded(pipe.vae, scene)
    noise = torch.randn(true.shape, generator=torch.Generator().manual_seed(case.noise))
    pipe.scheduler.set_timesteps(settings.steps)
    levels = [float(level) for level in pipe.scheduler.sigmas]
    paper = ControlConfig.paper()
    wanted = paper.controlled_steps(model.facts.family.pipelines[type(pipe).__name__], settings.steps)

    def noised(step: int) -> Tensor:
        return (1 - levels[step]) * true + levels[step] * noise

    def next_level(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._interrupt = step + 1 == wanted
        return {"latents": noised(step + 1)}

    with torch.no_grad(), control(pipe, plan, config=replace(paper, strength=0.0), fps=settings.fps):
        watcher = _watching(pipe, wanted, scene, snap_plan(plan, clip)[0], clip)
        pipe(
            **({"image": first_frame(scene)} if model.facts.takes_image else {}),
            prompt=plan.prompt, latents=noised(0), guidance_scale=1.0, num_inference_steps=settings.steps,
            height=settings.height, width=settings.width, num_frames=settings.frames, output_type="latent",
            callback_on_step_end=next_level,
        )  # fmt: skip
    return np.array(watcher.seen).reshape(wanted, -1, len(Glance._fields))


def object_tokens(scene: Scene, clip: Clip, grid: Grid) -> NDArray[np.bool_]:
    """Which tokens (f, y, x) belong to a scene's subject, by `COVERED`."""
    (actor,) = scene.actors
    cover = coverage(actor.role.shape, track(actor))
    height, width = (side // count for side, count in zip(cover.shape[1:], grid[1:], strict=True))
    tokens = cover.reshape(len(cover), grid.rows, height, grid.columns, width).mean((2, 4))
    first = [clip.first_frame(latent) for latent in range(grid.frames + 1)]
    joined = [tokens[a:b].mean(0) for a, b in pairwise(first)]
    found: NDArray[np.bool_] = np.stack(joined) >= COVERED
    return found


class _Watcher:
    """An observer of control that keeps glances, layer by layer and step by step."""

    def __init__(self, session: Session, steps: int, scene: Scene, due: list[Stretch], clip: Clip) -> None:
        self._session, self._steps = session, steps
        self._scene, self._due, self._clip = scene, due, clip
        self.seen: list[Glance] = []

    def wants(self, step: int) -> bool:
        """Only the controlled steps."""
        return step < self._steps

    def note(self, sight: Sight) -> None:
        """Take the numbers of one layer."""
        import torch

        from tsattn.attention.region import motion_region, subject_map

        grid = self._session.state.grid
        assert grid is not None
        mine = torch.from_numpy(object_tokens(self._scene, self._clip, grid)).flatten()
        looks = subject_map(sight.query, sight.key, sight.timelines[0].subject, scale=sight.scale)
        overlap, uneroded = (
            _overlap(motion_region(looks, grid, erosion=size), mine) for size in (sight.rule.erosion, 1)
        )
        mass = self._mass(sight).view(grid.frames, -1, len(self._due))
        inside = mine.view(grid.frames, -1)
        own, other = self._own_and_other(mass, torch.ones_like(inside))
        object_own, object_other = self._own_and_other(mass, inside)
        self.seen.append(Glance(overlap, uneroded, own, other, object_own, object_other))

    def _mass(self, sight: Sight) -> Tensor:
        """Share of every token's attention on the words of each event, (q, events)."""
        from tsattn.attention.mass import word_mass
        from tsattn.inspect.averages import groups_of

        columns = self._session.state.texts[0].columns
        groups = groups_of(columns, len(sight.key))[:, : len(self._due)]
        nowhere = sight.timelines[0].subject.new_zeros(1, len(sight.query)).bool()
        rule = sight.rule._replace(strength=0.0)
        return word_mass(
            sight.query, sight.key, sight.counts, groups, sight.timelines, nowhere, scale=sight.scale, rule=rule
        ).before

    def _own_and_other(self, mass: Tensor, where: Tensor) -> tuple[float, float]:
        """Mean mass over the segments: of the event that is due, and of each that is not."""
        # segment × event
        each = np.array([mass[first:last][where[first:last]].mean(0).tolist() for first, last in self._due])
        due = np.eye(len(each), dtype=bool)
        return float(each[due].mean()), float(each[~due].mean()) if len(each) > 1 else float("nan")


def _watching(pipe: Any, steps: int, scene: Scene, due: list[Stretch], clip: Clip) -> _Watcher:
    from tsattn.control.session import MARK

    session: Session = getattr(pipe, MARK)
    watcher = _Watcher(session, steps, scene, due, clip)
    session.state.observer = watcher
    return watcher


def _encoded(vae: Any, scene: Scene) -> Tensor:
    """The latents (1, c, f, y, x) of a scene's clip as the denoiser knows them."""
    import torch

    video = torch.from_numpy(render(scene)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    mean, std = (torch.tensor(vae.config[name]).view(1, -1, 1, 1, 1) for name in ("latents_mean", "latents_std"))
    with torch.no_grad():
        latents: Tensor = (vae.encode(video).latent_dist.mean - mean) / std
    return latents


def _overlap(region: Tensor, mine: Tensor) -> float:
    """Intersection over union of two sets of tokens (q,)."""
    union = (region | mine).sum()
    return float((region & mine).sum() / union) if union else 0.0
