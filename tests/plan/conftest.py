"""Small tokenizers of the classes that the pipelines use, trained here on a few sentences, without any download."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import settings
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizer, LlamaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer, T5Tokenizer

SENTENCES = [
    "A red cat jumps over the fence, then sleeps on the grass",
    "the dog runs across the street and moves up, then it grows",
    "A woman opens the door, then leaves; he waits for a while!",
    "一只猫跳起来，然后睡觉",
]
LLAMA_3_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# time is measured where it matters; elsewhere a busy machine should fail no test
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def _sentencepiece(folder: Path, **options: object) -> Path:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20), model_writer=model, hard_vocab_limit=False, minloglevel=2, **options
    )  # fmt: skip
    path = folder / "spiece.model"
    path.write_bytes(model.getvalue())
    return path


def _trained(core: Tokenizer, *, suffix: str = "", special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE with these parts; every byte is in the vocabulary."""
    learner = Tokenizer(models.BPE(end_of_word_suffix=suffix))
    learner.normalizer, learner.pre_tokenizer = core.normalizer, core.pre_tokenizer
    signs = pre_tokenizers.ByteLevel.alphabet()
    learner.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=450,
            initial_alphabet=signs,
            end_of_word_suffix=suffix,
            special_tokens=special,
            show_progress=False,
        ),
    )
    learned = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = learned["vocab"]
    for sign in sorted(signs):
        vocabulary.setdefault(sign + suffix, len(vocabulary))
    return vocabulary, [(left, right) for left, right in learned["merges"]]


@pytest.fixture(scope="session")
def t5(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """Unigram pieces that carry the space before them, SentencePiece's own NFKC, no bytes: what is unknown stays so."""
    folder = tmp_path_factory.mktemp("t5")
    _sentencepiece(folder, vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    return T5Tokenizer.from_pretrained(folder, extra_ids=0)


@pytest.fixture(scope="session")
def umt5(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """The same with a byte for each unknown one, and tokens that cover the space itself."""
    folder = tmp_path_factory.mktemp("umt5")
    _sentencepiece(folder, vocab_size=700, byte_fallback=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    parts = json.loads(T5Tokenizer.from_pretrained(folder, extra_ids=0).backend_tokenizer.to_str())
    parts["model"]["byte_fallback"] = True
    core = Tokenizer.from_str(json.dumps(parts))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture(scope="session")
def clip() -> PreTrainedTokenizerFast:
    """Lower case, words that end in `</w>`, a token at either end."""
    vocabulary, merges = _trained(
        CLIPTokenizer().backend_tokenizer, suffix="</w>", special=["<|startoftext|>", "<|endoftext|>"]
    )
    return CLIPTokenizer(vocab=vocabulary, merges=merges)


@pytest.fixture(scope="session")
def llama2(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    """BPE over the whole text with its spaces, bytes for unknown signs, padding on the left."""
    folder = tmp_path_factory.mktemp("llama2")
    path = _sentencepiece(folder, vocab_size=500, model_type="bpe", byte_fallback=True, pad_id=3)
    return LlamaTokenizer.from_pretrained(path.rename(folder / "tokenizer.model").parent, pad_token="<pad>")


@pytest.fixture(scope="session")
def llama3() -> PreTrainedTokenizerFast:
    """Byte-level BPE, a token at the start that the chat template writes itself."""
    special = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>"]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    vocabulary, merges = _trained(core, special=special)
    core.model, core.decoder = models.BPE(vocabulary, merges), decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(single=f"{special[0]} $A", special_tokens=[(special[0], 0)])
    core.add_special_tokens(special)
    chat = "<|begin_of_text|>" + CHATML.replace("<|im_start|>", "<|start_header_id|>").replace(
        "<|im_end|>", "<|eot_id|>"
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<|pad|>", padding_side="right", chat_template=chat)


@pytest.fixture(scope="session")
def qwen() -> PreTrainedTokenizerFast:
    """Byte-level BPE with composed letters and a chat template."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary, merges = _trained(Qwen2Tokenizer().backend_tokenizer, special=special)
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=merges, chat_template=CHATML, padding_side="right")
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    return tokenizer


@pytest.fixture(params=["t5", "umt5", "clip", "llama2", "llama3", "qwen"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """Each of the tokenizers in turn."""
    chosen: PreTrainedTokenizerFast = request.getfixturevalue(request.param)
    return chosen
