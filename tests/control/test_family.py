import gc
import weakref

import torch

from tsattn.control.family import remembered


def test_a_tensor_is_looked_at_once():
    looked = []

    @remembered
    def total(tensor, times):
        looked.append(id(tensor))
        return int(tensor.sum()) * times

    one, same_numbers = torch.ones(3), torch.ones(3)
    assert [total(one, 2), total(one, 2), total(same_numbers, 2)] == [6, 6, 6]
    assert looked == [id(one), id(same_numbers)]


def test_what_is_remembered_goes_with_the_tensor():
    class Answer:
        pass

    made = []

    @remembered
    def look(tensor):
        made.append(weakref.ref(answer := Answer()))
        return answer

    look(torch.ones(2))
    gc.collect()
    assert made[0]() is None
