"""Tiny pipelines of the real diffusers classes with random weights, built without any download."""

from __future__ import annotations

import os
import signal

os.environ["HF_HUB_OFFLINE"] = "1"
# a plain shell's background jobs ignore Ctrl-C, and so would all commands that are started from here
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
import torch
from jaxtyping import install_import_hook

with install_import_hook("tsattn.attention", "beartype.beartype"):  # shapes are checked in tests only
    import tsattn.attention.hard_mask
    import tsattn.attention.joint
    import tsattn.attention.lse
    import tsattn.attention.mass
    import tsattn.attention.modulation
    import tsattn.attention.prompt_relay
    import tsattn.attention.reference
    import tsattn.attention.reference_methods
    import tsattn.attention.region
    import tsattn.attention.released
    import tsattn.attention.segment_wise
    import tsattn.attention.split  # noqa: F401

from tsattn.plan import Plan

PROMPT = "A cat runs across the grass, then jumps over a red fence, then sleeps"
COLUMNS = 64
"""Text columns of short runs. The published 512, most of them padding, take most of a tiny pipeline's time."""


def plan_of(prompt: str, subject: str, *events: str) -> Plan:
    """A plan of one subject with uniform segments."""
    return Plan.model_validate(
        {"prompt": prompt, "subjects": [{"text": subject, "events": [{"text": e} for e in events]}]}
    )


@pytest.fixture
def plan() -> Plan:
    return plan_of(PROMPT, "cat", "runs across the grass", "jumps over a red fence", "sleeps")


def _tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from training.text import SPACE

    words = [
        "A",
        "cat",
        "dog",
        "runs",
        "across",
        "the",
        "grass",
        "then",
        "jumps",
        "over",
        "a",
        "red",
        "fence",
        "sleeps",
        ",",
        "and",
    ]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), (SPACE, -4.0)]
    vocabulary += [(SPACE + word, -6.0) for word in words] + [(chr(sign), -10.0) for sign in range(33, 127)]
    core = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def _transformer(**changes):
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    facts = {
        "patch_size": (1, 2, 2), "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 16,
        "out_channels": 16, "text_dim": 32, "freq_dim": 256, "ffn_dim": 32, "num_layers": 3, "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads", "rope_max_seq_len": 32,
    }  # fmt: skip
    return WanTransformer3DModel(**{**facts, **changes}).eval()


def wan_pipeline(*, two: bool = False, **changes):
    """A Wan 2.1 text-to-video pipeline, or with `two` a Wan 2.2 A14B one; `changes` go to the transformer."""
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline
    from transformers import UMT5Config, UMT5EncoderModel

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    encoder = UMT5EncoderModel(
        UMT5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, pad_token_id=0)
    ).eval()
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ).eval()
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    more = {"transformer_2": _transformer(**changes), "boundary_ratio": 0.875} if two else {}
    pipe = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae,
        scheduler=scheduler,
        transformer=_transformer(**changes),
        **more,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def wan():
    """Wan 2.1 text-to-video."""
    return wan_pipeline()


@pytest.fixture(params=[False, True], ids=["wan2.1", "wan2.2-a14b"])
def wan_of_either_kind(request):
    """Wan 2.1 and Wan 2.2 A14B text-to-video in turn."""
    return wan_pipeline(two=request.param)


def run(pipe, prompt=PROMPT, *, steps=5, seed=0, **options):
    """Latents of a short run: 3 latent frames of 4 x 4 tokens."""
    seeds = [torch.Generator().manual_seed(seed + k) for k in range(len(prompt) if isinstance(prompt, list) else 1)]
    given = {"height": 64, "width": 64, "num_frames": 9, "output_type": "latent", "guidance_scale": 5.0}
    given |= {"max_sequence_length": COLUMNS, **options}
    return pipe(prompt, num_inference_steps=steps, generator=seeds if len(seeds) > 1 else seeds[0], **given).frames
