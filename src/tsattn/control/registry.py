"""Which family knows which pipeline. Matching is by exact class: a subclass may do anything."""

from __future__ import annotations

import importlib
from typing import Any

from tsattn.control.family import Family
from tsattn.errors import UnsupportedPipelineError

FAMILIES = {
    "wan": "tsattn.families.wan:WAN",
}
"""Name of each family and where its facts are. Loaded when first needed."""


def load(name: str) -> Family:
    """The facts of a family by its name in `FAMILIES`."""
    module, _, attribute = FAMILIES[name].partition(":")
    family: Family = getattr(importlib.import_module(module), attribute)
    return family


def family_named(pipeline: str) -> Family:
    """The family that knows pipelines of this class name. Raises `UnsupportedPipelineError` naming what is supported."""
    supported: list[str] = []
    for family in map(load, FAMILIES):
        if pipeline in family.pipelines:
            return family
        supported += family.pipelines
    raise UnsupportedPipelineError(
        f"tsattn cannot control a {pipeline}; supported are exactly the diffusers classes {', '.join(supported)}"
    )


def family_of(pipe: Any) -> Family:
    """The family that knows this pipeline. Raises `UnsupportedPipelineError` naming what is supported, or why not."""
    import diffusers

    name = type(pipe).__name__
    family = family_named(name)
    if type(pipe) is not getattr(diffusers, name, None):
        raise UnsupportedPipelineError(f"this {name} is not diffusers' own class, so tsattn cannot know what it does")
    _check(pipe, family)
    return family


def _check(pipe: Any, family: Family) -> None:
    import diffusers

    found = [name for name in family.transformers if getattr(pipe, name, None) is not None]
    if not found:
        raise UnsupportedPipelineError(f"the {type(pipe).__name__} has none of its components {family.transformers}")
    for name in found:
        transformer = getattr(pipe, name)
        if type(transformer) is not getattr(diffusers, family.transformer_class):
            raise UnsupportedPipelineError(
                f"{name} should be exactly a diffusers {family.transformer_class}, but is a {type(transformer).__name__}"
            )
    reason = family.refuse(pipe)
    if reason:
        raise UnsupportedPipelineError(f"this {type(pipe).__name__} cannot be controlled: {reason}")
