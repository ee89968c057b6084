import pytest

from tsattn.control.undo import Undo
from tsattn.errors import ControlError


class Thing:
    shared = "class"


def test_an_attribute_of_the_class_is_absent_again():
    thing, undo = Thing(), Undo()
    undo.set(thing, "shared", "mine")
    assert thing.shared == "mine"
    undo.all()
    assert vars(thing) == {}
    assert thing.shared == "class"


def test_the_very_object_comes_back_through_several_changes():
    thing, undo, first = Thing(), Undo(), object()
    thing.own = first
    undo.set(thing, "own", 1)
    undo.set(thing, "other", 2)
    undo.all()
    assert vars(thing) == {"own": first}
    assert thing.own is first


def test_calls_run_newest_first():
    order, undo = [], Undo()
    undo.call(lambda: order.append(1))
    undo.call(lambda: order.append(2))
    undo.all()
    assert order == [2, 1]
    undo.all()
    assert order == [2, 1]


def test_a_foreign_change_stays_and_is_reported_and_the_rest_comes_back():
    thing, undo = Thing(), Undo()
    undo.set(thing, "a", 1)
    undo.set(thing, "b", 1)
    thing.b = "foreign"
    with pytest.raises(ControlError, match=r"Thing\.b changed while tsattn was on"):
        undo.all()
    assert vars(thing) == {"b": "foreign"}
