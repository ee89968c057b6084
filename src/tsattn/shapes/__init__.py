"""The embedded world: moving shapes, rendered with exact truth, a verifier, and tiny Wan models trained on them.

world     scenes, prompts and pictures      verifier  pixels back into events
model     the packaged weights, a stock diffusers folder; model_i2v  the same of the model that starts from an image
"""

from __future__ import annotations

from pathlib import Path

MODEL = Path(__file__).parent / "model"
"""Folder of the embedded model; it opens with stock `diffusers.WanPipeline.from_pretrained`."""
MODEL_I2V = Path(__file__).parent / "model_i2v"
"""Folder of its image-to-video sibling, for stock `diffusers.WanImageToVideoPipeline.from_pretrained`."""
