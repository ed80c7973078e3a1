"""What the tests of manifests share: a registry with a node of every kind of constructor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import pytest

from streamflow.errors import ManifestError
from streamflow.node import Node
from streamflow.ports import Audio, Data, Ports, Video
from streamflow.registry import Registry


class Source(Node):
    inputs: ClassVar[Ports] = {}
    outputs: ClassVar[Ports] = {"video": Video(), "audio": Audio()}

    def process(self) -> Iterator[Any]:
        yield 1


class Picture(Node):
    inputs: ClassVar[Ports] = {"in": Video()}
    outputs: ClassVar[Ports] = {"out": Video()}

    def __init__(self, width: int, mode: Literal["fast", "good"] = "fast") -> None:
        self.width, self.mode = width, mode


class Sink(Node):
    inputs: ClassVar[Ports] = {"video": Video(), "audio": Audio()}
    outputs: ClassVar[Ports] = {}


class Split(Node):
    outputs: ClassVar[Ports] = {"yes": Data(), "no": Data()}


class Step(Node):
    def __init__(
        self,
        factor: float = 1.0,
        path: str | None = None,
        weights: list[float] | None = None,
        table: Mapping[str, int] | None = None,
        size: tuple[int, int] = (1, 1),
        call: Callable[..., Any] | None = None,
        *,
        flag: bool = False,
        anything: Any = None,
    ) -> None:
        self.factor = factor

    def process(self, item: Any) -> Any:
        return item


class Open(Node):
    def __init__(self, count: int = 1, **options: Any) -> None:
        self.options = options
        self.inputs = {f"in_{n}": Data() for n in range(count)}  # type: ignore[misc]  # its own


@pytest.fixture
def types() -> Registry:
    """A registry of these nodes, and of no others."""
    registry = Registry(discover=False)
    for node in (Source, Picture, Sink, Split, Step, Open):
        registry.register(node)
    registry.register(Step, "symbia.core.step")
    return registry


@pytest.fixture
def faults(types: Registry) -> Callable[..., dict[str, str]]:
    """The faults of a manifest by their paths."""
    from streamflow.manifest import load

    def read(source: Any, **options: Any) -> dict[str, str]:
        with pytest.raises(ManifestError) as caught:
            load(source, registry=types, **options)
        found: dict[str, str] = {}
        for path, words in caught.value.faults:
            found[path] = f"{found[path]}; {words}" if path in found else words
        return found

    return read


@pytest.fixture
def v2() -> Callable[..., dict[str, Any]]:
    """A manifest of version 2 of these nodes."""

    def make(*nodes: dict[str, Any], **rest: Any) -> dict[str, Any]:
        return {"streamflow": "2", "nodes": list(nodes), **rest}

    return make
