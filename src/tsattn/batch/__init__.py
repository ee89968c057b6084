"""Many videos: prompts x models x methods x seeds, here or on a cluster, resumable.

    spec ──jobs──▶ keys ─driver─▶ engine ──▶ workers
                            │                  │
                   manifest, outputs ◀── bytes of videos

spec         what is asked for                     worker        keeps a model loaded, makes videos
choices      plans, methods and images of a spec   updates       what workers and engines tell
jobs         one for each video, with its key      backlog       which job a worker gets next
outputs      files: whole or absent, one run       placement     how much of a GPU it is given
manifest     what is done, and why not             engine_serial one worker, in this process
driver       what is missing, made and stored      engine_ray    many, on Ray
results      what a folder holds
"""

from __future__ import annotations

from tsattn.batch.driver import Engine, Progress, run
from tsattn.batch.engine_ray import RayEngine
from tsattn.batch.engine_serial import SerialEngine
from tsattn.batch.results import Finished, Unfinished, damaged, finished, unfinished
from tsattn.batch.spec import Spec, load_spec

__all__ = [
    "Engine",
    "Finished",
    "Progress",
    "RayEngine",
    "SerialEngine",
    "Spec",
    "Unfinished",
    "damaged",
    "finished",
    "load_spec",
    "run",
    "unfinished",
]
