"""HunyuanVideo 1.5, text-to-video and image-to-video."""

from __future__ import annotations

import torch

from tests.families.case import Case
from tests.families.parts import picture, qwen_facts, word_tokenizer

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""As Qwen2.5-VL writes a conversation of texts."""


def _parts(task: str):
    import diffusers
    from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel, T5Config, T5EncoderModel

    tokenizer = word_tokenizer(begins=False)
    tokenizer.chat_template = CHAT
    torch.manual_seed(0)
    transformer = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=9, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=2, num_refiner_layers=1,
        mlp_ratio=2.0, patch_size=1, patch_size_t=1, text_embed_dim=16, text_embed_2_dim=32, image_embed_dim=12,
        rope_axes_dim=(2, 2, 4), target_size=64, task_type=task,
    ).eval()  # fmt: skip
    vae = diffusers.AutoencoderKLHunyuanVideo15(
        latent_channels=4, block_out_channels=(16, 16, 16, 16), layers_per_block=1, spatial_compression_ratio=8,
        temporal_compression_ratio=4, downsample_match_channel=False, upsample_match_channel=False,
    ).eval()  # fmt: skip
    quoted = T5Config(vocab_size=384, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, decoder_start_token_id=0)
    return {
        "transformer": transformer,
        "vae": vae,
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        "text_encoder": Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**qwen_facts(tokenizer))).eval(),
        "tokenizer": tokenizer,
        "text_encoder_2": T5EncoderModel(quoted).eval(),
        "tokenizer_2": ByT5Tokenizer(),
        "guider": diffusers.ClassifierFreeGuidance(guidance_scale=3.0),
    }


def _sized(pipe):
    """Fewer columns than the published model has, and the crop that goes with the tests' tokenizer."""
    system = [{"role": "system", "content": pipe.system_message}, {"role": "user", "content": ""}]
    whole = pipe.tokenizer.apply_chat_template(system, tokenize=False).partition("user\n")
    pipe.prompt_template_encode_start_idx = len(pipe.tokenizer(whole[0] + whole[1]).input_ids)
    pipe.tokenizer_max_length, pipe.tokenizer_2_max_length, pipe.vision_num_semantic_tokens = 32, 32, 9
    return pipe


def text_to_video():
    """HunyuanVideo 1.5 T2V."""
    from diffusers import HunyuanVideo15Pipeline

    return _sized(HunyuanVideo15Pipeline(**_parts("t2v")))


def image_to_video():
    """HunyuanVideo 1.5 I2V."""
    from diffusers import HunyuanVideo15ImageToVideoPipeline
    from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

    parts = _parts("i2v")
    vision = SiglipVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=24, patch_size=8
    )
    return _sized(
        HunyuanVideo15ImageToVideoPipeline(
            **parts,
            image_encoder=SiglipVisionModel(vision).eval(),
            feature_extractor=SiglipImageProcessor(size={"height": 24, "width": 24}),
        )
    )


CASES = [
    Case("hunyuan-video-1.5-t2v", text_to_video, sites=2, options={"height": 64, "width": 64, "num_frames": 9}),
    Case("hunyuan-video-1.5-i2v", image_to_video, sites=2, options={"image": picture(), "num_frames": 9}),
]
