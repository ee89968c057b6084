"""HunyuanVideo, text-to-video and image-to-video."""

from __future__ import annotations

import torch

from tests.families.case import Case
from tests.families.parts import SPECIAL, clip_encoder, picture, word_tokenizer


def _transformer(**changes):
    from diffusers import HunyuanVideoTransformer3DModel

    torch.manual_seed(0)
    facts = {
        "in_channels": 4, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 10, "num_layers": 2,
        "num_single_layers": 1, "num_refiner_layers": 1, "patch_size": 2, "patch_size_t": 1, "text_embed_dim": 16,
        "pooled_projection_dim": 8, "rope_axes_dim": (2, 4, 4),
    }  # fmt: skip
    return HunyuanVideoTransformer3DModel(**{**facts, **changes}).eval()


def _vae():
    from diffusers import AutoencoderKLHunyuanVideo

    torch.manual_seed(0)
    return AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    ).eval()


def _llama_config(tokenizer):
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=4,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip


def text_to_video(name: str = "HunyuanVideoPipeline", **changes):
    """HunyuanVideo as it is published, with embedded guidance, or another pipeline of its parts."""
    import diffusers
    from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE
    from transformers import LlamaModel

    template = DEFAULT_PROMPT_TEMPLATE["template"]
    tokenizer, tokenizer_2 = word_tokenizer(template), word_tokenizer(ends=True)
    torch.manual_seed(0)
    return getattr(diffusers, name)(
        text_encoder=LlamaModel(_llama_config(tokenizer)).eval(),
        tokenizer=tokenizer,
        transformer=_transformer(**changes),
        vae=_vae(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip_encoder(tokenizer_2),
        tokenizer_2=tokenizer_2,
    )


def image_to_video(**changes):
    """HunyuanVideo I2V; `changes` to the transformer choose how it is given the image."""
    from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanVideoImageToVideoPipeline
    from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_image2video import DEFAULT_PROMPT_TEMPLATE
    from transformers import CLIPImageProcessor, CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration

    template = DEFAULT_PROMPT_TEMPLATE["template"]
    tokenizer, tokenizer_2 = word_tokenizer(template), word_tokenizer(ends=True)
    vision = CLIPVisionConfig(  # 24 x 24 patches, as many as the default template reckons with
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=48, patch_size=2
    )
    torch.manual_seed(0)
    encoder = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision, text_config=_llama_config(tokenizer), pad_token_id=0,
            image_token_index=SPECIAL.index("<image>"),
        )
    ).eval()  # fmt: skip
    return HunyuanVideoImageToVideoPipeline(
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=_transformer(**changes),
        vae=_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip_encoder(tokenizer_2),
        tokenizer_2=tokenizer_2,
        image_processor=CLIPImageProcessor(size=48, crop_size=48),
    )


SMALL = {"height": 64, "width": 64, "num_frames": 9, "max_sequence_length": 48}
GUIDED = {"true_cfg_scale": 3.0, "negative_prompt": "over the fence"}
IMAGE = {**SMALL, "image": picture()}
CASES = [
    Case("hunyuan-video-t2v", text_to_video, sites=3, options=SMALL, samples=1, videos=True),
    Case(
        "hunyuan-video-t2v-true-cfg",
        text_to_video,
        sites=3,
        options={**SMALL, **GUIDED},
        per_prompt=("negative_prompt",),
        videos=True,
    ),
    Case(
        "hunyuan-video-i2v-token-replace",
        lambda: image_to_video(image_condition_type="token_replace"),
        sites=3,
        options={**IMAGE, **GUIDED},
        batches=False,  # the pipeline pairs all negative prompts with a single black image
    ),
    Case(
        "hunyuan-video-i2v-latent-concat",
        lambda: image_to_video(image_condition_type="latent_concat", in_channels=9, guidance_embeds=False),
        sites=3,
        options={**IMAGE, "num_frames": 17},
        per_prompt=("image",),
        samples=1,
    ),
    Case(
        "hunyuan-skyreels-i2v",
        lambda: text_to_video("HunyuanSkyreelsImageToVideoPipeline", in_channels=8),
        sites=3,
        options={**IMAGE, **GUIDED},
        per_prompt=("image", "negative_prompt"),
    ),
]
