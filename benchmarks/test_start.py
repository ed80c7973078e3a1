"""What there is before the first item: the import, and building a graph."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import streamflow as sf
from benchmarks.harness import Comparison, Contender, Goal, Stopwatch
from streamflow.nodes import PassThrough

ROOT = Path(__file__).parents[1]
NODES = 100
HEAVY = {"pyarrow", "av", "aiortc", "wasmtime", "pydantic"}

stopwatch = Stopwatch()

IMPORT = """
from time import perf_counter
began = perf_counter()
import {module}
seconds = perf_counter() - began
import json, sys
print(json.dumps([seconds, list(sys.modules)]))
"""


def graph(branch: int) -> sf.Pipeline:
    """A chain of 99 nodes, and one more beside it, behind the node of that number."""
    pipeline = sf.Pipeline("graph")
    handles = [pipeline.add(PassThrough()) for _ in range(NODES)]
    for left, right in itertools.pairwise(handles[:-1]):
        pipeline.connect(left, right)
    pipeline.connect(handles[branch], handles[-1])
    return pipeline


def test_build_plan_and_compile_a_graph_of_a_hundred(compare: Comparison) -> None:
    # Generated code is kept by its text, so each round has a graph of another
    # shape: what is measured is the first time, not the second.
    branches = itertools.count()

    def run() -> None:
        # `explain` plans, generates the code and compiles it; nothing runs. The same
        # code with its calls timed is compiled when an execution begins.
        assert graph(next(branches)).explain()

    compare(
        f"build, plan and compile a graph of {NODES} nodes",
        run,
        rounds=30,
        goal=Goal(0.020, absolute=True),
    )


def import_time(module: str, cache: Path) -> tuple[float, set[str]]:
    """Seconds for importing a module in a new interpreter, and what is loaded then."""
    command = [sys.executable, "-c", IMPORT.format(module=module)]
    # Bytecode as an installed package has it, whatever this machine's settings.
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


@pytest.mark.benchmark(timer=stopwatch.read)
def test_import_against_numpy(compare: Comparison, tmp_path: Path) -> None:
    # The interpreter's own start is in neither figure.
    other = Stopwatch()

    def run() -> None:
        seconds, modules = import_time("streamflow", tmp_path)
        assert not modules & HEAVY
        stopwatch.add(seconds)

    def numpy() -> None:
        other.add(import_time("numpy", tmp_path)[0])

    compare(
        "import streamflow",
        run,
        Contender("import numpy", numpy, timer=other.read),
        rounds=15,
        goal=Goal(1.5),
    )
