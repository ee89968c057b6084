"""Which models a page can reach."""

import pytest

from tests.shapes.sibling import untrained
from tsattn.errors import ModelError, PlanError, TsattnError
from tsattn.web.models import Models, whole


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wan").mkdir()
    (tmp_path / "wan" / "model_index.json").write_text("{}")
    return tmp_path


def test_the_embedded_model_comes_first_and_paths_are_not_shown(folder):
    models = Models([str(folder / "wan"), "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"])
    assert models.labels == ["shapes", "wan", "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"]
    assert models.source("wan") == str(folder / "wan")
    assert models.label(str(folder / "wan")) == "wan"
    assert models.label("/elsewhere") is None


def test_folders_of_one_name_stay_apart(folder):
    (folder / "b").mkdir()
    (folder / "wan").rename(folder / "b" / "wan")
    (folder / "wan").mkdir()
    (folder / "wan" / "model_index.json").write_text("{}")
    models = Models([str(folder / "wan"), str(folder / "b" / "wan")])
    assert len(set(models.labels)) == 3


@pytest.mark.parametrize("asked", ["/etc", "..", "../wan", "wan/../wan", "", None, 7, ["shapes"], {"a": 1}])
def test_nothing_else_can_be_opened(folder, asked):
    models = Models([str(folder / "wan")])
    for reach in (models.source, models.facts, models.settings):
        with pytest.raises(ModelError, match="is not offered here"):
            reach(asked)
    with pytest.raises(ModelError, match="is not offered here"):
        models.clip(asked, 25)


def test_what_cannot_be_a_model_is_refused_at_the_start(tmp_path):
    with pytest.raises(ModelError):
        Models([str(tmp_path)])


def test_the_embedded_clip_is_that_of_its_description():
    models = Models()
    assert models.clip("shapes", 25) == models.facts("shapes").clip(models.settings("shapes"))


@pytest.mark.parametrize("frames", [0, -1, None, "25", True, 2.5, float("nan"), float("inf"), 1e300, [25]])
def test_frames_are_whole_numbers_above_zero(frames):
    with pytest.raises(TsattnError):
        Models().clip("shapes", frames)


def test_whole_numbers_may_come_as_floats():
    assert whole(7.0, "seed") == 7
    with pytest.raises(PlanError, match="the seed is a whole number"):
        whole(0.5, "the seed")


def test_a_model_that_starts_from_an_image_is_refused_with_a_way_out(tmp_path):
    models = Models([str(untrained(tmp_path))])
    for reach in (models.facts, models.settings):
        with pytest.raises(ModelError, match="starts from an image, which the page cannot give it"):
            reach(models.labels[1])
