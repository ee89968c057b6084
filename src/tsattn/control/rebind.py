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


class Seam:
    """Where a processor class computes attention: `name` is a global of its code.

    That is diffusers' dispatch on (b, q, h, d) tensors, or `F`, `torch.nn.functional`, with its
    `scaled_dot_product_attention` on (b, h, q, d) tensors. On this side all tensors are (b, q, h, d).
    Raises `UnsupportedPipelineError` where the code does not use the name.
    """

    def __init__(self, processor_class: type, name: str) -> None:
        self.code: types.FunctionType = inspect.unwrap(vars(processor_class)["__call__"])
        self.processor_class, self.name = processor_class, name
        if name not in self.code.__code__.co_names or name not in self.code.__globals__:
            raise UnsupportedPipelineError(
                f"{processor_class.__qualname__} was expected to compute attention by {name}, but does not; this release "
                "of diffusers is not supported"
            )

    @property
    def original(self) -> Callable[..., Any]:
        """The model's attention."""
        found: Any = self.code.__globals__[self.name]
        return found if self.name != "F" else _transposed(found.scaled_dot_product_attention)

    def controlled(self, replacement: Callable[..., Any]) -> type:
        """A class of processors that compute attention by `replacement`; each is made of the one it stands for."""
        # without a module name the copy cannot be mistaken for the original; __package__ and __spec__ stay for its imports
        scope = {key: value for key, value in self.code.__globals__.items() if key != "__name__"}
        scope[self.name] = replacement
        if self.name == "F":
            functional = types.ModuleType("torch.nn.functional")
            functional.__dict__.update(vars(self.code.__globals__["F"]))
            functional.scaled_dot_product_attention = _transposed(replacement)  # type: ignore[attr-defined]
            scope["F"] = functional
        code = self.code
        copy = types.FunctionType(_fresh(code.__code__), scope, code.__name__, code.__defaults__, code.__closure__)
        copy.__kwdefaults__ = code.__kwdefaults__
        return _controlled_class(self.processor_class, copy)


def _fresh(code: types.CodeType) -> types.CodeType:
    """The same code as new objects, nested functions included: compilers keep what they made by object, not by globals."""
    constants = (_fresh(one) if isinstance(one, types.CodeType) else one for one in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def _transposed(attention: Callable[..., Any]) -> Callable[..., Any]:
    """The same attention with the axes of heads and tokens exchanged in all its tensors."""

    def exchanged(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        return attention(*(x.transpose(1, 2) for x in (query, key, value)), *args, **kwargs).transpose(1, 2)

    return exchanged


def _controlled_class(processor_class: type, call: Callable[..., Any]) -> type:
    """Processors that run `call` with the one they stand for as its `self`, and look like it to diffusers.

    One class for all layers: compiled code is shared between layers whose processors are of one class.
    """

    class ControlledProcessor:
        """Stands for `inner` while control is on."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return call(self.inner, *args, **kwargs)

    # diffusers filters keyword arguments by this signature, so a bare **kwargs would lose some
    ControlledProcessor.__call__.__signature__ = inspect.signature(call)  # type: ignore[attr-defined]
    for name in ("_attention_backend", "_parallel_config"):
        if hasattr(processor_class, name):
            setattr(ControlledProcessor, name, _forwarded(name))
    return ControlledProcessor


def _forwarded(name: str) -> property:
    def read(self: Any) -> Any:
        return getattr(self.inner, name)

    def write(self: Any, value: Any) -> None:
        setattr(self.inner, name, value)

    return property(read, write)
