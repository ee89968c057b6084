import hashlib
from collections import Counter

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanImageToVideoPipeline

from training import data
from training.common import ALONE, PAIRED, clip_and_mask, scene_of
from training.data import BOTH, SOURCES, Data, batch_of, caption, chances, clips, encode, given
from training.denoiser import PROMPT, T2V
from training.text import tokenizer
from tsattn.plan import parse
from tsattn.shapes import MODEL
from tsattn.shapes.world import FRAMES, SIZE, WORDINGS, first_frame, render, sample_scene

LATENT_FRAMES = 13


def some(count):
    return [scene_of(k, stage=97, mix=mix) for mix in (ALONE, PAIRED) for k in range(count)]


def kind(scene):
    return tuple(len(actor.role.events) * (actor.role.events != ("stays still",)) for actor in scene.actors)


def told(prompt):
    """The canonical events of each subject of a prompt."""
    names = {wording: event for event, wordings in WORDINGS.items() for wording in wordings}
    return {subject.text: tuple(names[event.text] for event in subject.events) for subject in parse(prompt).subjects}


def test_the_scenes_whose_latents_are_kept_are_what_they_were():
    digest = hashlib.sha256()
    for seed in range(40):
        for stage in (1, 3):
            scene = scene_of(seed, stage=stage)
            digest.update(scene.prompt.encode())
            digest.update(render(scene, slice(3, 6)).tobytes())
    assert digest.hexdigest() == "563ab7a63f5465c9c02da9640e1640f265ef52588718ad0877c7acea3c8a4a86"


def test_mixes_are_shares():
    for mix in (ALONE, PAIRED, BOTH):
        assert sum(mix.values()) == pytest.approx(1)
    assert {events for source in SOURCES for events in source.mix} == set(BOTH), "each share has its scenes"
    assert len({source.stage for source in SOURCES}) == len(SOURCES)


def test_batches_have_the_shares_of_the_mix_whatever_the_sources_have():
    scenes = some(150)
    mix = {(1,): 0.2, (2,): 0.3, (1, 1): 0.5}
    found = Counter()
    for scene, chance in zip(scenes, chances(scenes, mix), strict=True):
        found[kind(scene)] += chance
    assert {events: share for events, share in found.items() if share} == pytest.approx(mix)
    with pytest.raises(ValueError, match="no clip has these numbers of events"):
        chances(scenes, {(4, 4): 1.0})


def test_a_caption_of_a_whole_clip_tells_all_and_one_of_a_stretch_what_happens_in_it():
    rng = np.random.default_rng(0)
    for scene in some(30):
        names = {f"{actor.role.colour} {actor.role.shape}": actor for actor in scene.actors}
        whole = told(caption(scene, LATENT_FRAMES, rng))
        assert whole == {name: actor.role.events for name, actor in names.items()}
        for count in (1, 3, 5, 9):
            part = told(caption(scene, count, rng))
            assert part.keys() == names.keys()
            for name, actor in names.items():
                events = actor.role.events
                assert part[name] == events[: len(part[name])], "those of the beginning, in order"
                begun = [k for k in range(len(events)) if actor.bounds[k] < max(1, 2 * count - 2)]
                assert 1 <= len(part[name]) <= len(begun), "none that the stretch does not reach"
                ended = [k for k in begun if actor.bounds[k + 1] <= 2 * count - 2]
                assert len(part[name]) >= len(ended), "all that it holds"


def test_every_caption_fits_the_columns_that_training_computes():
    tokens, rng = tokenizer(), np.random.default_rng(1)
    kinds = [events for events in BOTH if sum(max(1, count) for count in events) >= max(3, 4 * (len(events) - 1))]
    prompts = [
        caption(sample_scene(np.random.default_rng([97, *events, seed]), *events), LATENT_FRAMES, rng)
        for events in kinds
        for seed in range(8)
        for _ in range(20)
    ]
    assert max(len(tokens(prompt).input_ids) for prompt in prompts) < PROMPT


def test_encoding_that_was_cut_goes_on_and_clips_keep_their_order(tmp_path):
    torch.manual_seed(0)
    AutoencoderKLWan(
        base_dim=4, z_dim=2, dim_mult=[1, 1], num_res_blocks=1, temperal_downsample=[True], in_channels=12,
        out_channels=12, patch_size=2, scale_factor_temporal=2, scale_factor_spatial=4,
        latents_mean=[0.0, 0.0], latents_std=[1.0, 1.0],
    ).save_pretrained(tmp_path / "vae")  # fmt: skip
    scenes = some(9)
    whole = encode(scenes, tmp_path / "vae", tmp_path / "whole.pt")
    assert whole.shape == (18, 2, LATENT_FRAMES, 16, 16)
    encode(scenes[:5], tmp_path / "vae", tmp_path / "cut.pt")
    assert torch.allclose(encode(scenes, tmp_path / "vae", tmp_path / "cut.pt"), whole, atol=1e-2)


