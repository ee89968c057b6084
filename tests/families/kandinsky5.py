"""Kandinsky 5, text-to-video and image-to-video."""

from __future__ import annotations

import torch

from tests.families.case import Case
from tests.families.parts import clip_encoder, picture, qwen_facts, word_tokenizer


class TextProcessor:
    """Of a processor for text and pictures, what the pipeline uses of it."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, *, images, videos, **given):
        return self.tokenizer(**given)


def pipeline(name: str, *, padding_side: str = "right", **changes):
    """A Kandinsky 5 pipeline of this class; `changes` go to the transformer."""
    import diffusers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer, tokenizer_2 = word_tokenizer(begins=False, padding_side=padding_side), word_tokenizer(ends=True)
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    torch.manual_seed(0)
    encoder = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=qwen_facts(tokenizer), vision_config=vision)
    ).eval()
    transformer = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=4, in_text_dim=16, in_text_dim2=8, time_dim=32, out_visual_dim=4, patch_size=(1, 2, 2), model_dim=48,
        ff_dim=64, num_text_blocks=1, num_visual_blocks=2, axes_dims=(8, 8, 8), **changes,
    ).eval()  # fmt: skip
    for part, weight in transformer.named_parameters():
        if "modulation" in part:  # made as zeros, with which no block does anything
            torch.nn.init.normal_(weight, std=0.3)
    for module in transformer.modules():  # loaded weights of these stay in float32, too
        if type(module).__name__ in ("Kandinsky5TimeEmbeddings", "Kandinsky5Modulation"):
            module._apply = lambda change, recurse=True, module=module: module
    vae = diffusers.AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    ).eval()
    return getattr(diffusers, name)(
        transformer=transformer,
        vae=vae,
        text_encoder=encoder,
        tokenizer=TextProcessor(tokenizer),
        text_encoder_2=clip_encoder(tokenizer_2),
        tokenizer_2=tokenizer_2,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
    )


SMALL = {"height": 128, "width": 128, "num_frames": 21, "guidance_scale": 3.0, "max_sequence_length": 32}
CASES = [
    # padding is attended to, so that a prompt is another one beside a longer one
    Case("kandinsky-5-t2v", lambda: pipeline("Kandinsky5T2VPipeline"), sites=2, options=SMALL, batches=False),
    Case(
        "kandinsky-5-i2v",
        lambda: pipeline("Kandinsky5I2VPipeline", visual_cond=True),
        sites=2,
        options={**SMALL, "image": picture()},
        batches=False,
    ),
]
