"""The names of methods and what they stand for."""

from dataclasses import replace

import pytest

from tsattn.control import ControlConfig
from tsattn.methods import CONTROLS, PAPER, named


def test_the_paper_is_the_default_of_a_control():
    assert CONTROLS[PAPER] == ControlConfig() == ControlConfig.paper()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_knows_its_name_at_any_strength(name):
    assert named(CONTROLS[name]) == name
    assert named(replace(CONTROLS[name], strength=0)) == name


def test_a_control_of_ones_own_has_no_name():
    assert named(ControlConfig(r_max=2)) is None