def test_sources_are_put_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(
        data, "SOURCES", [source._replace(count=count) for source, count in zip(SOURCES, (40, 60), strict=True)]
    )
    both = {(1,): 0.5, (1, 1): 0.5}
    for source, count in zip(data.SOURCES, (40, 60), strict=True):
        torch.save(dict(latents=torch.full((count, 1, 13, 2, 2), float(source.stage))), tmp_path / source.file)
        torch.save(
            dict(latents=torch.full((count, 1, 13, 2, 2), 10.0 * source.stage)), tmp_path / f"given-{source.file}"
        )
    found = clips(tmp_path / "vae", both)
    assert [len(scene.actors) for scene in found.scenes] == [1] * 40 + [2] * 60
    assert found.latents[:, 0, 0, 0, 0].tolist() == [3.0] * 40 + [4.0] * 60
    assert found.scenes[0] == scene_of(0, stage=3)
    assert found.given.shape == (100, 0, 13, 2, 2)
    AutoencoderKLWan.from_pretrained(MODEL / "vae").save_pretrained(tmp_path / "vae")
    assert clips(tmp_path / "vae", both, i2v=True).given[:, -1, 0, 0, 0].tolist() == [30.0] * 40 + [40.0] * 60
    alone = clips(tmp_path / "vae", {(1,): 1.0})
    assert [len(scene.actors) for scene in alone.scenes] == [1] * 40, "a source that no share needs is not encoded"


def test_what_is_given_is_what_the_stock_pipeline_makes_of_the_first_frame(tmp_path):
    vae = AutoencoderKLWan.from_pretrained(MODEL / "vae")
    pipe = WanImageToVideoPipeline(tokenizer=None, text_encoder=None, vae=vae, scheduler=None)
    scenes = some(1)
    found = given(scenes, MODEL / "vae", tmp_path / "given.pt")
    assert found.shape == (2, 6, LATENT_FRAMES, 16, 16)
    for scene, condition in zip(scenes, found, strict=True):
        image = pipe.video_processor.preprocess(first_frame(scene), height=SIZE, width=SIZE)
        with torch.no_grad():
            expected = pipe.prepare_latents(image, 1, vae.config.z_dim, SIZE, SIZE, FRAMES, torch.float32)[1]
        assert torch.equal(condition[:2], expected[0, :2]), "the mask"
        # the latents are kept in half precision
        assert torch.allclose(condition[2:].float(), expected[0, 2:], rtol=2**-10, atol=2e-3)
    assert torch.equal(given(scenes, MODEL / "vae", tmp_path / "given.pt"), found), "read back"


def test_a_batch_is_beginnings_of_clips():
    scenes = some(20)
    latents = torch.arange(len(scenes) * LATENT_FRAMES).view(-1, 1, LATENT_FRAMES, 1, 1).float()
    known = Data(latents, latents[:, :0], scenes, chances(scenes, {(1,): 0.5, (1, 1): 0.5}))
    batch = batch_of(known, 6, T2V.legs[1].frames, step=0, seed=0)
    assert batch.latents.shape == (6, 1, 5, 1, 1)
    assert batch.given.shape == (6, 0, 5, 1, 1)
    for stretch, text in zip(batch.latents[:, 0, :, 0, 0], batch.captions, strict=True):
        clip, first = divmod(int(stretch[0]), LATENT_FRAMES)
        assert first == 0, "a video begins with a first frame"
        assert stretch.tolist() == [clip * LATENT_FRAMES + k for k in range(5)]
        roles = [actor.role for actor in scenes[clip].actors]
        assert not text or told(text).keys() == {f"{role.colour} {role.shape}" for role in roles}


def test_what_is_given_is_cut_as_the_clips_are():
    scenes = some(20)
    latents = torch.arange(len(scenes) * LATENT_FRAMES).view(-1, 1, LATENT_FRAMES, 1, 1).float()
    known = Data(latents, -latents, scenes, chances(scenes, {(1,): 0.5, (1, 1): 0.5}))
    batch = batch_of(known, 6, 5, step=0, seed=0)
    assert torch.equal(batch.given, -batch.latents)


def test_the_mask_covers_every_subject():
    scene = sample_scene(np.random.default_rng(0), 1, 1)
    clip, mask = clip_and_mask(scene)
    assert clip.shape == (3, FRAMES, 64, 64)
    assert mask.shape == (1, FRAMES, 64, 64)
    colourful = clip.amax(0) - clip.amin(0) > 0.8
    assert (mask[0][colourful] > 0.4).all()
    assert not colourful[mask[0] == 0].any()
