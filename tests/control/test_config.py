import pytest

from tsattn import ControlConfig
from tsattn.attention.rule import Rule
from tsattn.errors import ControlError


def test_the_default_is_the_paper_s():
    config = ControlConfig()
    assert config == ControlConfig.paper()
    assert (config.t2v_step_fraction, config.i2v_step_fraction) == (0.2, 0.4)
    assert (config.r_min, config.r_max, config.erosion, config.strength) == (1.0, 1.5, 3, 1.0)


@pytest.mark.parametrize(
    ("fraction", "steps", "expected"), [(0.2, 50, 10), (0.2, 4, 1), (0.2, 1, 1), (0.29, 100, 29), (0, 50, 0), (1, 7, 7)]
)
def test_controlled_steps(fraction, steps, expected):
    assert ControlConfig(t2v_step_fraction=fraction).controlled_steps("t2v", steps) == expected
    assert ControlConfig(i2v_step_fraction=fraction).controlled_steps("i2v", steps) == expected


def test_other_methods_act_in_all_steps_and_add_nothing_of_ts_attn():
    for config in (ControlConfig.prompt_relay(), ControlConfig.hard_mask(), ControlConfig.kv_switch()):
        assert config.controlled_steps("t2v", 20) == config.controlled_steps("i2v", 20) == 20
        assert config.rule == Rule(region=False, rearrange=False, reinforce=False)
    assert ControlConfig.kv_switch(0.4).controlled_steps("t2v", 20) == 8


@pytest.mark.parametrize("policy", ["prompt-relay", "hard-mask", "kv-switch"])
@pytest.mark.parametrize(
    "idle",
    [
        {"r_max": 2.0},
        {"erosion": 1},
        {"region": False},
        {"threshold": 0.5},
        {"segment_wise": True},
        {"released_code": True},
    ],
    ids=str,
)
def test_what_another_method_does_not_have_is_refused(policy, idle):
    with pytest.raises(ControlError, match=f"{next(iter(idle))}: only TS-Attn has this"):
        ControlConfig(policy=policy, **idle)


def test_what_is_on_or_off_has_no_degrees():
    with pytest.raises(ControlError, match="no degrees"):
        ControlConfig(policy="hard-mask", strength=0.5)
    assert ControlConfig(policy="prompt-relay", strength=0.5).rule.strength == 0.5


def test_the_released_code_has_no_options_beyond_the_paper():
    with pytest.raises(ControlError, match="threshold, raise_subject: the released code"):
        ControlConfig(released_code=True, threshold=0.5, raise_subject=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"t2v_step_fraction": 1.1}, {"i2v_step_fraction": float("nan")}, {"r_min": 2.0}, {"erosion": 2}, {"erosion": 0},
        {"strength": -1.0}, {"strength": float("nan")}, {"minimum_steps": -1}, {"layers": ()},
        {"erosion": 3.0}, {"layers": 5}, {"layers": 0}, {"layers": (1.5,)}, {"minimum_steps": 1.5}, {"strength": "a"},
        {"strength": 1e38}, {"region": 1}, {"r_max": True}, {"threshold": "none"}, {"threshold": float("nan")}, {"policy": "relay"},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ControlError, match=next(iter(wrong))):
        ControlConfig(**wrong)
