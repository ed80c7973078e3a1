"""Filter graphs of libavfilter: filters added and linked, loose ends found and typed."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from av.error import FFmpegError
from av.filter import Graph, filters_available

from streamflow.nodes.filters.description import FilterSpec, parse

READ_ONLY: Final = frozenset(
    {
        "copy",
        "crop",
        "format",
        "fps",
        "hflip",
        "hstack",
        "null",
        "scale",
        "select",
        "setpts",
        "split",
        "transpose",
        "trim",
        "vflip",
        "vstack",
        "xstack",
    }
)
"""Filters that never write into the pictures they are given."""


class Pad(NamedTuple):
    """One input or output of a filter, an `av.filter.context.FilterContext`."""

    context: Any
    number: int


class LooseEnds(NamedTuple):
    """Pads that no other filter of the graph is linked to, by name."""

    inputs: dict[str, Pad]
    outputs: dict[str, Pad]


class _Labels:
    """Ends by label, until both have been seen and are linked."""

    def __init__(self, description: str) -> None:
        self._description = description
        self.inputs: dict[str, Pad] = {}
        self.outputs: dict[str, Pad] = {}
        self._linked: set[str] = set()

    def add(self, label: str, pad: Pad, *, is_input: bool) -> None:
        """Name an end; link it if the other end has that name."""
        mine, others = (self.inputs, self.outputs) if is_input else (self.outputs, self.inputs)
        if label in mine or label in self._linked:
            raise ValueError(f"filter graph {self._description!r}: label [{label}] is used twice")
        mine[label] = pad
        if label in others:
            link(self._description, self.outputs.pop(label), self.inputs.pop(label))
            self._linked.add(label)


def build(graph: Graph, description: str) -> LooseEnds:
    """Add the filters of a description to a graph, and link them.

    Loose ends without a label are called ``in`` and ``out``, or ``in_0``,
    ``in_1`` … where there are several.

    Raises:
        ValueError: a filter is unknown, or does not take its arguments, or the
            pads do not fit.
    """
    labels = _Labels(description)
    loose_inputs: list[Pad] = []
    loose_outputs: list[Pad] = []
    for chain in parse(description):
        pending: list[Pad] = []
        for spec in chain:
            context = add_filter(graph, description, spec)
            loose_inputs += _connect_inputs(description, spec, context, labels, pending)
            pending = _name_outputs(description, spec, context, labels)
        loose_outputs += pending
    return LooseEnds(
        {**labels.inputs, **_numbered("in", loose_inputs, labels.inputs)},
        {**labels.outputs, **_numbered("out", loose_outputs, labels.outputs)},
    )


def _connect_inputs(
    description: str, spec: FilterSpec, context: Any, labels: _Labels, pending: list[Pad]
) -> list[Pad]:
    """Labels take the first pads, what the filter before left takes the next."""
    pads = [Pad(context, index) for index in range(len(context.inputs))]
    wanted = len(spec.inputs) + len(pending)
    if wanted > len(pads):
        raise ValueError(
            f"filter graph {description!r}: {spec.name} has {len(pads)} inputs, "
            f"but {wanted} are linked to it"
        )
    for label, pad in zip(spec.inputs, pads, strict=False):
        labels.add(label, pad, is_input=True)
    rest = pads[len(spec.inputs) :]
    for source, pad in zip(pending, rest, strict=False):
        link(description, source, pad)
    return rest[len(pending) :]


def _name_outputs(description: str, spec: FilterSpec, context: Any, labels: _Labels) -> list[Pad]:
    pads = [Pad(context, index) for index in range(len(context.outputs))]
    if len(spec.outputs) > len(pads):
        raise ValueError(
            f"filter graph {description!r}: {spec.name} has {len(pads)} outputs, "
            f"but {len(spec.outputs)} labels"
        )
    for label, pad in zip(spec.outputs, pads, strict=False):
        labels.add(label, pad, is_input=False)
    return pads[len(spec.outputs) :]


def _numbered(name: str, pads: list[Pad], taken: dict[str, Pad]) -> dict[str, Pad]:
    names = [name] if len(pads) == 1 else [f"{name}_{index}" for index in range(len(pads))]
    for clash in set(names) & set(taken):
        raise ValueError(f"label [{clash}] is also the name of an end without a label")
    return dict(zip(names, pads, strict=True))


def add_filter(graph: Graph, description: str, spec: FilterSpec) -> Any:
    """Add one filter.

    Raises:
        ValueError: there is none of that name, or it does not take the arguments.
    """
    if spec.name not in filters_available:
        raise ValueError(f"filter graph {description!r}: there is no filter {spec.name!r}")
    try:
        return graph.add(spec.name, spec.arguments)
    except (FFmpegError, ValueError) as error:
        raise ValueError(
            f"filter graph {description!r}: {spec.name} does not take {spec.arguments!r}: {error}"
        ) from None


def link(description: str, source: Pad, target: Pad) -> None:
    """Link an output to an input.

    Raises:
        ValueError: one is video and the other audio.
    """
    try:
        source.context.link_to(target.context, source.number, target.number)
    except FFmpegError:
        raise ValueError(
            f"filter graph {description!r}: {source.context.name} cannot feed "
            f"{target.context.name}: one is video, the other audio"
        ) from None


def media_type(graph: Graph, pad: Pad, *, is_input: bool) -> str:
    """``video`` or ``audio``. The pad is in use afterwards: ask on a graph made for it."""
    # libavfilter refuses to link what differs in type; PyAV does not tell the type.
    other = graph.add("nullsrc" if is_input else "nullsink")
    try:
        if is_input:
            other.link_to(pad.context, 0, pad.number)
        else:
            pad.context.link_to(other, pad.number, 0)
    except FFmpegError:
        return "audio"
    return "video"


def may_write(description: str) -> bool:
    """Whether a filter may write into pictures that come in."""
    return any(spec.name not in READ_ONLY for chain in parse(description) for spec in chain)
