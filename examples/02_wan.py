"""A Wan checkpoint under TS-Attn. Without a GPU, and without an argument, the embedded model stands in for it.

python examples/02_wan.py Wan-AI/Wan2.1-T2V-1.3B-Diffusers
"""

import sys

import torch
from diffusers import WanPipeline

import tsattn
from tsattn.shapes import MODEL
from tsattn.video import write_mp4

if len(sys.argv) > 1:
    pipe = WanPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.bfloat16).to("cuda")
    prompt, fps, size = "A cat watches a bowl, then dips its paw into the water, then takes it out", 16, {}
    config = tsattn.ControlConfig.paper()
else:
    pipe = WanPipeline.from_pretrained(MODEL)
    prompt, fps = "A red circle moves right, then moves up, and then grows", 8
    size = {"height": 64, "width": 64, "num_frames": 25, "num_inference_steps": 20, "guidance_scale": 2.0}
    config = tsattn.ControlConfig.gentle()  # the paper's setting loses this small model's subject (docs/effect.md)

plan = tsattn.parse(prompt)
with tsattn.control(pipe, plan, config=config):
    frames = pipe(plan.prompt, **size).frames[0]
write_mp4("controlled.mp4", (frames * 255).round().astype("uint8"), fps=fps)
