"""The catalogue: node types by name, and a page on each, from what the classes say."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamflow.cli.tables import new_table, titled
from streamflow.node import Node
from streamflow.registry import Registry
from streamflow.schema import constructor_parameters

SECTION: Final = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Example|Examples):$")
ARGUMENT: Final = re.compile(r"^    (\w+): (.*)$")
MODULE: Final = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")


class Words(NamedTuple):
    """A docstring, taken apart.

    Attributes:
        paragraphs: what stands before its sections, a line each.
        arguments: name → what is said of it, on one line.
    """

    paragraphs: list[str]
    arguments: dict[str, str]


def print_catalogue(console: Console, registry: Registry) -> None:
    """Print a table of all node types, with the first sentence on each."""
    table = new_table("node")
    table.add_column("what it does", overflow="fold")
    for name in registry.list():
        table.add_row(Text(name), Text(summary(registry, name)))
    console.print(table)


def summary(registry: Registry, name: str) -> str:
    """The first sentence on a node type, or why it cannot be had."""
    try:
        factory = registry.get(name)
    except Exception as error:
        # Another package's node must not keep the others from being listed.
        return f"cannot be loaded: {type(error).__name__}: {error}"
    # Not inspect.getdoc, which says of a class without words what is said of its base.
    paragraphs = read_docstring(inspect.cleandoc(factory.__doc__ or "")).paragraphs
    return re.split(r"(?<=[.!?])\s", paragraphs[0])[0] if paragraphs else ""


def print_page(console: Console, registry: Registry, name: str) -> None:
    """Print what a node type says of itself.

    Raises:
        UnknownNodeError: there is none of that name.
    """
    factory = registry.get(name)
    parameters = constructor_parameters(factory)
    words = read_docstring(inspect.cleandoc(factory.__doc__ or ""))
    ports: Mapping[str, Mapping[str, str]] = {}
    if isinstance(factory, type) and issubclass(factory, Node):
        info = factory.info()
        ports = {"Inputs": info.inputs, "Outputs": info.outputs}
        title = Text.assemble((info.name, "bold"), f"  version {info.version}")
        home = f"from {home_of(factory)} import {info.name}"
    else:
        # A function that makes nodes: there are no ports to tell before it is called.
        title = Text(registry.name_of(name), "bold")
        home = f"made by {factory.__module__}.{factory.__qualname__}"
    console.print(title, Text(home, style="dim"), sep="\n")
    for paragraph in words.paragraphs:
        console.print("", Text(paragraph), sep="\n")
    for heading, found in ports.items():
        if found:
            console.print(titled(heading, _port_table(found)))
    if parameters:
        console.print(titled("Parameters", _parameter_table(parameters, words.arguments)))


def home_of(cls: type) -> str:
    """The package nearest to the root that offers a class under its name.

    >>> from streamflow.nodes import PassThrough
    >>> home_of(PassThrough)
    'streamflow.nodes'
    """
    parts = cls.__module__.split(".")
    packages = (".".join(parts[:length]) for length in range(1, len(parts)))
    offers = (
        package
        for package in packages
        if getattr(sys.modules.get(package), cls.__name__, None) is cls
    )
    return next(offers, cls.__module__)


def _port_table(ports: Mapping[str, str]) -> Table:
    table = new_table("port")
    table.add_column("carries")
    for name, what in ports.items():
        table.add_row(Text(name), Text(what))
    return table


def _parameter_table(
    parameters: Mapping[str, inspect.Parameter], meanings: Mapping[str, str]
) -> Table:
    table = new_table("parameter")
    for column in ("type and default", "meaning"):
        table.add_column(column, overflow="fold")
    for name, parameter in parameters.items():
        stars = "*" * (2 if parameter.kind is parameter.VAR_KEYWORD else 0)
        table.add_row(
            Text(stars + name), Text(_type_and_default(parameter)), Text(meanings.get(name, ""))
        )
    return table


def _type_and_default(parameter: inspect.Parameter) -> str:
    kind: Any = parameter.annotation
    words = "" if kind is parameter.empty else MODULE.sub("", inspect.formatannotation(kind))
    if parameter.default is parameter.empty:
        return words
    default = repr(parameter.default)
    return f"{words} = {default}" if words else f"= {default}"


def read_docstring(text: str) -> Words:
    r"""Take a docstring in Google's style apart.

    >>> words = read_docstring("Scales\npictures.\n\nArgs:\n    width: in\n        pixels.")
    >>> words.paragraphs, words.arguments
    (['Scales pictures.'], {'width': 'in pixels.'})
    """
    before: list[str] = []
    arguments: dict[str, str] = {}
    section = name = ""
    for line in text.replace("`", "").splitlines():
        if found := SECTION.match(line):
            section = found[1]
        elif not section:
            before.append(line)
        elif section == "Args" and (found := ARGUMENT.match(line)):
            name = found[1]
            arguments[name] = found[2]
        elif section == "Args" and name and line.strip():
            arguments[name] += " " + line.strip()
    paragraphs = "\n".join(before).split("\n\n")
    return Words([" ".join(part.split()) for part in paragraphs if part.strip()], arguments)
