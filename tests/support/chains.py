"""Chains: one node somewhere else, between two that are here."""

from __future__ import annotations

from typing import Any

import streamflow as sf
from streamflow.graph import Placement


def same(x: Any) -> Any:
    return x


def chain(node: sf.Node, on: Placement = "process", **options: Any) -> sf.Pipeline:
    """A node in a process, between two that are not."""
    pipeline = sf.Pipeline("chain")
    head = pipeline.add(sf.node(same), id="head")
    far = pipeline.add(node, id="far", on=on, **options)
    head >> far >> pipeline.add(sf.node(same), id="tail")
    return pipeline
