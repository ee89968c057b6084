"""Methods as a person writes them: a name of the table, or one with other numbers, "gentle:strength=0.15"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import yaml

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.methods.table import CONTROLS, METHODS, PAPER, Method, check_method
from tsattn.plan.schema import did_you_mean

ALIASES = {"paper": PAPER}
"""Other names of methods."""
BOTH = "step_fraction"
"""Stands for the share of steps in which a control acts, whether the model makes videos from text or starts from an image."""
FRACTIONS = ("t2v_step_fraction", "i2v_step_fraction")
"""What it stands for."""
ALL = "all"
"""Stands for every method of the table, where several may be asked for."""


def method_named(text: str) -> Method:
    """The method of "NAME" or "NAME:FIELD=VALUE:FIELD=VALUE…", with fields of `ControlConfig` and values as in YAML.

    Raises `PlanError` for a name or a field that there is not, `ControlError` for a value that makes no sense.
    """
    first, *rest = text.split(":")
    name = ALIASES.get(first, first)
    if name == ALL:
        raise PlanError(f"{ALL!r} stands for several methods, but this takes one; see tsattn methods")
    check_method(name)
    method = METHODS[name]
    if not rest:
        return method
    if method.config is None:
        raise PlanError(f"the method {name!r} does not control a pass, so it has no {rest[0]!r}; write {name!r} alone")
    change = dict[str, Any]()
    for field, value in map(_assigned, rest):
        if field in change:
            raise PlanError(f"{text!r} has {field!r} twice; leave one of them out")
        change[field] = value
    if "policy" in change:
        raise PlanError(
            f"{text!r}: the policy is the method's own; name the method that has {change['policy']!r} instead"
        )
    return method._replace(config=changed(method.config, change), about="")


def control_named(text: str) -> ControlConfig:
    """The control of a single pass that a method is. Raises as `method_named`, and `PlanError` for one that is none."""
    config = method_named(text).config
    if config is None:
        raise PlanError(
            f"the method {text!r} does not control a pass; those that do are {', '.join(CONTROLS)}, also with other numbers, "
            "such as gentle:strength=0.3"
        )
    return config


def canonical(text: str) -> str:
    """The one name of a method that may be written in several ways. Raises as `method_named`."""
    config = method_named(text).config
    return text if config is None else written(config)


def written(config: ControlConfig, *, strength: bool = True) -> str:
    """A control's name as `method_named` reads it: that of the method with its policy and the fewest other numbers, and these.

    Without `strength`, whatever that is.
    """
    own = {one.name: getattr(config, one.name) for one in fields(config) if strength or one.name != "strength"}
    others = {
        name: {field: value for field, value in own.items() if value != getattr(known, field)}
        for name, known in CONTROLS.items()
        if known.policy == config.policy
    }
    for different in others.values():
        if all(field in different for field in FRACTIONS) and len({different[field] for field in FRACTIONS}) == 1:
            different[BOTH] = different.pop(FRACTIONS[0])
            del different[FRACTIONS[1]]
    name = min(others, key=lambda one: len(others[one]))
    numbers = [f"{field}={json.dumps(value).removesuffix('.0')}" for field, value in others[name].items()]
    return ":".join([name, *numbers])


def changed(config: ControlConfig, change: Mapping[str, Any]) -> ControlConfig:
    """A control with other values of some fields, lists as tuples and numbers as what the field takes; `step_fraction` is that
    of both tasks.

    Raises `PlanError` for a field that there is not, `ControlError` for a value that makes no sense.
    """
    kinds = {one.name: one.type for one in fields(config)}
    if BOTH in change:
        change = {**dict.fromkeys(FRACTIONS, change[BOTH]), **{name: change[name] for name in change if name != BOTH}}
    for name in change:
        if name not in kinds:
            raise PlanError(f"a control has no {name!r}; {did_you_mean(name, list(kinds))}")
    return replace(config, **{name: _fitting(value, kinds[name]) for name, value in change.items()})


def _fitting(value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if kind == "float" and isinstance(value, str):  # YAML 1.1 takes 1e-3 for a word
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if kind == "float" and type(value) is int else value


def _assigned(text: str) -> tuple[str, Any]:
    """Field and value of "field=value". Raises `PlanError` for what is none."""
    name, equals, value = text.partition("=")
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        equals = ""
    if not equals:
        raise PlanError(f"expected a field as NAME=VALUE, such as strength=0.5, but got {text!r}")
    return name.strip(), found
