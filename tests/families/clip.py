"""A tiny CLIP encoder of pictures."""

from __future__ import annotations

from typing import Any

import torch

WIDTH = 4
"""Width of its embeddings."""


def image_parts() -> dict[str, Any]:
    """Image encoder and processor of a pipeline; a picture becomes 5 embeddings."""
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=WIDTH, projection_dim=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        image_size=32, patch_size=16,
    )  # fmt: skip
    encoder = CLIPVisionModelWithProjection(config).eval()
    return {"image_encoder": encoder, "image_processor": CLIPImageProcessor(crop_size=32, size=32)}
