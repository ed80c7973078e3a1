"""Launch strings: pipelines in one line, as ``gst-launch-1.0`` has them.

``test-video ! scale width=640 height=360 ! media-sink path=out.mp4``: node types with
their params, joined by ``!``. ``name=t`` names a node; ``t.`` and ``t.port`` mean it elsewhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from streamflow.errors import ManifestError
from streamflow.manifest.check import Checker
from streamflow.manifest.faults import Faults, TextError, Where
from streamflow.manifest.nodetypes import NodeTypes
from streamflow.manifest.scalars import read_scalar
from streamflow.manifest.spec import Manifest
from streamflow.manifest.specs import SpecReader
from streamflow.manifest.words import Word, cut
from streamflow.registry import Registry, registry, snake_case

LONGEST: Final = 100_000
"""Letters of a launch string."""

OPTIONS: Final = ("on", "error", "timeout", "concurrency", "retry", "breaker")
"""Options of a node, which are written with an ``@``: params may have the same names."""

REFERENCE: Final = re.compile(r"([^\s.=]+)\.(.*)", re.DOTALL)


def parse_launch(
    text: str, *, registry: Registry = registry, allow_imports: bool = False
) -> Manifest:
    """Read a launch string, and check it.

    - A node is its type and its params, ``scale width=640``; ``-`` in their names
      is ``_``. Values read as YAML's do, ``[1, 2]`` and ``{"a": 1}`` as JSON, and
      what stands in quotes is text.
    - ``name=`` is the id, ``@on=``, ``@error=``, ``@timeout=``, ``@concurrency=``,
      ``@retry=`` and ``@breaker=`` the options of a manifest's node.
    - ``a ! b`` connects; ``queue max-items=4 policy=latest`` between two nodes is
      what stands between them.
    - ``t.`` and ``t.port`` mean the node that is named so; a chain may begin or
      end with it: ``media-source name=t path=a.mp4 t.video ! scale width=320``.

    Args:
        text: as described.
        registry: where node types are looked up.
        allow_imports: whether node types may be imported as ``package.module:Class``.

    Raises:
        ManifestError: it cannot be read, or says what cannot be; each fault comes
            with its column, and a caret below it.

    >>> parse_launch("test-video frames=3 ! scale width=320").graph.edges[0].target
    'scale'
    """
    if len(text) > LONGEST:
        raise _error(text, {0: f"is longer than {LONGEST} letters"})
    try:
        chains = _Parser(cut(text), text)
        chains.parse()
    except TextError as error:
        raise _error(text, {int(where[0]): words for where, words in error.flaws}) from None
    faults = _LaunchFaults(text, chains.places)
    types = NodeTypes(registry, allow_imports=allow_imports)
    read = SpecReader(faults, allow_imports=allow_imports).manifest(chains.manifest())
    checked = Checker(types, faults, chains.texts).manifest(read)
    faults.raise_any()
    return checked


@dataclass(slots=True)
class _Item:
    """A node, a queue, or what means a node."""

    word: Word
    entry: dict[str, Any] = field(default_factory=dict[str, Any])
    reference: tuple[str, str | None] | None = None

    @property
    def is_queue(self) -> bool:
        return self.reference is None and self.word.text == "queue"


class _Parser:
    def __init__(self, words: list[Word], text: str) -> None:
        self._words, self._text = words, text
        self._names = {w.text[5:] for w in words if w.equals == 4 and w.text.startswith("name=")}
        self._chains: list[list[_Item]] = []
        self._nodes: list[_Item] = []
        self._edges: list[dict[str, Any]] = []
        self.places: dict[Where, Word] = {}
        self.texts: dict[Where, str] = {}

    def manifest(self) -> dict[str, Any]:
        nodes = [item.entry for item in self._nodes]
        return {"streamflow": "2", "nodes": nodes, "edges": self._edges}

    def parse(self) -> None:
        if not self._words:
            raise TextError(((0,), "there is nothing"))
        is_joined = False
        for word in self._words:
            if word.text == "!" and not word.quoted:
                if is_joined or not self._chains:
                    raise TextError(((word.start,), "a node must stand before this '!'"))
                is_joined = True
            elif word.equals > 0:
                self._property(word, is_joined=is_joined)
            else:
                self._item(word, is_joined=is_joined)
                is_joined = False
        if is_joined:
            raise TextError(((self._words[-1].start,), "a node must stand behind this '!'"))
        self._name()
        for chain in self._chains:
            self._connect(chain)
        self._check_alone()

    def _item(self, word: Word, *, is_joined: bool) -> None:
        item = _Item(word)
        found = None if word.quoted else REFERENCE.fullmatch(word.text)
        if found is not None and (found[1] in self._names or not found[2]):
            item.reference = (found[1], found[2] or None)
        elif not item.is_queue:
            where = ("nodes", len(self._nodes))
            item.entry = {"id": "", "type": word.text, "params": {}}
            self.places[where] = self.places[*where, "type"] = word
            self._nodes.append(item)
        if is_joined:
            self._chains[-1].append(item)
        else:
            self._chains.append([item])

    def _property(self, word: Word, *, is_joined: bool) -> None:
        name, text = word.text[: word.equals], word.text[word.equals + 1 :]
        if is_joined or not self._chains:
            raise TextError(((word.start,), "a node type must stand before its params"))
        item = self._chains[-1][-1]
        if item.reference is not None:
            raise TextError(((word.start,), f"params stand where {item.word.text} is named"))
        name = name.replace("-", "_")
        value = text if word.quoted else _value(text)
        if item.is_queue:
            self._put(item.entry, name, value, word)
            return
        where: Where = ("nodes", len(self._nodes) - 1)
        if name == "name":
            self._put(item.entry, "id", text, word, taken=bool(item.entry["id"]))
            self.places[*where, "id"] = word
        elif name[0] == "@":
            if name[1:] not in OPTIONS:
                known = ", ".join(f"@{option}" for option in OPTIONS)
                raise TextError(((word.start,), f"there is no option {name}; there are {known}"))
            self._put(item.entry, name[1:], value, word)
            self.places[*where, name[1:]] = word
        else:
            self._put(item.entry["params"], name, value, word)
            self.places[*where, "params", name] = word
            self.texts[*where, "params", name] = text

    def _put(
        self, into: dict[str, Any], name: str, value: Any, word: Word, *, taken: bool | None = None
    ) -> None:
        if name in into if taken is None else taken:
            raise TextError(((word.start,), f"{word.text[: word.equals]} stands twice"))
        into[name] = value

    def _name(self) -> None:
        """Give each node that has no name one of its type."""
        taken = set(self._names)
        numbers: dict[str, int] = {}
        for item in self._nodes:
            if item.entry["id"]:
                continue
            name = snake_case(re.split(r"[.:]", item.word.text)[-1]) or "node"
            id = name
            while id in taken:
                numbers[name] = numbers.get(name, 1) + 1
                id = f"{name}_{numbers[name]}"
            taken.add(id)
            item.entry["id"] = id

    def _connect(self, chain: list[_Item]) -> None:
        source: _Item | None = None
        queue: _Item | None = None
        for item in chain:
            if item.is_queue:
                if source is None or queue is not None:
                    raise TextError(((item.word.start,), "a queue must stand between two nodes"))
                queue = item
                continue
            if source is not None:
                self._edge(source, item, queue)
            source, queue = item, None
        if queue is not None:
            raise TextError(((queue.word.start,), "a queue must stand between two nodes"))

    def _edge(self, source: _Item, target: _Item, queue: _Item | None) -> None:
        where = ("edges", len(self._edges))
        edge: dict[str, Any] = {"source": _end(source), "target": _end(target)}
        self.places["edges",] = self.places[where] = self.places[*where, "target"] = target.word
        self.places[*where, "source"] = source.word
        if queue is not None:
            edge["queue"] = queue.entry
            self.places[*where, "queue"] = queue.word
        self._edges.append(edge)

    def _check_alone(self) -> None:
        """Find nodes that nothing joins: a ``!`` has been forgotten."""
        if len(self._nodes) < 2:
            return
        joined = {
            edge[end].partition(".")[0] for edge in self._edges for end in edge if end != "queue"
        }
        for item in (*self._nodes[1:], self._nodes[0]):
            if item.entry["id"] not in joined:
                raise TextError(
                    (
                        (item.word.start,),
                        f"{item.word.text} is joined to nothing: is a '!' missing?",
                    )
                )


def _end(item: _Item) -> str:
    if item.reference is None:
        return str(item.entry["id"])
    name, port = item.reference
    return name if port is None else f"{name}.{port}"


def _value(text: str) -> Any:
    if text[:1] in ("[", "{"):
        return json.loads(text)
    return read_scalar(text) if text else ""


class _LaunchFaults(Faults):
    """Faults by the columns of a launch string."""

    def __init__(self, text: str, places: dict[Where, Word]) -> None:
        super().__init__("launch string")
        self._text, self._places = text, places

    def raise_any(self) -> None:
        flaws: dict[int, str] = {}
        for where, words in self._found:
            length = len(where)
            while length and where[:length] not in self._places:
                length -= 1
            word = self._places.get(where[:length])
            start = word.start if word else 0
            said = ".".join(str(step) for step in where[length:])
            one = f"{said}: {words}" if said else words
            flaws[start] = f"{flaws[start]}; {one}" if start in flaws else one
        if flaws:
            raise _error(self._text, flaws)


def _error(text: str, flaws: dict[int, str]) -> ManifestError:
    faults: list[tuple[str, str]] = []
    for start in sorted(flaws):
        # Only the part around a fault is shown, and of several lines the one it stands in.
        begin = max(text.rfind("\n", 0, start) + 1, start - 60)
        line = text[begin : begin + 100].partition("\n")[0].replace("\t", " ")
        caret = f"\n    {line}\n    {' ' * (start - begin)}^"
        faults.append((f"column {start + 1}", flaws[start] + caret))
    return ManifestError("launch string", tuple(faults))
