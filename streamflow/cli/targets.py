"""Targets: what a command is to work on, a Python file, a manifest or a launch string."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streamflow.cli.failures import Failure
from streamflow.cli.load import load_pipeline
from streamflow.errors import ManifestError, StreamflowError
from streamflow.pipeline import Pipeline
from streamflow.registry import registry

MANIFESTS: Final = (".json", ".yaml", ".yml")
"""Ends of the names of manifests."""


def open_target(target: str, *, allow_imports: bool = False) -> Pipeline:
    """The pipeline that a target says.

    Args:
        target: ``FILE.py:name``; or the path of a manifest; or a launch string,
            which has `` ! `` in it or begins with a node type.
        allow_imports: whether a manifest may name classes by their import paths.

    Raises:
        Failure: there is no target, or a Python file cannot be imported, or has no
            such pipeline.
        ManifestError: a manifest or launch string has faults.
        OSError: a manifest cannot be read.
    """
    if not target.strip():
        raise Failure("a target is needed: a Python file, a manifest or a launch string")
    if is_launch(target):
        return Pipeline.from_launch(target)
    if is_manifest(target):
        with open(target, "rb"):  # noqa: PTH123 - only whether it can be: a path is no text here
            pass
        return Pipeline.from_manifest(Path(target), allow_imports=allow_imports)
    return load_pipeline(target)


def is_manifest(target: str) -> bool:
    """Whether a target is the path of a manifest.

    >>> is_manifest("shrink.yaml"), is_manifest("shrink.py:pipeline")
    (True, False)
    """
    return Path(target).suffix.lower() in MANIFESTS


def is_launch(target: str) -> bool:
    """Whether a target is a launch string.

    >>> is_launch("test-video frames=3"), is_launch("a ! b"), is_launch("shrink.py")
    (True, True, False)
    """
    words = target.split()
    return "!" in words or (bool(words) and not Path(target).exists() and registry.has(words[0]))


def faults_of(target: str, *, allow_imports: bool = False) -> tuple[str, list[str]]:
    """What a target is, in a line; and what is wrong with it, a sentence for each fault.

    Raises:
        OSError: a manifest cannot be read.
        Failure: a Python file cannot be imported, or has no such pipeline.
    """
    try:
        pipeline = open_target(target, allow_imports=allow_imports)
        graph = pipeline.plan().graph
    except ManifestError as error:
        return "", [f"{path}: {words}" if path else words for path, words in error.faults]
    except StreamflowError as error:
        return "", [str(error)]
    nodes, edges = len(graph.nodes), len(graph.edges)
    return f"{pipeline.name}, {_counted(nodes, 'node')}, {_counted(edges, 'edge')}", []


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
