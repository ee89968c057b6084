"""The mode that other tests rely on fails where it should."""

import pytest
import torch

from tests.control.waiting import NoWaiting


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.repeat_interleave(torch.tensor([1, 2, 3])),
        lambda x: x.__setitem__(x > 0, torch.ones(3)),
    ],
)
def test_reading_a_tensor_fails(wait):
    with pytest.raises(AssertionError, match="waits for the device"), NoWaiting():
        wait(torch.ones(3))


def test_what_needs_no_number_passes():
    with NoWaiting():
        x = torch.ones(3)
        x[torch.tensor([0, 1])] = x[torch.tensor([1, 2])]
        torch.where(x > 0, x, 0 * x).repeat_interleave(2, output_size=6)
