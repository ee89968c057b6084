"""Small tokenizers with the layouts of the real ones, built from an explicit vocabulary and without any download."""

from __future__ import annotations

import string

import pytest
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

SPACE = "\u2581"

# time is measured where it matters; elsewhere a busy machine should fail no test
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def metaspace() -> PreTrainedTokenizerFast:
    """As T5 and UMT5: unigram pieces that carry the space before them, `</s>` at the end."""
    pieces = ["a", "the", "red", "cat", "dog", "jumps", "sleeps", "mo", "then"]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), (SPACE, -4.0)]
    vocabulary += [(SPACE + piece, -6.0) for piece in pieces] + [("ves", -6.0)]
    vocabulary += [(sign, -10.0) for sign in string.ascii_lowercase + string.digits + string.punctuation]
    core = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", padding_side="right"
    )


@pytest.fixture(scope="session")
def byte_level() -> PreTrainedTokenizerFast:
    """As LLaMA 3 and Qwen: bytes with a few merges, a token at the start, padding on the left."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "c"), ("Ġc", "a"), ("Ġca", "t"), ("j", "u"), ("m", "p"), ("ju", "mp")]
    tokens = ["<pad>", "<bos>", *alphabet, *(left + right for left, right in merges)]
    core = Tokenizer(models.BPE({token: k for k, token in enumerate(tokens)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", bos_token="<bos>", padding_side="left")


@pytest.fixture(params=["metaspace", "byte_level"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """Each of the tokenizers in turn."""
    chosen: PreTrainedTokenizerFast = request.getfixturevalue(request.param)
    return chosen
