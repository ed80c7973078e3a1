"""The catalogue: what is registered is listed, and each node type has its page."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from rich.console import Console

from streamflow.cli.catalogue import home_of, print_catalogue, print_page, read_docstring
from streamflow.errors import UnknownNodeError
from streamflow.node import Node
from streamflow.nodes import MediaSource, Scale
from streamflow.ports import Ports, Table, Video
from streamflow.registry import Registry
from tests.cli.conftest import Invoke


class Detect(Node):
    """Finds things in pictures, with
    a model. It is slow.

    Tables have a row `per` thing.

    Args:
        weights: the model's
            file.
        limit: how many.

    Raises:
        ValueError: the limit is negative.
    """

    inputs: ClassVar[Ports] = {"in": Video("rgb24")}
    outputs: ClassVar[Ports] = {"out": Table(), "rejected": Video()}

    def __init__(self, weights: str, limit: int | None = None, *, fast=True, **more: Any) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - users leave annotations out
        self.weights = (weights, limit, fast, more)


class Sink(Node):
    outputs: ClassVar[Ports] = {}


def make_detect(weights: str) -> Node:
    """Makes one."""
    return Detect(weights)


def printed(show: Callable[..., None], *arguments: Any) -> str:
    """What a terminal of 80 columns shows, runs of spaces as one."""
    file = io.StringIO()
    show(Console(file=file, width=80, highlight=False), *arguments)
    return "\n".join(" ".join(line.split()) for line in file.getvalue().splitlines())


@pytest.fixture
def registry() -> Registry:
    made = Registry(discover=False)
    made.register(Detect)
    made.register(Sink)
    made.register(make_detect, "Make")
    return made


def test_the_list_has_the_first_sentence_of_each(registry: Registry) -> None:
    text = printed(print_catalogue, registry)

    assert "Detect Finds things in pictures, with a model.\n" in text
    assert "It is slow" not in text
    assert "Make Makes one.\n" in text
    assert text.endswith("\nSink")


def test_a_node_that_cannot_be_loaded_does_not_hide_the_others(registry: Registry) -> None:
    class Broken(Registry):
        def get(self, name: str) -> Any:
            if name == "Sink":
                raise ImportError("no module named cuda")
            return registry.get(name)

        def list(self) -> list[str]:
            return registry.list()

    text = printed(print_catalogue, Broken(discover=False))

    assert "Sink cannot be loaded: ImportError: no module named cuda" in text
    assert "Detect Finds things" in text


def test_a_page_tells_ports_and_parameters(registry: Registry) -> None:
    text = printed(print_page, registry, "detect")

    assert text.startswith("Detect version 1\nfrom ")
    assert "\n\nFinds things in pictures, with a model. It is slow.\n" in text
    assert "\nTables have a row per thing.\n" in text
    for row in (
        "in video/rgb24",
        "out a table",
        "rejected video",
        "weights str the model's file.",
        "limit int | None = None how many.",
        "fast = True",
        "**more Any",
    ):
        assert f"\n{row}\n" in f"{text}\n"


def test_a_page_leaves_out_what_a_node_does_not_have(registry: Registry) -> None:
    text = printed(print_page, registry, "Sink")

    assert "Inputs" in text
    assert "Outputs" not in text
    assert "Parameters" not in text


def test_the_page_of_a_function_says_what_it_says(registry: Registry) -> None:
    text = printed(print_page, registry, "make")

    assert text.startswith("Make\nmade by ")
    assert "make_detect" in text.splitlines()[1]
    assert "Makes one." in text


def test_a_class_is_imported_from_the_package_that_offers_it() -> None:
    assert home_of(MediaSource) == "streamflow.nodes"
    assert home_of(Detect) == Detect.__module__


def test_sections_that_are_not_arguments_are_left_out() -> None:
    words = read_docstring(
        "Does.\n\nRaises:\n    ValueError: no.\n\nArgs:\n\n    a: one\n\n      two"
    )

    assert words.paragraphs == ["Does."]
    assert words.arguments == {"a": "one two"}


def test_all_nodes_of_the_library_are_listed_with_a_sentence(invoke: Invoke) -> None:
    done = invoke("nodes")

    assert done.exit_code == 0
    words = " ".join(done.stdout.split())
    assert "Scale Scales pictures; format, colour, pts and metadata stay." in words
    assert "cannot be loaded" not in done.stdout


def test_a_node_of_the_library_has_a_page(invoke: Invoke) -> None:
    done = invoke("nodes", "media-source")

    assert done.exit_code == 0
    assert done.stdout.startswith("MediaSource  version 1\nfrom streamflow.nodes import")
    assert Scale.__name__ not in done.stdout


def test_an_unknown_name_answers_with_the_nearest(invoke: Invoke, registry: Registry) -> None:
    done = invoke("nodes", "Scael")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: unknown node 'Scael'; did you mean Scale?\n"
    with pytest.raises(UnknownNodeError):
        print_page(Console(file=io.StringIO()), registry, "Nonsense")
