import pytest

from tsattn import ControlConfig
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"t2v_step_fraction": 1.1}, {"i2v_step_fraction": float("nan")}, {"r_min": 2.0}, {"erosion": 2}, {"erosion": 0},
        {"strength": -1.0}, {"strength": float("nan")}, {"minimum_steps": -1}, {"layers": ()},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ControlError, match=next(iter(wrong))):
        ControlConfig(**wrong)
