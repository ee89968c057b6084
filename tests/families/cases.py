"""Every family and variant that the contract tests run on, one line each.

Each file beside this one builds the pipelines of a family; nothing is downloaded and all weights are random.
"""

from __future__ import annotations

from tests.families import (
    allegro,
    cogvideox,
    cosmos,
    hunyuan_video,
    hunyuan_video15,
    kandinsky5,
    ltx,
    mochi,
    sana_video,
    skyreels,
    wan,
)

CASES = [
    *allegro.CASES,
    *cogvideox.CASES,
    *cosmos.CASES,
    *hunyuan_video.CASES,
    *hunyuan_video15.CASES,
    *kandinsky5.CASES,
    *ltx.CASES,
    *mochi.CASES,
    *sana_video.CASES,
    *skyreels.CASES,
    *wan.CASES,
]
