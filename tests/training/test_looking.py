import numpy as np
import pytest
import torch

from training import looking
from training.common import ALONE, PAIRED, scene_of
from training.data import Batch, caption, happening
from training.looking import Look, look_at, looking_losses, told
from training.text import tokenizer
from tsattn.attention.region import Grid, erode
from tsattn.evaluate.shapes.attention import object_tokens
from tsattn.plan import parse
from tsattn.plan.timeline import Clip

TOKENS = tokenizer()
COLUMNS = 40


def batch(scenes, count=13, captions=None):
    rng = np.random.default_rng(0)
    captions = captions or [caption(scene, count, rng) for scene in scenes]
    latents = torch.zeros(len(scenes), 4, count, 16, 16)
    return Batch(latents, latents[:, :0], captions, scenes)


def looking_loss(logits, look):
    return sum(looking_losses(logits, look))


def words(columns, row):
    ids = TOKENS([row]).input_ids[0]
    return TOKENS.decode([ids[k] for k in columns.nonzero()[:, 0]])


@pytest.mark.parametrize("mix", [ALONE, PAIRED], ids=["alone", "paired"])
def test_columns_and_times_are_those_that_the_parser_reads(mix):
    scenes = [scene_of(seed, stage=3, mix=mix) for seed in range(20)]
    given = batch(scenes, captions=[scene.prompt for scene in scenes])
    look = look_at(given, TOKENS, COLUMNS, np.random.default_rng(0))
    bare = 0
    for b, scene in enumerate(scenes):
        plan = parse(scene.prompt)
        assert look.there[b].tolist() == [len(scene.actors) > s for s in range(2)]
        for s, (subject, actor) in enumerate(zip(plan.subjects, scene.actors, strict=True)):
            for e, event in enumerate(subject.events):
                assert words(look.events[b, s, e], scene.prompt) == event.text
                frames = look.due[b, s, e].view(13, -1).any(1)
                middle = torch.arange(13).mul(2).sub(0.5).clamp_min(0.25)
                start, end = actor.bounds[e : e + 2]
                assert frames.tolist() == ((middle > start) & (middle <= end)).tolist()
            assert not look.events[b, s, len(subject.events) :].any()
            if look.kept[b].all():
                assert words(look.words[b, s], scene.prompt) == subject.text
            else:
                bare += 1
                assert not look.words[b, s].any()
                assert look.kept[b][look.events[b].sum((0, 1)) > 0].all()
    assert bare


def test_a_place_is_what_erosion_makes_the_object_of():
    scenes = [scene_of(seed, stage=3) for seed in range(10)]
    look = look_at(batch(scenes), TOKENS, COLUMNS, np.random.default_rng(0))
    for scene, place, there in zip(scenes, look.place, look.there, strict=True):
        if there[0]:
            eroded = erode(place[0].view(13, 8, 8))
            mine = torch.from_numpy(object_tokens(scene, Clip.made(25, 8.0, 2), Grid(13, 8, 8)))
            assert (eroded | mine).equal(eroded)
            assert not (eroded & ~place[0].view(13, 8, 8)).any()


def test_a_stretch_tells_of_its_own_events_and_places():
    scene = next(s for s in (scene_of(seed, stage=3) for seed in range(99)) if len(s.actors[0].role.events) == 3)
    whole = look_at(batch([scene]), TOKENS, COLUMNS, np.random.default_rng(0))
    for count in (1, 5, 8):
        part = look_at(batch([scene], count), TOKENS, COLUMNS, np.random.default_rng(0))
        assert torch.equal(part.place[0, 0], whole.place[0, 0].view(13, -1)[:count].flatten())
        told_of = happening(scene.actors[0], count)
        assert part.events[0, 0].sum(-1).bool().tolist() == [k < len(told_of) for k in range(4)]


def test_a_caption_that_does_not_tell_of_a_role_is_refused():
    role = scene_of(0, stage=3).actors[0].role
    with pytest.raises(ValueError, match="not found"):
        told("nothing of it", [role])


def attention(look, *, subject, event):
    """Logits (b, h, q, k) that put so much on a subject's words and on its due events', inside its place."""
    logits = torch.zeros(1, 2, look.place.shape[-1], COLUMNS)
    logits += subject * torch.einsum("bsq,bsk->bqk", look.place.float(), look.words)[:, None]
    logits += event * torch.einsum("bseq,bsek->bqk", look.due.float(), look.events)[:, None]
    return logits


@pytest.mark.parametrize("mix", [ALONE, PAIRED], ids=["alone", "paired"])
def test_the_loss_falls_where_attention_goes_to_the_right_words_at_the_right_place_and_time(mix, monkeypatch):
    monkeypatch.setattr(looking, "BARE", 0)
    look = look_at(batch([scene_of(3, stage=3, mix=mix)]), TOKENS, COLUMNS, np.random.default_rng(0))
    even, both = (looking_loss([attention(look, subject=x, event=x)], look) for x in (0.0, 5.0))
    late = attention(look._replace(due=look.due.flip(-1)), subject=5.0, event=5.0)
    elsewhere = attention(look._replace(place=~look.place), subject=5.0, event=5.0)
    assert both < 0.5 * even
    for worse in (late, elsewhere):
        assert looking_loss([worse], look) > both + 0.2


def test_what_nobody_can_know_costs_nothing():
    scene = scene_of(0, stage=3)
    look = look_at(batch([scene], captions=[""]), TOKENS, COLUMNS, np.random.default_rng(0))
    assert isinstance(look, Look)
    assert not look.there.any()
    assert look.kept.all()
    logits = torch.randn(1, 2, 13 * 64, COLUMNS, requires_grad=True)
    loss = looking_loss([logits], look)
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()
