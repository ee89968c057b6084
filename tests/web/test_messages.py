"""What browsers are told of errors."""

import logging

from tsattn.errors import ModelError, PlanError
from tsattn.web.messages import LONGEST, UNEXPECTED, told


def test_messages_keep_their_words_and_lose_the_server_s_paths():
    told_ = told(ModelError("the folder /home/me/models/wan holds no pipeline: it has no model_index.json"))
    assert told_ == "the folder wan holds no pipeline: it has no model_index.json"
    assert "C:" not in told(ModelError(r"cannot open 'C:\Users\me\wan'"))
    assert told(PlanError("write it as 0%-40%, and/or 2s-3.5s")) == "write it as 0%-40%, and/or 2s-3.5s"


def test_the_unexpected_is_logged_and_not_told(caplog):
    with caplog.at_level(logging.ERROR, logger="tsattn.web"):
        assert told(RuntimeError("secret of /root/key")) == UNEXPECTED
    assert "secret of /root/key" in caplog.text


def test_messages_are_of_one_line_and_cut():
    assert len(told(PlanError("word\n" * 1000))) <= LONGEST + 10
    assert "\n" not in told(PlanError("one\ntwo"))
