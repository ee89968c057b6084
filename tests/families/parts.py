"""Parts that the tiny pipelines of several families have in common."""

from __future__ import annotations

import re

import torch

from tests.conftest import PROMPT
from tests.families.case import OTHER_PROMPT

SPECIAL = [
    "<pad>", "<bos>", "<eos>", "<unk>", "<image>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|im_start|>", "<|im_end|>",
]  # fmt: skip
PIECES = r"\n+|movement|\w+|[^\w\s]"
"""Words and signs; with the suffix of "movements" apart, HunyuanVideo's templates have as many tokens as for LLaMA."""


def word_tokenizer(*templates: str, begins: bool = True, ends: bool = False, padding_side: str = "right"):
    """A tokenizer of whole words that knows those of the tests' prompts and of some templates."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = dict.fromkeys(word for text in (PROMPT, OTHER_PROMPT, *templates) for word in re.findall(PIECES, text))
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*SPECIAL, *words]))}
    core = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True)
    single = " ".join(["<bos>"] * begins + ["$A"] + ["<eos>"] * ends)
    core.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<bos>", 1), ("<eos>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>",
        additional_special_tokens=SPECIAL[4:], padding_side=padding_side,
    )  # fmt: skip


def clip_encoder(tokenizer):
    """CLIP's text encoder, which many pipelines take a single embedding from."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            projection_dim=8, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )
    ).eval()  # fmt: skip


def qwen_facts(tokenizer):
    """What makes a tiny Qwen2.5-VL of its text configuration."""
    return {
        "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3,
        "num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }  # fmt: skip


def picture(side: int = 64):
    """An image of random colours."""
    from PIL import Image

    colours = torch.randint(256, (side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Image.fromarray(colours.numpy())
