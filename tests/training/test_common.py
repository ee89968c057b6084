import pytest

from training.common import whole


def test_a_folder_is_replaced_by_a_whole_one_or_not_at_all(tmp_path):
    folder = tmp_path / "vae"
    for text in ("first", "second"):
        with whole(folder) as part:
            (part / text).write_text(text)
        assert [file.name for file in folder.iterdir()] == [text]
    with pytest.raises(KeyboardInterrupt), whole(folder) as part:
        (part / "third").write_text("")
        raise KeyboardInterrupt
    assert [file.name for file in folder.iterdir()] == ["second"]
    with whole(folder) as part:
        assert not list(part.iterdir()), "what a cut left is gone"
    assert list(tmp_path.iterdir()) == [folder]
