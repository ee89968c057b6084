"""A tiny T5 text encoder and a tokenizer for it, which several families use."""

from __future__ import annotations

from typing import Any

import torch

from tests.conftest import _tokenizer

WIDTH = 32


def text_parts() -> dict[str, Any]:
    """The tokenizer and the text encoder of a pipeline."""
    from transformers import T5Config, T5EncoderModel

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=WIDTH, d_kv=8, d_ff=37, num_layers=1, num_heads=4, pad_token_id=0,
        eos_token_id=1, decoder_start_token_id=0, relative_attention_num_buckets=8, feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return {"tokenizer": tokenizer, "text_encoder": T5EncoderModel(config).eval()}
