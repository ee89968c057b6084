"""Why an event was missed: record a run, let the numbers speak, and draw them on one page."""

from dataclasses import replace

import torch
from diffusers import WanPipeline

import tsattn
from tsattn.inspect import report
from tsattn.inspect.diagnosis import diagnose
from tsattn.shapes import MODEL

pipe = WanPipeline.from_pretrained(MODEL)
size = {"height": 64, "width": 64, "num_frames": 25, "num_inference_steps": 10, "guidance_scale": 2.0}

plan = tsattn.parse("A blue square moves left, then grows")
gentle = tsattn.ControlConfig.gentle()  # the paper's setting loses this small model's subject (docs/effect.md)
records = {}
for name, config in (("alone", replace(gentle, strength=0.0)), ("controlled", gentle)):
    with tsattn.control(pipe, plan, config=config), tsattn.record(pipe) as recorder:
        pipe(plan.prompt, generator=torch.Generator().manual_seed(0), output_type="latent", **size)
    records[name] = recorder.record

for finding in diagnose(records["controlled"], baseline=records["alone"]):
    print(f"{finding.level:8} {finding.text}")
with open("report.html", "w", encoding="utf-8") as file:
    file.write(report.html(records["controlled"], baseline=records["alone"]))
