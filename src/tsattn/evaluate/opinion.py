"""Which events of its plan a single video shows, by whoever can tell: the exact verifier, or a vision model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsattn.errors import ChatError
from tsattn.evaluate.storyeval.cost import Budget
from tsattn.evaluate.storyeval.items import Item, Video, VideoSet, video_name
from tsattn.evaluate.storyeval.judging import Judging, prepare
from tsattn.evaluate.storyeval.layout import entry
from tsattn.evaluate.storyeval.score import UNANIMOUS
from tsattn.evaluate.storyeval.store import Store
from tsattn.evaluate.verdict import judge
from tsattn.plan.schema import Plan
from tsattn.plan.timeline import Clip

if TYPE_CHECKING:
    from tsattn.evaluate.storyeval.judges import Judge
    from tsattn.evaluate.storyeval.protocol import Protocol
    from tsattn.video import Frames


class Opinion(NamedTuple):
    """For each event, in the order of subjects and their events, whether it is done; None where that is not known.

    `subject_kept` is None where the judge does not say. `unscored` is the reason why nothing is known.
    """

    done: tuple[bool, ...] | None
    subject_kept: bool | None = None
    unscored: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return self.done is not None and all(self.done) and self.subject_kept is not False

    @property
    def merits(self) -> int:
        """Events that are done, and the subject that is kept, counted; for what is unscored nothing is to be counted."""
        return sum(self.done or ()) + (self.subject_kept or 0)


Opine = Callable[[Plan, Clip, "Frames"], Opinion]
"""What gives an opinion of a video (f, y, x, 3) of a plan."""


def by_verifier(plan: Plan, clip: Clip, video: Frames) -> Opinion:
    """The exact verifier's: events count in their own segments."""
    verdict = judge(plan, clip, video)
    if verdict is None:
        return Opinion(None, unscored="the verifier does not know this prompt's world")
    return Opinion(tuple(verdict.in_segment), verdict.subject_kept)


def by_vision_model(model: Judge, protocol: Protocol) -> Opine:
    """What gives a vision model's opinion by the protocol of StoryEval: an event is done where all rounds say so.

    A judge that cannot be asked, or says nothing that counts, leaves the video unscored.
    """

    def opine(plan: Plan, clip: Clip, video: Frames) -> Opinion:
        from tsattn.video import write_mp4

        events = tuple(event.text for subject in plan.subjects for event in subject.events)
        item = Item(video_name(plan.prompt), plan.prompt, events, ())
        with tempfile.TemporaryDirectory(prefix="tsattn-") as name:
            path = Path(name) / "video.mp4"
            write_mp4(path, video, fps=clip.fps)
            case = prepare(Video(item, path), model.name, protocol)
            with Store(Path(name)) as store:
                judging = Judging([case], protocol, store)
                try:
                    judging.run(model, Budget(None, None))
                except ChatError as error:
                    return Opinion(None, unscored=str(error))
                outputs = judging.outcome(case)
        said = entry(item, outputs, videos=VideoSet("", None, ()), judge=model.name, compat=False)
        if "unscored" in said:
            return Opinion(None, unscored=said["unscored"])
        return Opinion(tuple(share > UNANIMOUS for share in said["completion_list_avg"]))

    return opine
