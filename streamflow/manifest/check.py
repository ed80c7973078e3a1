"""Checks: whether the nodes and edges that specs name can be, as far as text can tell.

No node is made. What depends on a node's params, such as the ports of a merge, is
checked where it is made.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from streamflow.errors import GraphError, UnknownNodeError
from streamflow.manifest.faults import Faults, Where
from streamflow.manifest.nesting import check_nesting
from streamflow.manifest.nodetypes import NodeType, NodeTypes
from streamflow.manifest.params import faults_of
from streamflow.manifest.spec import GraphSpec, Manifest, NodeSpec
from streamflow.manifest.wiring import Wiring

UNNAMED: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)
"""Kinds of parameters that no name in a text can mean."""


class Checker:
    """Checks specs, and gives types the names that the registry lists.

    Args:
        types: where types are looked up.
        faults: take what is wrong.
        texts: what strings held that were read as numbers, by their place.
    """

    def __init__(self, types: NodeTypes, faults: Faults, texts: Mapping[Where, str]) -> None:
        self._types, self._faults, self._texts = types, faults, texts
        self._graphs: Mapping[str, GraphSpec] = {}

    def manifest(self, manifest: Manifest) -> Manifest:
        """The manifest, with listed names."""
        self._graphs = manifest.graphs
        check_nesting(manifest, self._faults)
        graphs = {
            name: self._graph(graph, ("graphs", name)) for name, graph in manifest.graphs.items()
        }
        graph = self._graph(manifest.graph, ())
        return replace(manifest, graph=graph, graphs=graphs)

    def _graph(self, graph: GraphSpec, where: Where) -> GraphSpec:
        nodes = tuple(
            self._node(node, (*where, "nodes", index)) for index, node in enumerate(graph.nodes)
        )
        wiring = Wiring(nodes, self._types, self._graphs, self._faults)
        return replace(graph, nodes=nodes, edges=wiring.check(graph, where))

    def _node(self, node: NodeSpec, where: Where) -> NodeSpec:
        if node.graph is not None:
            if node.graph not in self._graphs:
                hint = self._faults.hint(node.graph, self._graphs)
                self._faults.add((*where, "graph"), f"there is no graph {node.graph!r}{hint}")
            return node
        if not node.type:
            return node
        try:
            kind = self._types.find(node.type)
        except UnknownNodeError:
            words = f"unknown node type {node.type!r}"
            self._faults.add((*where, "type"), words + self._hint(node.type))
            return node
        except GraphError as error:
            self._faults.add((*where, "type"), str(error))
            return node
        return replace(node, type=kind.name, params=self._params(kind, node, where))

    def _hint(self, name: str) -> str:
        near = self._types.nearest(name) if self._faults.may_compare(100) else []
        return f"; did you mean {' or '.join(near)}?" if near else ""

    def _params(self, kind: NodeType, node: NodeSpec, where: Where) -> dict[str, Any]:
        known = kind.parameters
        is_open = any(p.kind is p.VAR_KEYWORD for p in known.values())
        params = dict(node.params)
        for name, value in params.items():
            place = (*where, "params", name)
            parameter = known.get(name)
            if parameter is None or parameter.kind in UNNAMED:
                if not is_open:
                    self._faults.add(place, self._unknown(kind, name))
                continue
            if type(value) in kind.plain[name]:
                continue
            wrong = list(faults_of(value, parameter))
            text = self._texts.get(self._faults.spelled(place)) if wrong else None
            if text is not None and not list(faults_of(text, parameter)):
                params[name] = text
                continue
            for within, words in wrong:
                self._faults.add((*place, *within), words)
        for name, parameter in known.items():
            needed = parameter.default is parameter.empty and parameter.kind not in UNNAMED
            if needed and name not in params:
                self._faults.add((*where, "params", name), f"is missing; {kind.name} needs it")
        return params

    def _unknown(self, kind: NodeType, name: str) -> str:
        names = [n for n, p in kind.parameters.items() if p.kind not in UNNAMED]
        takes = f"; it takes {', '.join(names) or 'none'}"
        return f"{kind.name} has no such parameter{self._faults.hint(name, names) or takes}"
