"""Cosmos 1, text-to-world and video-to-world, and Cosmos 2, video-to-world."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin

from tests.conftest import _tokenizer
from tests.families.case import Case
from tests.families.parts import picture


class Unguarded(ModelMixin, ConfigMixin):
    """A safety checker that lets everything pass; the pipelines do not run without one."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def check_text_safety(self, prompt):
        return True


def _transformer(channels: int, **changes):
    from diffusers import CosmosTransformer3DModel

    torch.manual_seed(2)
    facts = {
        "in_channels": channels, "out_channels": channels, "num_attention_heads": 2, "attention_head_dim": 16,
        "num_layers": 2, "mlp_ratio": 2, "text_embed_dim": 32, "adaln_lora_dim": 4, "max_size": (8, 32, 32),
        "concat_padding_mask": False,  # its channel would need torchvision
    }  # fmt: skip
    return CosmosTransformer3DModel(**{**facts, **changes}).eval()


def _text_parts():
    from transformers import T5Config, T5EncoderModel

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, pad_token_id=0,
        decoder_start_token_id=0,
    )  # fmt: skip
    return {"tokenizer": tokenizer, "text_encoder": T5EncoderModel(config).eval(), "safety_checker": Unguarded()}


def first(name: str, **changes):
    """A Cosmos 1 pipeline of this class."""
    import diffusers

    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLCosmos(
        latent_channels=4, encoder_block_out_channels=(8, 8, 8, 8), decode_block_out_channels=(8, 8, 8, 8),
        attention_resolutions=(8,), resolution=64, num_layers=2, patch_size=4, spatial_compression_ratio=4,
        temporal_compression_ratio=4,
    ).eval()  # fmt: skip
    scheduler = diffusers.EDMEulerScheduler(
        sigma_min=0.002, sigma_max=80, sigma_data=0.5, sigma_schedule="karras", final_sigmas_type="sigma_min"
    )
    return getattr(diffusers, name)(
        vae=vae, scheduler=scheduler, transformer=_transformer(4, **changes), **_text_parts()
    )  # fmt: skip


def second():
    """A Cosmos 2 pipeline."""
    from diffusers import AutoencoderKLWan, Cosmos2VideoToWorldPipeline, FlowMatchEulerDiscreteScheduler

    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ).eval()
    return Cosmos2VideoToWorldPipeline(
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
        transformer=_transformer(16, in_channels=17, extra_pos_embed_type=None),
        **_text_parts(),
    )


SMALL = {
    "negative_prompt": "a fence",
    "height": 64,
    "width": 64,
    "num_frames": 9,
    "guidance_scale": 3.0,
    "max_sequence_length": 32,
}
IMAGE = {**SMALL, "image": picture()}
CASES = [
    Case("cosmos-t2v", lambda: first("CosmosTextToWorldPipeline"), sites=2, options=SMALL, videos=True),
    Case(
        "cosmos-i2v",
        lambda: first("CosmosVideoToWorldPipeline", in_channels=5),
        sites=2,
        options=IMAGE,
        per_prompt=("image",),
    ),
    Case("cosmos-2-i2v", second, sites=2, options=IMAGE, per_prompt=("image",)),
]
