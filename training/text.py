"""Stage 2: the tokenizer, with an explicit vocabulary, and the untrained text encoder.

A trained Unigram vocabulary differs from run to run, so the words are listed: every word of the world's prompts is one
token, anything else falls back to letters. The layout (Metaspace, `</s>` at the end, `<pad>` = 0) is UMT5's.
"""

from __future__ import annotations

import re
import string

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from tsattn.shapes.world import BACKGROUNDS, CHANGES, COLOURS, LINKS, SHAPES, STILL, WORDINGS

WIDTH = 128
SPACE = "\u2581"


def vocabulary() -> list[str]:
    """Every word of the prompts with one subject, in a fixed order."""
    told = [wording for event in CHANGES for wording in WORDINGS[event]]
    return _words(*COLOURS, *SHAPES, *BACKGROUNDS, "a the on background and then finally", *told)


def added() -> list[str]:
    """The words that came with a second subject. Their tokens are the last, so that all others keep their numbers."""
    return [word for word in _words(*LINKS, *WORDINGS[STILL]) if word not in vocabulary()]


def _words(*sentences: str) -> list[str]:
    return sorted({word for sentence in sentences for word in re.findall(r"\w+", sentence)})


def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of the embedded model: case-insensitive, one token a known word."""
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), (SPACE, -4.0)]
    scores += [(SPACE + word, -6.0) for word in vocabulary()]
    scores += [(letter, -10.0) for letter in string.ascii_lowercase + string.digits + string.punctuation]
    scores += [(SPACE + word, -6.0) for word in added()]
    core = Tokenizer(models.Unigram(scores, unk_id=2, byte_fallback=False))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        model_max_length=512, padding_side="right",
    )  # fmt: skip


def encoder(words: int) -> UMT5EncoderModel:
    """The untrained text encoder; it is trained together with the denoiser."""
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=words, d_model=WIDTH, d_kv=32, d_ff=256, num_layers=2, num_heads=4, dropout_rate=0.0,
            pad_token_id=0, eos_token_id=1, relative_attention_num_buckets=16, relative_attention_max_distance=32,
        )
    )  # fmt: skip
