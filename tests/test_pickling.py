"""Pickling: what travels arrives as it was."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import io
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import streamflow as sf
from streamflow.errors import PicklingError
from streamflow.nodes import PassThrough
from streamflow.pickling import dumps, loads, travel
from tests.support.travellers import (
    LOCK,
    Detect,
    Pair,
    Record,
    Slotted,
    Thing,
)

ROOT = Path(__file__).parents[1]


def test_an_object_arrives_as_it_was() -> None:
    sent = Thing(numbers={1, 2}, record=Record("a", [1.5]), pair=Pair(1, "b"), slots=Slotted(1, 2))

    received = loads(dumps(sent, "thing"))

    assert received.numbers == {1, 2}
    assert received.record == Record("a", [1.5])
    assert received.pair == Pair(1, "b")
    assert (received.slots.first, received.slots.second) == (1, 2)


def test_circles_arrive_as_circles() -> None:
    sent = Thing()
    vars(sent).update(itself=sent, list=[sent])

    received = loads(dumps(sent, "thing"))

    assert received.itself is received
    assert received.list[0] is received


def test_arrays_arrive_whole_shared_and_as_writable_as_they_were() -> None:
    large, fixed = np.arange(100_000.0), np.zeros((300, 300), order="F")
    fixed.flags.writeable = False

    data = dumps({"a": large, "b": large, "fixed": fixed, "strided": large[::2]}, "arrays")
    received = loads(data)

    assert received["a"] is received["b"]
    assert received["a"].flags.writeable
    assert not received["fixed"].flags.writeable
    assert np.array_equal(received["a"], large)
    assert np.array_equal(received["strided"], large[::2])
    assert len(data) < large.nbytes * 1.5 + fixed.nbytes + 2_000


def test_any_unpickler_reads_what_was_pickled() -> None:
    large = np.arange(100_000)

    assert np.array_equal(pickle.loads(dumps([large], "list"))[0], large)  # noqa: S301 - ours


def test_stdout_and_stderr_travel_as_those_of_the_other_side() -> None:
    assert loads(dumps(sys.stdout, "stdout")) is sys.stdout
    assert loads(dumps([sys.stderr], "list"))[0] is sys.stderr


def test_a_text_in_memory_is_no_file() -> None:
    assert loads(dumps(io.StringIO("text"), "text")).getvalue() == "text"


PROGRAM = """
import dataclasses, sys
import numpy as np
import streamflow as sf
from streamflow.pickling import travel

FACTOR = 3

class Base(sf.Node):
    def process(self, item):
        return item * FACTOR

class Own(Base):
    def __init__(self):
        self.itself, self.state = self, {"first": [1, 2]}
        self.initialized = False
    def initialize(self, ctx):
        self.initialized = True
    def process(self, item):
        assert self.itself is self and self.state == {"first": [1, 2]}
        return super().process(item)

class Outer:
    class Inner(Base):
        pass

@dataclasses.dataclass
class Data(Base):
    offset: int
    def process(self, item):
        return item + self.offset

def closed_over(offset):
    def add(item):
        return item + offset
    return add

@sf.node
def named(item):
    return item * FACTOR

def local():
    class Local(Base):
        pass
    return Local()

