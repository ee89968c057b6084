import itertools
import shutil

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from tests.conftest import wan_pipeline
from training import data, denoiser
from training.common import ALONE, PAIRED
from training.curves import LOGS, losses
from training.denoiser import BRIEF, COLUMNS, I2V, PROMPT, T2V, Leg, Recipe, begin, optimizers, train, watch
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


def test_a_watched_denoiser_computes_what_the_stock_one_does_with_all_columns():
    tokens = tokenizer()
    captions = ["A red circle grows, then moves up.", ""]
    noisy, sigma = torch.randn(2, 4, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0.9, 0.4])
    model = begin(tokens, 4, seed=0, start=MODEL).eval()

    def velocity(columns):
        words = tokens(captions, padding="max_length", max_length=columns, return_tensors="pt")
        return model(noisy, noisy[:, :0], sigma, words.input_ids, words.attention_mask)

    with torch.no_grad():
        expected = velocity(COLUMNS)
        watch(model)
        found = velocity(PROMPT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert model.transformer.blocks[0].attn2.processor.logits.shape == (2, 4, 3 * 2 * 2, PROMPT)


def test_a_column_that_is_not_kept_is_a_pad():
    tokens = tokenizer()
    words = tokens(["A red circle grows."], return_tensors="pt")
    noisy, sigma = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0.7])
    model, asked = begin(tokens, 4, seed=0, start=MODEL).eval(), (sigma, words.input_ids, words.attention_mask)
    kept = torch.ones(1, words.input_ids.shape[1])
    with torch.no_grad():
        whole = model(noisy, noisy[:, :0], *asked)
        assert torch.equal(model(noisy, noisy[:, :0], *asked, kept), whole)
        kept[0, 1:3] = 0  # red circle
        seen = []
        hook = model.transformer.blocks[0].attn2.to_k.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
        assert not torch.equal(model(noisy, noisy[:, :0], *asked, kept), whole)
        hook.remove()
        pad = model.transformer.condition_embedder.text_embedder(torch.zeros(128))
        torch.testing.assert_close(seen[0][0, 1:3], pad.expand(2, -1))


def test_what_is_given_of_a_first_frame_changes_nothing_before_training_but_can_be_learned():
    tokens = tokenizer()
    words = tokens(["A red circle grows."], return_tensors="pt")
    noisy, sigma = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0.7])
    asked = sigma, words.input_ids, words.attention_mask
    before = begin(tokens, 4, seed=0, start=MODEL).eval()
    model = begin(tokens, 4, seed=0, start=MODEL, given=6).eval()
    with torch.no_grad():
        expected = before(noisy, noisy[:, :0], *asked)
        for given in (torch.zeros(1, 6, 3, 4, 4), torch.ones(1, 6, 3, 4, 4)):
            assert torch.allclose(model(noisy, given, *asked), expected, atol=1e-5)
    model(noisy, torch.ones(1, 6, 3, 4, 4), *asked).square().mean().backward()
    assert (model.transformer.patch_embedding.weight.grad[:, 4:] != 0).any()


def test_a_frozen_encoder_is_left_alone():
    model = begin(tokenizer(), 4, seed=0, start=None)
    model.encoder.requires_grad_(False)
    solved = [id(p) for solver in optimizers(model, 1e-3) for group in solver.param_groups for p in group["params"]]
    assert sorted(solved) == sorted(id(p) for p in model.transformer.parameters())


def test_image_to_video_needs_a_model_of_all_words_to_start_from(tmp_path):
    with pytest.raises(ValueError, match="but got None; train that one first"):
        train(tmp_path / "seed0", tmp_path / "vae", I2V)
    wan_pipeline().tokenizer.save_pretrained(tmp_path / "tokenizer")
    with pytest.raises(ValueError, match=f"knows all {len(tokenizer())} tokens of the world, but got {tmp_path}"):
        train(tmp_path / "seed0", tmp_path / "vae", I2V, start=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("taught", [True, False])
def test_a_cut_training_ends_as_an_uncut_one_does_and_goes_on_with_no_other_recipe(tmp_path, monkeypatch, taught):
    monkeypatch.setattr(data, "SOURCES", (data.Source("few.pt", 6, 3, ALONE), data.Source("pairs.pt", 4, 4, PAIRED)))
    monkeypatch.setattr(denoiser, "SAVED", 1)
    monkeypatch.setattr(WanTransformer3DModel, "compile_repeated_blocks", lambda *args, **options: None)
    recipe = Recipe((Leg(1, 4, 1), Leg(1, 2, 3)) * 2, 1e-3, mix={(1,): 1.0}, taught=taught)
    vae = tmp_path / "vae"
    shutil.copytree(MODEL / "vae", vae)

    def weights(name):
        found = train(tmp_path / name, vae, recipe, start=MODEL)
        assert train(tmp_path / name, vae, recipe, start=MODEL) == found, "finished, it is left alone"
        return [load_file(next(folder.glob("*.safetensors"))) for folder in found]

    whole = weights("whole")
    genuine, steps = denoiser.batch_of, []

    def cut(*args, step, **options):
        steps.append(step)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return genuine(*args, step=step, **options)

    monkeypatch.setattr(denoiser, "batch_of", cut)
    with pytest.raises(KeyboardInterrupt):
        weights("cut")
    others = {"legs": recipe.legs[:3]}, {"peak": 2e-3}, {"mix": {(2,): 1.0}}, {"taught": not taught}
    for name, change in itertools.product(("cut", "whole"), others):
        with pytest.raises(ValueError, match="holds another training"):
            train(tmp_path / name, vae, recipe._replace(**change), start=MODEL)
    with pytest.raises(ValueError, match="holds another training"):
        train(tmp_path / "cut", vae, recipe)
    for one, other in zip(weights("cut"), whole, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert steps == [0, 1, 2, 2, 3]


TOLD_OF = {
    ("seed-6", "seed-7", "pairs-half"): T2V.legs,
    ("seed-8", "seed-9"): BRIEF.looks + BRIEF.legs,
    ("seed-8-longer", "seed-9-longer"): BRIEF.legs,
    ("i2v",): I2V.legs,
}


@pytest.mark.parametrize(("name", "legs"), [(name, legs) for names, legs in TOLD_OF.items() for name in names])
def test_a_training_that_is_told_of_went_through_its_recipe(name, legs):
    told = losses(LOGS / name / "denoiser.jsonl")
    steps = sum(leg.steps for leg in legs)
    assert max(points[-1][0] for points in told.values()) in range(steps - 24, steps + 1), "a line each 25 steps"
    assert {f"loss{leg.frames}" for leg in legs} == told.keys()
