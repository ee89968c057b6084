import numpy as np

from training.common import ALONE, PAIRED
from training.text import tokenizer
from tsattn.shapes import MODEL
from tsattn.shapes.world import sample_scene


def test_every_word_of_every_prompt_is_one_token():
    tokens = tokenizer()
    letters = {name for name in tokens.get_vocab() if len(name) == 1} - {",", "."}
    for events in [*ALONE, *PAIRED]:
        for seed in range(20):
            prompt = sample_scene(np.random.default_rng([97, *events, seed]), *events).prompt
            assert not letters & set(tokens.tokenize(prompt)), prompt


def test_the_words_of_older_weights_keep_their_numbers():
    from transformers import PreTrainedTokenizerFast

    shipped = PreTrainedTokenizerFast.from_pretrained(MODEL / "tokenizer").get_vocab()
    assert shipped.items() <= tokenizer().get_vocab().items()
