import numpy as np
import pytest

from tsattn.evaluate.drawing import arms, as_svg, literal, new_figure
from tsattn.evaluate.intervals import interval


@pytest.mark.parametrize("value", [1 / 6, 1 / 5, 1 / 3, 2 / 5, 3 / 5, 2 / 3])
@pytest.mark.parametrize("count", [3, 7, 20])
def test_the_interval_of_values_that_are_all_the_same_can_be_drawn(value, count):
    reach = np.array(arms(interval(np.full(count, value), [str(k) for k in range(count)])))
    assert (reach >= 0).all()
    assert reach.max() < 1e-9


def test_labels_are_shown_as_they_are():
    with new_figure(3, 2) as figure:
        axes = figure.subplots()
        for label in ("_private", "a_$b$"):
            axes.plot([0, 1], label=literal(label))
        figure.legend()
        drawn = as_svg(figure)
    assert "_private" in drawn and "a_$b$" in drawn
