"""SANA-Video, from text and from a picture."""

from __future__ import annotations

import string
from typing import Any

import torch

from tests.families.case import Case
from tests.families.parts import picture

WIDTH = 16
SPACE = "\u2581"


def gemma_parts() -> dict[str, Any]:
    """Gemma's tokenizer over single signs, which joins a space to the letter behind it, and its causal text encoder."""
    from tokenizers.processors import TemplateProcessing
    from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer

    joined = [(SPACE, sign) for sign in string.ascii_letters]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    signs = [*special, "\n", SPACE, *(chr(sign) for sign in range(33, 127)), *map("".join, joined)]
    vocabulary = {sign: number for number, sign in enumerate(signs)}
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=len(vocabulary), hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, pad_token_id=0, eos_token_id=1, bos_token_id=2,
    )  # fmt: skip
    tokenizer = GemmaTokenizer(vocab=vocabulary, merges=joined)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return {"tokenizer": tokenizer, "text_encoder": Gemma2Model(config).eval()}


def pipeline(kind: str, **changes: Any) -> Any:
    """The pipeline class of this name; `changes` go to the transformer."""
    import diffusers

    torch.manual_seed(0)
    facts = {
        "num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 3, "num_cross_attention_heads": 2,
        "cross_attention_head_dim": 12, "cross_attention_dim": 24, "caption_channels": WIDTH, "rope_max_seq_len": 32,
    }  # fmt: skip
    transformer = diffusers.SanaVideoTransformer3DModel(**{**facts, **changes}).eval()
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ).eval()
    if kind == "SanaVideoPipeline":
        scheduler = diffusers.DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0
        )
    else:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=8.0)
    return getattr(diffusers, kind)(transformer=transformer, vae=vae, scheduler=scheduler, **gemma_parts())


SMALL = {
    "height": 64,
    "width": 64,
    "frames": 9,
    "guidance_scale": 6.0,
    "use_resolution_binning": False,
    "max_sequence_length": 90,
    "complex_human_instruction": ["Say more of it:", "User Prompt: "],
}
CASES = [
    Case("sana-video-t2v", lambda: pipeline("SanaVideoPipeline"), sites=3, options=SMALL, videos=True),
    Case(
        "sana-video-t2v-guidance-off",
        lambda: pipeline("SanaVideoPipeline"),
        sites=3,
        samples=1,
        options={**SMALL, "guidance_scale": 1.0},
    ),
    Case(
        "sana-video-i2v", lambda: pipeline("SanaImageToVideoPipeline"), sites=3, options={**SMALL, "image": picture()}
    ),
]
