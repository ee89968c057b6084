"""Methods as a person writes them, also with other numbers."""

from dataclasses import replace

import pytest

from tsattn.control import ControlConfig
from tsattn.errors import ControlError, PlanError
from tsattn.methods import CONTROLS, METHODS, PAPER, canonical, control_named, method_named, written


@pytest.mark.parametrize("name", METHODS)
def test_a_name_of_the_table_is_what_stands_there(name):
    assert method_named(name) == METHODS[name]
    assert canonical(name) == name


def test_the_paper_has_another_name():
    assert method_named("paper") == METHODS[PAPER]
    assert canonical("paper") == PAPER
    assert canonical("paper:r_max=2") == f"{PAPER}:r_max=2"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gentle:strength=0.2", "gentle"),
        ("gentle: strength=.15", "gentle:strength=0.15"),
        ("ts-attn:region=false", "no-region"),
        ("prompt-relay:strength=3.0", "prompt-relay:strength=3"),
        ("ts-attn:region=false:raise_subject=true:strength=0.2", "gentle"),
        ("kv-switch:t2v_step_fraction=.2", "kv-switch:t2v_step_fraction=0.2"),
        ("kv-switch:t2v_step_fraction=.2:i2v_step_fraction=.2", "kv-switch:step_fraction=0.2"),
        ("kv-switch:step_fraction=.2:i2v_step_fraction=.4", "kv-switch:t2v_step_fraction=0.2:i2v_step_fraction=0.4"),
        ("ts-attn:step_fraction=.2", "ts-attn:i2v_step_fraction=0.2"),
        ("gentle:strength=1e-5", "gentle:strength=1e-05"),
    ],
)
def test_one_method_has_one_name_however_it_is_written(text, name):
    assert canonical(text) == name
    assert method_named(text).config == method_named(name).config


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("gentle:strength=0.15", ControlConfig(strength=0.15, region=False, raise_subject=True)),
        ("ts-attn:layers=[1, 2]:region=false", ControlConfig(layers=(1, 2), region=False)),
        ("ts-attn:layers=odd", ControlConfig(layers="odd")),
        (
            "kv-switch:t2v_step_fraction=0.2",
            ControlConfig(policy="kv-switch", t2v_step_fraction=0.2, i2v_step_fraction=1.0),
        ),
        ("kv-switch:step_fraction=2e-1", ControlConfig.kv_switch(0.2)),
        (
            "prompt-relay: strength = 3",
            ControlConfig(policy="prompt-relay", t2v_step_fraction=1.0, i2v_step_fraction=1.0, strength=3.0),
        ),
    ],
)
def test_other_numbers_stand_behind_the_name(text, config):
    assert control_named(text) == config


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("gentel", PlanError, "did you mean 'gentle'"),
        ("gentle:strenght=1", PlanError, "a control has no 'strenght'; did you mean 'strength'"),
        ("gentle:strength", PlanError, "expected a field as NAME=VALUE, such as strength=0.5, but got 'strength'"),
        ("gentle:", PlanError, "expected a field as NAME=VALUE"),
        ("gentle:layers=[1", PlanError, "expected a field as NAME=VALUE"),
        ("gentle:strength=much", ControlError, "strength is a number, but got 'much'"),
        ("gentle:step_fraction=2", ControlError, "t2v_step_fraction"),
        ("gentle:step_fraction=", ControlError, "t2v_step_fraction"),
        ("gentle:strength=true", ControlError, "strength is a number, but got True"),
        ("ts-attn:erosion=3.0", ControlError, "erosion is a whole number, but got 3.0"),
        ("ts-attn:layers=1", ControlError, "layers are numbers"),
        ("gentle:strength=1:strength=2", PlanError, "has 'strength' twice"),
        ("hard-mask:policy=ts-attn", PlanError, "name the method that has 'ts-attn' instead"),
        ("all", PlanError, "'all' stands for several methods"),
        (":", PlanError, "unknown method ''"),
        ("gentle:strength=-1", ControlError, "strength is from 0"),
        ("hard-mask:r_max=2", ControlError, "only TS-Attn has this"),
        ("vanilla:strength=1", PlanError, "the method 'vanilla' does not control a pass"),
    ],
)
def test_what_makes_no_sense_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        method_named(text)


def test_methods_that_control_no_pass_are_refused_where_a_control_is_wanted():
    for name in METHODS:
        if name in CONTROLS:
            assert control_named(name) == CONTROLS[name]
        else:
            with pytest.raises(PlanError, match="does not control a pass; those that do are ts-attn"):
                control_named(name)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_knows_its_name_at_any_strength(name):
    assert written(CONTROLS[name]) == name
    assert written(replace(CONTROLS[name], strength=0.0), strength=False) == name


@pytest.mark.parametrize(
    "config",
    [
        ControlConfig(r_max=2.0, layers=(0, 2)),
        ControlConfig(layers="odd", unconditional=True),
        ControlConfig(strength=0.3, region=False, raise_subject=True, t2v_step_fraction=0.4),
        ControlConfig(policy="kv-switch"),
        ControlConfig.kv_switch(0.4),
        ControlConfig(strength=1e-7),
        ControlConfig(policy="prompt-relay", strength=3.0, layers=(1,)),
    ],
    ids=written,
)
def test_a_control_of_ones_own_is_written_as_it_is_read(config):
    assert ":" in written(config)
    assert control_named(written(config)) == config
    assert replace(control_named(written(config, strength=False)), strength=config.strength) == config
