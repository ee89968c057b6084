"""Methods as a person writes them: a name of the table, or one with other numbers, "gentle:strength=0.15"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from tsattn.control import ControlConfig
from tsattn.errors import PlanError
from tsattn.methods.table import CONTROLS, METHODS, PAPER, Method, check_method
from tsattn.plan.schema import did_you_mean

ALIASES = {"paper": PAPER}
"""Other names of methods."""
ALL = "all"
"""Stands for every method of the table."""


def method_named(text: str) -> Method:
    """The method of "NAME" or "NAME:FIELD=VALUE:FIELD=VALUE…", with fields of `ControlConfig` and values as in YAML.

    Raises `PlanError` for a name or a field that there is not, `ControlError` for a value that makes no sense.
    """
    name, *changes = text.split(":")
    method = METHODS[canonical(name)]
    if not changes:
        return method
    if method.config is None:
        raise PlanError(
            f"the method {name!r} does not control a pass, so it has no {changes[0]!r}; write {name!r} alone"
        )
    return method._replace(config=changed(method.config, dict(map(_assigned, changes))), about="")


def control_named(text: str) -> ControlConfig:
    """The control of a single pass that a method is. Raises as `method_named`, and `PlanError` for one that is none."""
    config = method_named(text).config
    if config is None:
        raise PlanError(
            f"the method {text!r} does not control a pass; those that do are {', '.join(CONTROLS)}, also with other numbers, "
            "such as gentle:strength=0.3"
        )
    return config


def written(config: ControlConfig) -> str:
    """The name of a control, of whatever strength, as `control_named` reads it: that of the method of its policy with the fewest
    other numbers, and these.
    """
    alike = [name for name, known in CONTROLS.items() if known.policy == config.policy]
    name = min(alike, key=lambda one: len(_other_numbers(CONTROLS[one], config)))
    others = _other_numbers(CONTROLS[name], config)
    return ":".join([name, *(f"{field}={json.dumps(value)}" for field, value in others.items())])


def _other_numbers(known: ControlConfig, config: ControlConfig) -> dict[str, Any]:
    """Fields in which a control differs from a known one, but for its strength."""
    own = {one.name: getattr(config, one.name) for one in fields(config) if one.name != "strength"}
    return {name: value for name, value in own.items() if value != getattr(known, name)}


def canonical(text: str) -> str:
    """The name in tables of a method as a person writes it. Raises `PlanError` for one that there is not."""
    name, *changes = text.split(":")
    name = ALIASES.get(name, name)
    check_method(name)
    return ":".join([name, *changes])


def changed(config: ControlConfig, change: Mapping[str, Any]) -> ControlConfig:
    """A control with other values of some fields. Raises `PlanError` for a field that there is not or a value of a wrong kind,
    `ControlError` for one that makes no sense.
    """
    own = {one.name: getattr(config, one.name) for one in fields(config)}
    for name in change:
        if name not in own:
            raise PlanError(f"TS-Attn has no {name!r}; {did_you_mean(name, list(own))}")
    try:
        return TypeAdapter(ControlConfig).validate_python({**own, **change})
    except ValidationError as error:
        first = error.errors()[0]
        raise PlanError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, but got {first['input']!r}") from None


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
