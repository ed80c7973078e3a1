"""Functions and generators as nodes."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, overload

from streamflow.node import Node
from streamflow.ports import Audio, Data, Ports, Video, port_of

STREAMS = (AsyncIterator, AsyncIterable)


class FunctionNode(Node):
    """A node whose `process` is a function; calling the node calls the function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        format: str | None = None,
        inputs: Ports | None = None,
        outputs: Ports | None = None,
        blocking: bool = False,
        reentrant: bool = False,
    ) -> None:
        self.process = function
        hints = annotations_of(function)
        arguments = [hint for name, hint in hints.items() if name != "return"]
        self.is_streaming = bool(arguments) and typing.get_origin(arguments[0]) in STREAMS
        # ClassVars of the base: a function has its ports for itself alone.
        self.inputs = input_ports(arguments, format) if inputs is None else inputs  # type: ignore[misc]
        if outputs is None:
            outputs = {"out": port_of(_item_of(hints.get("return")))}
        self.outputs = outputs  # type: ignore[misc]
        self.blocking, self.reentrant = blocking, reentrant
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = getattr(function, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.process(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<node {self.__name__}>"


# Of an item, of nothing (a source), of an item and a port: not `...`, which would leave
# type checkers without a type for what a lambda is given.
@overload
def node(function: Callable[[Any], Any], /) -> FunctionNode: ...
@overload
def node(function: Callable[[], Any], /) -> FunctionNode: ...
@overload
def node(function: Callable[[Any, str], Any], /) -> FunctionNode: ...
@overload
def node(
    *,
    format: str | None = None,
    inputs: Ports | None = None,
    outputs: Ports | None = None,
    blocking: bool = False,
    reentrant: bool = False,
) -> Callable[[Callable[..., Any]], FunctionNode]: ...
def node(
    function: Callable[..., Any] | None = None,
    /,
    *,
    format: str | None = None,
    inputs: Ports | None = None,
    outputs: Ports | None = None,
    blocking: bool = False,
    reentrant: bool = False,
) -> Any:
    """Make a node of a function, coroutine function or (async) generator function.

    A function without a parameter is a source. One whose parameter is annotated
    as an `AsyncIterator` gets the whole input. Ports take their types from
    annotations: `VideoFrame`, ``sf.Video["rgb24"]``, ``Annotated[VideoFrame,
    sf.Video("rgb24")]``.

    Args:
        function: what is called with each item.
        format: the pixel or sample format to ask for at the input.
        inputs: input ports, if annotations do not say it.
        outputs: output ports, likewise.
        blocking: give the node's segment a thread.
        reentrant: it may be entered again before it has returned.

    >>> double = node(lambda x: x * 2)
    >>> double(4)
    8
    """

    def make(function: Callable[..., Any]) -> FunctionNode:
        return FunctionNode(
            function,
            format=format,
            inputs=inputs,
            outputs=outputs,
            blocking=blocking,
            reentrant=reentrant,
        )

    return make if function is None else make(function)


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Positional parameters and ``return`` with their annotations, `Any` where there is none."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, ValueError, SyntaxError):
        # A name that only the type checker sees, or a builtin without a signature.
        try:
            signature = inspect.signature(function)
        except ValueError:
            return {"item": Any}
    hints: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            if parameter.default is parameter.empty:
                hints[name] = parameter.annotation
        elif parameter.kind is parameter.VAR_POSITIONAL:
            hints[name] = Any
    return {**hints, "return": signature.return_annotation}


def input_ports(arguments: list[Any], format: str | None) -> dict[str, Data]:
    """The input port that a function's annotation and ``format`` ask for."""
    if not arguments:
        return {}
    port = port_of(_item_of(arguments[0]))
    if format is not None:
        port = Audio(format) if isinstance(port, Audio) else Video(format)
    return {"in": port}


def _item_of(annotation: Any) -> Any:
    """What one item is: ``X`` of ``X | None``, ``Iterator[X]`` and ``AsyncIterator[X]``."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        rest = [arg for arg in args if arg is not types.NoneType]
        return _item_of(rest[0]) if len(rest) == 1 else Any
    if isinstance(origin, type) and issubclass(origin, typing.Iterable | AsyncIterable) and args:
        return _item_of(args[0]) if "Iter" in origin.__name__ or "Gen" in origin.__name__ else Any
    return annotation
