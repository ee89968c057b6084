"""The seam: a model's own attention processor runs, only its attention call is ours.

A copy of the processor's `__call__` is built on the original code object, with other globals, in which the one name that
computes attention is bound to our function. Norms, rotary embedding, masks, image branch, fused projections, adapters
and the choice of backend stay the model's own code, in whatever release it comes.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from tsattn.errors import UnsupportedPipelineError


def attention_of(processor_class: type, name: str) -> Callable[..., Any]:
    """The function by which a processor computes attention. Raises `UnsupportedPipelineError` where it has another name."""
    found: Callable[..., Any] = _code(processor_class, name).__globals__[name]
    return found


def rebound_call(processor_class: type, name: str, replacement: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of `processor_class.__call__` in which the global `name` is `replacement`.

    Raises `UnsupportedPipelineError` where that code does not use the name.
    """
    original = _code(processor_class, name)
    # without a module name the copy cannot be mistaken for the original; __package__ and __spec__ stay for its imports
    scope = {key: value for key, value in original.__globals__.items() if key != "__name__"}
    scope[name] = replacement
    copy = types.FunctionType(original.__code__, scope, original.__name__, original.__defaults__, original.__closure__)
    copy.__kwdefaults__ = original.__kwdefaults__
    return copy


def _code(processor_class: type, name: str) -> types.FunctionType:
    original: types.FunctionType = inspect.unwrap(vars(processor_class)["__call__"])
    if name not in original.__code__.co_names or name not in original.__globals__:
        raise UnsupportedPipelineError(
            f"{processor_class.__qualname__} was expected to compute attention by {name}, but does not; this release of "
            "diffusers is not supported"
        )
    return original


def controlled_processor(inner: Any, call: Callable[..., Any]) -> Any:
    """A processor that runs `call` with `inner` as its `self`, and looks like `inner` to diffusers."""

    class ControlledProcessor:
        """Stands for `inner` while control is on."""

        def __init__(self) -> None:
            self.inner = inner

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return call(self.inner, *args, **kwargs)

    # diffusers filters keyword arguments by this signature, so a bare **kwargs would lose some
    ControlledProcessor.__call__.__signature__ = inspect.signature(call)  # type: ignore[attr-defined]
    for name in ("_attention_backend", "_parallel_config"):
        if hasattr(type(inner), name):
            setattr(ControlledProcessor, name, _forwarded(name))
    return ControlledProcessor()


def _forwarded(name: str) -> property:
    def read(self: Any) -> Any:
        return getattr(self.inner, name)

    def write(self: Any, value: Any) -> None:
        setattr(self.inner, name, value)

    return property(read, write)
