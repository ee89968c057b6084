"""Kandinsky 5, text-to-video and image-to-video: cross-attention in every block of the visual stream.

The text is as long as the longest prompt of a batch; padding is not masked. The passes with the prompt and with the negative
prompt have no names. Sparse ("nabla") attention lays the tokens of a frame out in squares and is refused.
Source of the facts: diffusers `models/transformers/transformer_kandinsky.py`, `pipelines/kandinsky5/pipeline_kandinsky.py`
and `pipeline_kandinsky_i2v.py` (0.42.1).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tsattn.control.family import Family, Pass, Probe, Site, Timing
from tsattn.errors import SpanError
from tsattn.plan.spans import Template, Tokens, tokenize
from tsattn.settings import Settings


def _sites(transformer: Any) -> list[Site]:
    blocks = enumerate(transformer.visual_transformer_blocks)
    return [Site(f"visual_transformer_blocks.{k}.cross_attention", k, block.cross_attention) for k, block in blocks]


def _read(transformer: Any, given: Mapping[str, Any]) -> Pass:
    from tsattn.attention.region import Grid

    latents, text = given["hidden_states"], given["encoder_hidden_states"]  # (b, frames, rows, columns, channels)
    sizes = zip(latents.shape[1:4], transformer.config.patch_size, strict=True)
    return Pass(Grid(*(length // patch for length, patch in sizes)), len(latents), text.shape[1])


def _probe(transformer: Any) -> Probe:
    return Probe(video=transformer.config.model_dim, text=transformer.config.model_dim)


def _clean(prompt: str) -> str:
    from diffusers.pipelines.kandinsky5.pipeline_kandinsky import prompt_clean

    cleaned: str = prompt_clean(prompt)
    return cleaned


def _tokens(pipe: Any, prompt: str, arguments: Mapping[str, Any]) -> Tokens:
    tokenizer = copy.copy(getattr(pipe.tokenizer, "tokenizer", pipe.tokenizer))
    side, tokenizer.padding_side = tokenizer.padding_side, "right"
    most = arguments["max_sequence_length"]
    template = Template.from_format(pipe.prompt_template, crop=pipe.prompt_template_encode_start_idx)

    def read(text: str) -> Tokens:
        tokens = tokenize(tokenizer, text, clean=_clean, max_length=most + 1, template=template)
        if tokens.length > most:
            raise SpanError(
                f"the prompt has more than the {most} tokens that the model reads, and the pipeline would cut it inside "
                "words; shorten it or raise max_sequence_length"
            )
        return tokens

    tokens, given = read(prompt), arguments.get("prompt", prompt)
    if side == "right":
        return tokens
    # the crop takes padding from the front of a shorter prompt, and as much of the template stays
    longest = max(read(text).length for text in ([given] if isinstance(given, str) else given))
    front = longest - tokens.length
    return tokens._replace(offsets=((0, 0),) * front + tokens.offsets, length=longest)


def _refuse(pipe: Any) -> str | None:
    if pipe.transformer.config.attention_type == "nabla":
        return "its attention_type is 'nabla', which lays the tokens of a frame out in squares; use a model without it"
    return None


KANDINSKY_5 = Family(
    name="kandinsky-5",
    pipelines={"Kandinsky5T2VPipeline": "t2v", "Kandinsky5I2VPipeline": "i2v"},
    transformer_class="Kandinsky5Transformer3DModel",
    processor="diffusers.models.transformers.transformer_kandinsky.Kandinsky5AttnProcessor",
    layout="cross",
    conditional=None,
    unencoded="prompt_embeds_qwen",
    vae_class="AutoencoderKLHunyuanVideo",
    timing=lambda vae, transformer: Timing(int(vae.get("temporal_compression_ratio", 4))),
    longest=lambda transformer: 128,  # rotary embeddings are made for so many
    settings=Settings(height=512, width=768, frames=121, fps=24.0, steps=50, guidance=5.0),
    sites=_sites,
    read=_read,
    probe=_probe,
    clean=_clean,
    tokens=_tokens,
    refuse=_refuse,
)
