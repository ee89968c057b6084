"""The names of methods and what they stand for."""

from tsattn.control import ControlConfig
from tsattn.methods import CONTROLS, PAPER


def test_the_paper_is_the_default_of_a_control():
    assert CONTROLS[PAPER] == ControlConfig() == ControlConfig.paper()
