"""The embedded world: moving shapes, rendered with exact truth, a verifier, and a tiny Wan model trained on them.

world     scenes, prompts and pictures      verifier  pixels back into events
model     the packaged weights, a stock diffusers folder
"""

from __future__ import annotations

from pathlib import Path

MODEL = Path(__file__).parent / "model"
"""Folder of the embedded model; it opens with stock `diffusers.WanPipeline.from_pretrained`."""
