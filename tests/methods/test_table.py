"""The names of methods and what they stand for."""

from dataclasses import replace

import pytest

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.methods import CONTROLS, METHODS, PAPER, check_control, named


def test_the_paper_is_the_default_of_a_control():
    assert CONTROLS[PAPER] == ControlConfig() == ControlConfig.paper()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_knows_its_name_at_any_strength(name):
    assert named(CONTROLS[name]) == name
    assert named(replace(CONTROLS[name], strength=0)) == name


def test_a_control_of_ones_own_has_no_name():
    assert named(ControlConfig(r_max=2)) is None


def test_methods_that_control_no_pass_are_refused():
    for name in METHODS:
        if name in CONTROLS:
            check_control(name)
        else:
            with pytest.raises(PlanError, match="does not control a pass"):
                check_control(name)
    with pytest.raises(PlanError, match="did you mean 'gentle'"):
        check_control("gentel")
