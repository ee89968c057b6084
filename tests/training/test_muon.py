import pytest
import torch

from training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)], ids=str)
def test_it_does_what_torch_does_but_for_rounding(shape):
    generator = torch.Generator().manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape, generator=generator))
    theirs = torch.nn.Parameter(ours.detach().clone())
    mine = Muon([ours], lr=1e-2, weight_decay=0.1)
    own = torch.optim.Muon([theirs], lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    before = ours.detach().clone()
    for _ in range(4):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        mine.step()
        own.step()
    moved = (theirs - before).abs().max()
    # theirs iterates in bfloat16
    assert (ours - theirs).abs().max() < 0.1 * moved


def test_matrices_of_one_shape_do_not_see_each_other():
    generator = torch.Generator().manual_seed(1)
    matrices = torch.randn(3, 8, 16, generator=generator)
    matrices[1] *= 1000
    together = orthogonal(matrices)
    for one, alone in zip(together, matrices, strict=True):
        torch.testing.assert_close(one, orthogonal(alone[None])[0], atol=1e-5, rtol=0)
    values = torch.linalg.svdvals(together)
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_a_matrix_without_a_gradient_is_left_alone():
    matrix = torch.nn.Parameter(torch.ones(4, 4))
    Muon([matrix], lr=1.0).step()
    assert torch.equal(matrix, torch.ones(4, 4))
