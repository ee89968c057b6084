"""One pass for each event: what it is told, and the frame that it goes on from."""

import inspect

import numpy as np
import torch

from tests.families.wan import PICTURE
from tests.methods.toys import PLAN, SETTINGS, from_image, from_text, passes_of
from tsattn.methods import METHODS, make_video
from tsattn.methods.passes import _encoded


def spied(model, monkeypatch):
    """What the pipeline is called with, pass by pass."""
    calls, call = [], type(model.pipe).__call__

    def spy(self, **given):
        result = call(self, **given)
        calls.append({**given, "made": result.frames[0]})
        return result

    spy.__signature__ = inspect.signature(call)
    monkeypatch.setattr(type(model.pipe), "__call__", spy)
    return calls


def test_each_pass_is_told_of_its_event_only(monkeypatch):
    model = from_text()
    calls = spied(model, monkeypatch)
    make_video(model, PLAN, SETTINGS, METHODS["pass-per-event"])
    told = ["A cat runs across the grass", "A cat jumps over a red fence", "A cat sleeps"]
    assert [call["prompt"] for call in calls] == told
    assert [call["num_frames"] for call in calls] == [9, 13, 9]


def test_from_an_image_each_pass_begins_with_the_last_frame(monkeypatch):
    model = from_image()
    calls = spied(model, monkeypatch)
    video = make_video(model, PLAN, SETTINGS, METHODS["pass-per-event"], image=PICTURE).video
    assert calls[0]["image"] is PICTURE
    for end, call in ((9, calls[1]), (21, calls[2])):
        assert np.array_equal(np.asarray(call["image"]), video[end - 1])


def test_from_text_the_first_latent_frame_is_the_last_frame_noised_as_the_rest(monkeypatch):
    model = from_text()
    with passes_of(model.pipe) as seen:
        video = make_video(model, PLAN, SETTINGS, METHODS["pass-per-event"]).video
    start, later = seen[4], seen[6]  # of the second pass, each step with and without the prompt
    noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(SETTINGS.seed))
    assert torch.equal(start, noise)
    model.pipe.scheduler.set_timesteps(SETTINGS.steps)
    sigma = model.pipe.scheduler.sigmas[1]
    expected = (1 - sigma) * _encoded(model.pipe, video[8]) + sigma * noise[:, :, :1]
    assert torch.allclose(later[:, :, :1], expected, atol=1e-6)
