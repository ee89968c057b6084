"""What holds for every way to make a video: length, determinism, nothing left behind, ended at any step."""

import numpy as np
import pytest

from tests.conftest import wan_pipeline
from tests.control.residue import residue
from tests.families.cogvideox import CASES
from tests.families.wan import PICTURE
from tests.methods.toys import ONE, PLAN, SETTINGS, from_image, from_text, model_of, passes_of
from tsattn.errors import PlanError, UnsupportedPipelineError
from tsattn.methods import METHODS, check_method, check_way, make_video

SEVERAL = ("pass-per-event", "windows")


@pytest.fixture(scope="module")
def text():
    return from_text()


@pytest.fixture(scope="module")
def image():
    return from_image()


def video(model, plan=PLAN, *, method, on_step=lambda: None, **changes):
    first = PICTURE if model.facts.takes_image else None
    settings = model.facts.settings.__class__(**{**vars(SETTINGS), **changes})
    return make_video(model, plan, settings, METHODS[method], image=first, on_step=on_step).video


@pytest.mark.parametrize("method", SEVERAL)
@pytest.mark.parametrize("frames", [29, 30, 13, 9])
def test_as_long_as_asked(text, method, frames):
    assert video(text, method=method, frames=frames, steps=1).shape == video(
        text, method="vanilla", frames=frames, steps=1
    ).shape  # fmt: skip


def test_as_long_as_asked_from_an_image(image):
    assert video(image, method="pass-per-event", steps=1).shape == (29, 32, 32, 3)


@pytest.mark.parametrize("method", SEVERAL)
def test_one_event_is_the_models_own_video(text, method):
    assert np.array_equal(video(text, ONE, method=method), video(text, ONE, method="vanilla"))


@pytest.mark.parametrize("method", SEVERAL)
def test_the_seed_decides(text, method):
    first = video(text, method=method)
    assert np.array_equal(video(text, method=method), first)
    assert not np.array_equal(video(text, method=method, seed=4), first)
    assert not np.array_equal(video(text, method="vanilla"), first)


@pytest.mark.parametrize("method", SEVERAL)
@pytest.mark.parametrize("two", [False, True], ids=["wan2.1", "wan2.2-a14b"])
def test_nothing_is_left_behind_also_after_an_end_at_any_step(method, two):
    model = from_text(two=two)
    own = video(model, method="vanilla")  # the first run leaves diffusers' own hook
    before = residue(model.pipe)
    video(model, method=method)
    assert residue(model.pipe) == before
    steps = []

    def stop():
        steps.append(1)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video(model, method=method, on_step=stop)
    assert residue(model.pipe) == before
    assert np.array_equal(video(model, method="vanilla"), own)


def test_how_often_the_transformer_is_called(text):
    calls = {}
    for method in ("vanilla", "ts-attn", *SEVERAL):
        with passes_of(text.pipe) as seen:
            video(text, method=method)
        calls[method] = (len(seen), sum(latents.shape[2] for latents in seen))
    once = 2 * SETTINGS.steps  # with and without the prompt
    assert calls["vanilla"] == calls["ts-attn"] == (once, once * 8)
    assert calls["pass-per-event"] == (once * 3, once * (3 + 4 + 3)), (
        "two passes begin with a latent frame that is given"
    )
    assert calls["windows"] == (once * 3, once * (5 + 7 + 4))


@pytest.mark.parametrize("method", SEVERAL)
def test_models_that_cannot_be_run_so_are_refused_before_anything_is_run(method):
    model = model_of(CASES[0].build())
    with pytest.raises(UnsupportedPipelineError, match=f"tiny .* leave the method {method} out"):
        check_way(model.facts, METHODS[method])
    model.pipe.transformer.register_forward_pre_hook(lambda *args: pytest.fail("it was run"))
    with pytest.raises(UnsupportedPipelineError):
        make_video(model, PLAN, SETTINGS, METHODS[method])


def test_windows_from_an_image_are_refused(image):
    with pytest.raises(UnsupportedPipelineError, match="only Wan models that make videos from text"):
        video(image, method="windows")


def test_an_unknown_method_is_named():
    with pytest.raises(PlanError, match="did you mean 'windows'"):
        check_method("window")


def test_every_method_says_what_it_is():
    assert all(method.about for method in METHODS.values())
    assert len({method._replace(about="") for method in METHODS.values()}) == len(METHODS)


def test_a_token_may_have_a_time_of_its_own():
    from tests.families.wan import other

    model = model_of(other("WanPipeline", wan_pipeline(), expand_timesteps=True))
    assert np.array_equal(video(model, ONE, method="windows"), video(model, ONE, method="vanilla"))
    assert len(video(model, method="windows")) == 29
