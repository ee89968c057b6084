"""The pictures of a report, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsattn.evaluate.drawing import FAINT, LINE, WHISKER, arms, as_svg, literal, new_figure
from tsattn.evaluate.storyeval.score import COUNTS
from tsattn.palette import event_colour

if TYPE_CHECKING:
    from tsattn.evaluate.storyeval.runs import Rated

ROWS = ("human", "animal", "object", "retrieval", "creative", "easy", "medium", "hard", *COUNTS, "all")


def draw_scores(rated: Sequence[Rated]) -> str:
    """The score of each run on each class, with the interval of the average."""
    names = [name for name in ROWS if any(one.scores.classes[name] is not None for one in rated)]
    with new_figure(max(7.5, len(names) * (0.35 + 0.15 * len(rated))), 3.6) as figure:
        axes = figure.subplots()
        wide = 0.8 / len(rated)
        for number, one in enumerate(rated):
            at = [k + (number - (len(rated) - 1) / 2) * wide for k in range(len(names))]
            heights = [100 * (one.scores.classes[name] or 0.0) for name in names]
            axes.bar(at, heights, width=wide * 0.92, color=event_colour(number), label=literal(one.run.label))
            if one.average:
                axes.errorbar(at[-1], heights[-1], yerr=arms(one.average), **WHISKER)
        axes.set_xticks(range(len(names)), [_shown(name) for name in names], rotation=35, ha="right")
        axes.axvline(len(names) - 1.5, color=LINE, linewidth=1)
        axes.set_ylabel("score in percent")
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside upper left", ncols=min(4, len(rated)), frameon=False)
        return as_svg(figure)


def draw_gains(rated: Sequence[Rated]) -> str:
    """What each run gains over the baseline on each class, with intervals."""
    others = [(number, one) for number, one in enumerate(rated) if one.gains]
    names = [name for name in ROWS if any(one.gains[name].gain for _, one in others)]
    with new_figure(7.5, 0.9 + max(1, len(names)) * (0.18 + 0.14 * len(others))) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=FAINT, linewidth=1)
        step = 0.6 / len(others)
        for place, (number, one) in enumerate(others):
            found = [(k, one.gains[name].gain) for k, name in enumerate(names)]
            shown = [(k + (place - (len(others) - 1) / 2) * step, gain) for k, gain in found if gain]
            for k, gain in shown:
                axes.errorbar(100 * gain.mean, k, xerr=arms(gain), **{**WHISKER, "ecolor": event_colour(number)})
            centres = [100 * gain.mean for _, gain in shown]
            axes.scatter(
                centres, [k for k, _ in shown], s=36, color=event_colour(number), label=literal(one.run.label), zorder=3
            )
        axes.set_yticks(range(len(names)), [_shown(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        base = next(one.run.label for one in rated if not one.gains)
        axes.set_xlabel(f"points gained over {literal(base)}, 95 % interval")
        figure.legend(loc="outside upper left", ncols=min(4, len(others)), frameon=False)
        return as_svg(figure)


def _shown(name: str) -> str:
    return "average" if name == "all" else name.replace("_", " ")
