import pytest

from tests.shapes.sibling import untrained
from tsattn.errors import ModelError
from tsattn.generate import EMBEDDED_I2V, EMBEDDED_MODELS, describe, embedded_clip


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_an_embedded_model_without_weights_says_so(name, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    monkeypatch.setitem(EMBEDDED_MODELS, name, EMBEDDED_MODELS[name]._replace(folder=gone))
    how = {"shapes": "train", "shapes-i2v": "train-i2v"}[name]
    with pytest.raises(
        ModelError, match=f"{name!r} has no weights in this copy of tsattn; make them with `make {how}`"
    ) as told:
        describe(name)
    assert str(gone) not in str(told.value), "the message may be shown to others"


def test_the_embedded_models_are_what_their_table_says(tmp_path, monkeypatch):
    monkeypatch.setitem(
        EMBEDDED_MODELS, EMBEDDED_I2V, EMBEDDED_MODELS[EMBEDDED_I2V]._replace(folder=untrained(tmp_path))
    )
    for name, model in EMBEDDED_MODELS.items():
        facts = describe(name)
        assert facts.takes_image == (model.task == "i2v")
        assert facts.settings == model.settings
        assert facts.clip(model.settings) == embedded_clip(model.settings)


def test_a_name_that_is_nearly_an_embedded_one():
    with pytest.raises(ModelError, match="did you mean 'shapes-i2v'"):
        describe("shape-i2v")
