import torch

from tsattn.attention.modulation import LARGEST_BIAS, event_bias, extent
from tsattn.attention.rule import Rule


def bias_of(logits, current, other, count=None, **options):
    """What is added to a row of logits: nothing to columns of no event, which the function is not given."""
    logits = torch.tensor(logits)[None, None]
    count = torch.ones(logits.shape[-1]) if count is None else torch.tensor(count)
    marks = [torch.tensor(mark, dtype=torch.bool)[None] for mark in (current, other)]
    events = (marks[0] | marks[1])[0]
    bias = torch.zeros_like(logits)
    own = [mark[:, events] for mark in marks]
    bias[..., events] = event_bias(logits[..., events], extent(logits, count), *own, Rule(**options))
    return bias[0, 0]


def test_by_hand():
    logits = [0.0, 1.0, 2.0, 5.0]  # mean 2
    low, high = 1.0, torch.tensor(5.0).exp()
    share = ((torch.tensor(logits).exp() - low) / (high - low)).tolist()
    found = bias_of(logits, [0, 1, 0, 0], [0, 0, 1, 0])
    expected = [0.0, (5 - 2) * (1 + (1 - share[1]) * 0.5), (0 - 2) * (1 + share[2] * 0.5), 0.0]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_a_column_of_both_counts_as_current():
    assert bias_of([0.0, 1.0, 3.0], [0, 1, 0], [0, 1, 0])[1] > 0


def test_a_row_without_a_mark_is_left_alone():
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    current = torch.tensor([[True, False, False, False], [False] * 4])
    other = torch.tensor([[False, True, True, True], [False] * 4])
    for rule in (Rule(), Rule(reinforce=False), Rule(released=True)):
        bias = event_bias(logits, extent(logits, torch.ones(4)), current, other, rule)
        assert bias[0].all()
        assert not bias[1].any()


def test_a_mark_that_is_a_number_is_how_much_is_added():
    logits = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    current, other = torch.tensor([[1.0, 0.5, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.25, 0.0]])
    for rule in (Rule(), Rule(reinforce=False)):
        row = extent(logits, torch.ones(4))
        whole = event_bias(logits, row, current > 0, current == 0, rule)
        part = event_bias(logits, row, current, other, rule)
        torch.testing.assert_close(part, whole * torch.tensor([1.0, 0.5, 0.25, 0.0]))


def test_equal_logits_ask_for_nothing():
    assert torch.equal(bias_of([2.0, 2.0, 2.0], [1, 0, 0], [0, 1, 0]), torch.zeros(3))


def test_a_pad_counted_n_times_is_n_pads():
    many = bias_of([0.0, 1.0, 4.0, -1.0, -1.0, -1.0], [1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0])
    once = bias_of([0.0, 1.0, 4.0, -1.0], [1, 0, 0, 0], [0, 1, 0, 0], [1.0, 1.0, 1.0, 3.0])
    torch.testing.assert_close(many[:4], once)


def test_masked_columns_take_no_part():
    plain = bias_of([0.0, 1.0, 4.0], [1, 0, 0], [0, 1, 0])
    masked = bias_of([0.0, 1.0, 4.0, 99.0], [1, 0, 0, 0], [0, 1, 0, 0], [1.0, 1.0, 1.0, 0.0])
    torch.testing.assert_close(masked[:3], plain)


def test_nothing_masked_is_the_short_way_to_the_same():
    logits = torch.randn(5, 2, 7, generator=torch.Generator().manual_seed(0))
    count = torch.tensor([1.0] * 6 + [9.0])
    for long, short in zip(extent(logits, count), extent(logits, count, masked=False), strict=True):
        assert torch.equal(long, short)


def test_the_bias_is_bounded():
    assert bias_of([0.0, 500.0], [1, 0], [0, 0])[0] == LARGEST_BIAS


def test_the_ablations_by_hand():
    logits = [0.0, 1.0, 2.0, 5.0]
    low, high = 1.0, torch.tensor(5.0).exp()
    share = ((torch.tensor(logits).exp() - low) / (high - low)).tolist()
    moved = bias_of(logits, [0, 1, 0, 0], [0, 0, 1, 0], reinforce=False)
    torch.testing.assert_close(moved, torch.tensor([0.0, 3.0, -2.0, 0.0]))
    scaled = bias_of(logits, [0, 1, 0, 0], [0, 0, 1, 0], rearrange=False)
    torch.testing.assert_close(scaled, torch.tensor([0.0, 1 + (1 - share[1]) * 0.5, -(1 + share[2] * 0.5), 0.0]))


def test_the_released_code_scales_both_signs_alike():
    logits = [0.0, 1.0, 2.0, 5.0]
    low, high = 1.0, torch.tensor(5.0).exp()
    share = ((torch.tensor(logits).exp() - low) / (high - low)).tolist()
    found = bias_of(logits, [0, 1, 0, 0], [0, 0, 1, 0], released=True)
    torch.testing.assert_close(
        found, torch.tensor([0.0, 3 * (1 + (1 - share[1]) * 0.5), -2 * (1 + (1 - share[2]) * 0.5), 0.0])
    )
