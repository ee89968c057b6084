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

_CHOSEN = (
    "allegro-t2v", "cogvideox-1.5-i2v", "cosmos-t2v", "cosmos-2-i2v", "hunyuan-video-t2v-true-cfg",
    "hunyuan-video-i2v-latent-concat", "hunyuan-skyreels-i2v", "hunyuan-video-1.5-i2v", "kandinsky-5-t2v", "ltx-t2v",
    "mochi-t2v", "sana-video-t2v", "skyreels-v2-t2v", "skyreels-v2-i2v", "wan-2.1-t2v", "wan-2.1-v2v", "wan-vace",
)  # fmt: skip
ONE_OF_EACH = [case for case in CASES if case.name in _CHOSEN]
"""A case of every family."""
