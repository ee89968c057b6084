"""Which family knows which pipeline. Matching is by exact class: a subclass may do anything."""

from __future__ import annotations

import importlib
from typing import Any

from tsattn.control.family import Family
from tsattn.errors import UnsupportedPipelineError

FAMILIES = {
    "wan": "tsattn.families.wan:WAN",
    "wan-v2v": "tsattn.families.wan:WAN_V2V",
    "wan-vace": "tsattn.families.wan:WAN_VACE",
    "skyreels-v2": "tsattn.families.skyreels:SKYREELS_V2",
    "skyreels-v2-i2v": "tsattn.families.skyreels:SKYREELS_V2_I2V",
    "ltx": "tsattn.families.ltx:LTX",
    "cogvideox": "tsattn.families.cogvideox:COGVIDEOX",
    "mochi": "tsattn.families.mochi:MOCHI",
    "allegro": "tsattn.families.allegro:ALLEGRO",
    "hunyuan-video": "tsattn.families.hunyuan_video:HUNYUAN_VIDEO",
    "hunyuan-video-i2v": "tsattn.families.hunyuan_video:HUNYUAN_VIDEO_I2V",
    "hunyuan-skyreels-i2v": "tsattn.families.hunyuan_video:SKYREELS_V1_I2V",
    "hunyuan-video-1.5": "tsattn.families.hunyuan_video15:HUNYUAN_VIDEO_15",
    "kandinsky-5": "tsattn.families.kandinsky5:KANDINSKY_5",
    "cosmos": "tsattn.families.cosmos:COSMOS",
    "cosmos-2": "tsattn.families.cosmos:COSMOS_2",
    "sana-video": "tsattn.families.sana_video:SANA_VIDEO",
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
