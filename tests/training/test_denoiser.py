import torch
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from training.denoiser import begin
from training.text import added, tokenizer
from tsattn.shapes import MODEL


def test_a_start_that_knows_fewer_words_keeps_its_rows_and_the_new_ones_are_fresh():
    tokens = tokenizer()
    model = begin(tokens, 4, seed=0, start=MODEL)
    known = PreTrainedTokenizerFast.from_pretrained(MODEL / "tokenizer").get_vocab()
    before = UMT5EncoderModel.from_pretrained(MODEL / "text_encoder").shared.weight
    rows = model.encoder.get_input_embeddings().weight
    assert len(rows) == len(tokens)
    for word, row in tokens.get_vocab().items():
        if word in known:
            assert torch.equal(rows[row], before[known[word]])
    new = [row for word, row in tokens.get_vocab().items() if word not in known]
    assert len(new) in (0, len(added()))
    assert all(rows[row].std() > 0.5 for row in new)
    assert rows.requires_grad


def test_what_it_says_of_an_old_prompt_is_what_the_start_said():
    tokens = tokenizer()
    words = tokens(["A red circle grows, then moves up."], return_tensors="pt")
    before = UMT5EncoderModel.from_pretrained(MODEL / "text_encoder").eval()
    model = begin(tokens, 4, seed=0, start=MODEL).eval()
    with torch.no_grad():
        now = model.encoder(words.input_ids, words.attention_mask).last_hidden_state
        assert torch.equal(now, before(words.input_ids, words.attention_mask).last_hidden_state)