sys.stdout.buffer.write(travel({
    "own": Own(), "inner": Outer.Inner(), "data": Data(20), "closure": sf.node(closed_over(20)),
    "lambda": sf.node(lambda item: item + 20), "named": named, "local": local(),
    "array": sf.node(np.ones(10_000).__mul__),
}))
"""


def run(code: str, given: bytes = b"", folder: Path = ROOT) -> bytes:
    """Run a program of our own, and return what it writes."""
    setup = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + code],
        input=given,
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_what_a_program_or_notebook_defines_works_in_another_process() -> None:
    nodes = run(PROGRAM)

    results = run(
        "from streamflow.pickling import loads\n"
        "nodes = loads(sys.stdin.buffer.read())\n"
        "nodes['own'].initialize(None)\n"
        "print(nodes['own'].initialized, nodes.pop('array').process(2).sum())\n"
        "print(*(node.process(10) for node in nodes.values()))\n",
        nodes,
    )

    assert results.split() == b"True 20000.0 30 30 30 30 30 30 30".split()


def test_a_class_that_both_sides_can_import_travels_as_its_name() -> None:
    data = travel({"pass": PassThrough()})

    assert type(loads(data)["pass"]) is PassThrough
    assert b"streamflow.nodes.basic" in data
    assert len(data) < 200


def test_the_function_of_a_node_that_both_sides_can_import_travels_as_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "importable_nodes.py").write_text(
        "import threading\n"
        "import streamflow as sf\n"
        "LOCK = threading.Lock()\n"
        "@sf.node(blocking=True)\n"
        "def guarded(item):\n"
        "    with LOCK:\n"
        "        return item + 1\n"
    )
    node = importlib.import_module("importable_nodes").guarded

    received = loads(travel({"guarded": node}))["guarded"]

    assert received is not node
    assert received.process is node.process
    assert received.blocking
    assert received(1) == 2


def test_what_a_module_that_others_cannot_find_defines_travels_by_value(tmp_path: Path) -> None:
    path = tmp_path / "no name to import.py"
    path.write_text(
        "import streamflow as sf\nclass Add(sf.Node):\n    def process(self, x):\n"
        "        return x + OFFSET\nOFFSET = 5\n"
    )
    spec = importlib.util.spec_from_file_location("unfindable_module", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        data = travel({"add": module.Add()})
    finally:
        del sys.modules[spec.name]

    output = run(
        "from streamflow.pickling import loads\n"
        "print(loads(sys.stdin.buffer.read())['add'].process(1))",
        data,
    )

    assert output == b"6\n"
    assert "unfindable_module" not in cloudpickle.list_registry_pickle_by_value()


def test_a_module_that_hides_another_of_its_name_travels_by_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("yaml_of_mine")
    module.__file__ = __file__
    exec("def f(): return 'mine'", vars(module))
    monkeypatch.setitem(sys.modules, "yaml_of_mine", module)

    data = dumps([vars(module)["f"], module], "list")
    monkeypatch.delitem(sys.modules, "yaml_of_mine")

    function, arrived = loads(data)
    assert function() == arrived.f() == "mine"


def test_a_class_that_the_other_side_cannot_import_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "left_behind.py").write_text("class Detect:\n    pass\n")
    data = dumps(importlib.import_module("left_behind").Detect(), "detect")
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "left_behind")

    with pytest.raises(PicklingError) as caught:
        loads(data)

    assert caught.value.path == "left_behind.Detect"
    assert str(caught.value).startswith(
        "left_behind.Detect cannot travel to another process: it cannot be imported there "
        "(No module named 'left_behind'); install its module where both processes find it"
    )


def test_a_class_that_the_other_sides_version_of_a_module_has_not_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = dumps(Thing(), "thing")
    monkeypatch.delattr(sys.modules[Thing.__module__], "Thing")

    with pytest.raises(PicklingError, match=r"Thing cannot travel .*Can't get attribute 'Thing'"):
        loads(data)


def test_a_module_that_the_other_side_cannot_import_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "left_behind_too.py").touch()
    data = dumps([importlib.import_module("left_behind_too")], "modules")
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "left_behind_too")

    with pytest.raises(PicklingError, match=r"^left_behind_too cannot travel"):
        loads(data)


# -- Nodes


def test_a_node_is_cleaned_up_once_before_it_travels() -> None:
    node = Detect()

    received = loads(travel({"detect": node}))["detect"]

    assert node.cleaned == received.cleaned == 1


def test_what_cleanup_lets_go_of_is_in_nobodys_way() -> None:
    class Careful(sf.Node):
        file: Any = None

        def initialize(self, ctx: Any) -> None:
            self.file = Path(__file__).open()  # noqa: SIM115

        def cleanup(self) -> None:
            self.file.close()
            self.file = None

    node = Careful()
    node.initialize(None)

    assert loads(travel({"careful": node}))["careful"].file is None


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
def test_an_async_cleanup_is_waited_for_inside_a_loop_and_outside(inside: bool) -> None:
    class Slow(sf.Node):
        done = False

        async def cleanup(self) -> None:
            await asyncio.sleep(0)
            self.done = True

    async def inside_a_loop() -> bytes:
        return travel({"slow": Slow()})

    data = asyncio.run(inside_a_loop()) if inside else travel({"slow": Slow()})

    assert loads(data)["slow"].done


def test_a_cleanup_that_fails_keeps_the_node_from_travelling() -> None:
    class Hasty(sf.Node):
        model: Any

        def cleanup(self) -> None:
            self.model.close()

    with pytest.raises(PicklingError) as caught:
        travel({"hasty_2": Hasty()})

    assert caught.value.path == "Hasty.cleanup"
    assert str(caught.value) == (
        "Hasty.cleanup cannot travel to another process: it failed: AttributeError: 'Hasty' object "
        "has no attribute 'model' (cleanup of node 'hasty_2' is called before the node travels, "
        "whether or not it was initialized)"
    )
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_nodes_share_stays_shared() -> None:
    shared = Thing()

    received = loads(travel({"a": Detect(shared=shared), "b": Detect(shared=shared)}))

    assert received["a"].shared is received["b"].shared


def test_the_node_that_cannot_travel_is_named_with_its_id() -> None:
    with pytest.raises(PicklingError) as caught:
        travel({"detect": Detect(), "detect_2": Detect(model=Thing(session=Thing(lock=LOCK)))})

    assert caught.value.path == "Detect.model.session.lock"
    assert caught.value.reason == (
        "a lock; node 'detect_2' could make it in initialize() and drop it in cleanup()"
    )


def test_a_function_that_cannot_travel_is_named_as_itself() -> None:
    def guarded(item: int) -> Any:
        return item, local

    local = LOCK

    with pytest.raises(PicklingError) as caught:
        travel({"f": sf.node(guarded)})

    assert caught.value.path == "guarded.process.<closure>.local"
    assert caught.value.reason == "a lock; node 'f' could make it when it is first called"


def test_nodes_may_travel_from_several_threads_at_once() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(travel, [{"detect": Detect(number=number)} for number in range(20)]))

    assert [loads(data)["detect"].number for data in sent] == list(range(20))
