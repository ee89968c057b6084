"""Two events on the embedded model: the model alone and under the gentle setting of TS-Attn, from the same noise."""

import torch
from diffusers import WanPipeline

import tsattn
from tsattn.shapes import MODEL

pipe = WanPipeline.from_pretrained(MODEL)
size = {"height": 64, "width": 64, "num_frames": 25, "num_inference_steps": 20, "guidance_scale": 2.0}

plan = tsattn.parse("A blue square moves left, then grows")
alone = pipe(plan.prompt, generator=torch.Generator().manual_seed(0), **size).frames[0]
# the default, the paper's setting, loses this small model's subject (docs/effect.md)
with tsattn.control(pipe, plan, config=tsattn.ControlConfig.gentle()):
    controlled = pipe(plan.prompt, generator=torch.Generator().manual_seed(0), **size).frames[0]

print(f"{len(controlled)} frames, mean change {abs(controlled - alone).mean():.3f} of full scale")
