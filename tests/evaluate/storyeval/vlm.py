"""Vision-language models of the real classes with tiny random weights, and their processors, saved in a folder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen2VLVideoProcessor,
)

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
    "<image>", "<video>",
]  # fmt: skip
QWEN_VIDEO, LLAVA_VIDEO = "<|vision_start|><|video_pad|><|vision_end|>", "<video>\n"


def _tokenizer() -> Qwen2Tokenizer:
    """One byte a token."""
    signs = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=signs, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL[1:]})
    return tokenizer


def _chat(video: str) -> str:
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
        "{% if part['type'] == 'video' %}" + video + "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def _loud(model: torch.nn.Module) -> torch.nn.Module:
    """With weights so large that what it sees changes what it says."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.5)
    return model


def _text(tokenizer: Qwen2Tokenizer) -> dict[str, object]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32768,
        "bos_token_id": None, "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"), "pad_token_id": None,
    }  # fmt: skip


def qwen(folder: Path) -> Path:
    """A Qwen2.5-VL."""
    tokenizer = _tokenizer()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    text = {**_text(tokenizer), "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}}
    vision = {
        "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
        "fullatt_block_indexes": [0], "window_size": 112,
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    _loud(Qwen2_5_VLForConditionalGeneration(config)).save_pretrained(folder)
    Qwen2_5_VLProcessor(
        Qwen2VLImageProcessorPil(), tokenizer, Qwen2VLVideoProcessor(), chat_template=_chat(QWEN_VIDEO)
    ).save_pretrained(folder)
    return folder


def llava(folder: Path) -> Path:
    """A LLaVA-OneVision."""
    tokenizer = _tokenizer()
    size = {"height": 28, "width": 28}
    vision = {
        "model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14, "vision_use_head": False,
    }  # fmt: skip
    config = LlavaOnevisionConfig(
        vision_config=vision, text_config={"model_type": "qwen2", **_text(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[28, 28]], vision_feature_layer=-1,
    )  # fmt: skip
    _loud(LlavaOnevisionForConditionalGeneration(config)).save_pretrained(folder)
    LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessorPil(size=size, image_grid_pinpoints=[[28, 28]]), tokenizer,
        LlavaOnevisionVideoProcessor(size=size), chat_template=_chat(LLAVA_VIDEO), num_image_tokens=4,
        vision_feature_select_strategy="full", patch_size=14,
    ).save_pretrained(folder)  # fmt: skip
    return folder
