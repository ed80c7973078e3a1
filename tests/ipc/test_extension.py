"""The extension: what only it does, and that it stands its compiler and the sanitizers."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from streamflow.errors import HandshakeError, LinkClosed
from streamflow.ipc import layout
from streamflow.ipc.backend import Consumer, Producer, Rings, available, rings
from tests.support.rings import join

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "ipc" / "_ring.c", *sorted((ROOT / "ipc" / "native").glob("*.c"))]
SUITE = sorted((ROOT / "tests" / "ipc").glob("test_ring*.py"))
INCLUDE = Path(sysconfig.get_path("include"))

# Has pytest use the extension that was built for the test, whatever is installed.
PLUGIN = """
import sys
from importlib.util import module_from_spec, spec_from_file_location

import streamflow.ipc

spec = spec_from_file_location("streamflow.ipc._ring", {path!r})
module = module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules[spec.name] = streamflow.ipc._ring = module
"""


@pytest.fixture
def c() -> Rings:
    """The ends in C."""
    if not available("c"):
        pytest.skip("the extension is not built here")
    return rings("c")


def test_the_words_stand_where_layout_says(c: Rings) -> None:
    from streamflow.ipc import _ring

    expected = {name: getattr(layout, name) for name in _ring.LAYOUT}

    assert expected == _ring.LAYOUT
    assert {"HEAD", "CLOSED", "CURSOR", "LEASES", "LEFT"} <= set(_ring.LAYOUT)


def test_a_lease_is_a_buffer_that_nobody_can_write(c: Rings) -> None:
    producer = c.Producer(8, 10, leases=2)
    number, fds = producer.attach()
    consumer = c.Consumer.open(fds)
    producer.send(b"payload")
    lease: Any = consumer.take()

    view = memoryview(lease)

    assert (bytes(lease), view.readonly, view.nbytes) == (b"payload", True, 7)
    with pytest.raises(BufferError, match="cannot be released: 1 arrays"):
        lease.release()
    del lease
    assert producer.leased(number) == [0]
    view.release()
    assert producer.leased(number) == []


def test_a_released_lease_is_no_buffer_any_more(c: Rings) -> None:
    producer = c.Producer(8, 10, leases=2)
    consumer = join(c, producer)
    producer.send(b"payload")
    lease: Any = consumer.take()

    lease.release()

    with pytest.raises(BufferError, match="item 0 has been released"):
        memoryview(lease)


def test_a_payload_that_takes_long_to_copy_arrives_whole(c: Rings) -> None:
    producer = c.Producer(8, 3_000_000, leases=2)
    consumer = join(c, producer)
    payload = np.arange(3_000_000, dtype=np.uint8)

    producer.send(payload)
    lease = consumer.take()

    assert lease is not None
    assert np.array_equal(lease.array(), payload)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="buffers in Python came with 3.12")
@pytest.mark.parametrize("when", ["__buffer__", "__release_buffer__"])
def test_a_payload_may_close_the_ring_while_it_is_sent(c: Rings, when: str) -> None:
    producer = c.Producer(8, 10, leases=2)
    consumer = join(c, producer)

    class Payload:
        def __buffer__(self, flags: int) -> memoryview:
            if when == "__buffer__":
                producer.close()
            return memoryview(b"payload")

        def __release_buffer__(self, view: memoryview) -> None:
            producer.close()

    payload: Any = Payload()
    if when == "__buffer__":
        with pytest.raises(LinkClosed):
            producer.send_batch([b"before", payload, b"after"])
    else:
        with pytest.raises(LinkClosed):
            producer.send_batch([payload, b"after"])

    expected = b"before" if when == "__buffer__" else b"payload"
    assert [item[0] for item in consumer.take_batch(9)] == [expected]
    assert consumer.closed()


def test_an_end_that_another_thread_closes_waits_no_longer(c: Rings) -> None:
    full, empty = c.Producer(4, 10, leases=1), c.Producer(4, 10, leases=1)
    behind, consumer = join(c, full), join(c, empty)
    full.send(b"fills it")
    refused: list[bool] = []

    def wait(end: Producer | Consumer) -> None:
        with pytest.raises(LinkClosed):
            end.wait(60)
        refused.append(True)

    threads = [threading.Thread(target=wait, args=(end,)) for end in (full, consumer)]
    for thread in threads:
        thread.start()
    full.close()
    consumer.close()
    for thread in threads:
        thread.join()

    assert refused == [True, True]
    assert behind.pending() == 1


def test_a_signal_is_seen_while_an_end_waits(c: Rings) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    producer = c.Producer(8, 10, leases=2)
    consumer = join(c, producer)
    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))

    def wait() -> None:
        sender.start()
        consumer.wait(60)

    try:
        with pytest.raises(Interrupted):
            wait()
    finally:
        signal.signal(signal.SIGUSR1, before)
        sender.join()

    assert producer.send(b"goes on") == 0


def use_everything(c: Rings, producer: Producer, consumer: Consumer) -> None:
    """Each function, well and badly."""
    producer.send(b"payload", pts=-5, kind=3, flags=2, schema=2**32 - 1)
    lease: Any = consumer.take()
    array = lease.array()
    lease.adopt(np.zeros(3))
    adopted = np.zeros(3)
    lease.adopt(adopted)
    refusals: list[Callable[[], object]] = [
        lease.release,
        lambda: lease.adopt(3),
        lambda: producer.send(bytes(11)),
        lambda: producer.send(3),  # type: ignore[arg-type]  # on purpose
        lambda: producer.send(b"", nothing=3),  # type: ignore[call-arg]  # on purpose
        lambda: producer.send(b"", 5, pts=3),  # type: ignore[misc]  # on purpose
        lambda: producer.send_batch([b"", 3], pts=[1, 2]),  # type: ignore[list-item]  # on purpose
        lambda: producer.send_batch([b""], pts=[2**63]),
        lambda: producer.commit(0, 2**70),
        lambda: producer.memory(-1),
        lambda: producer.attach(layout.Policy.BLOCK, 100),
        lambda: producer.leased(7),
        lambda: c.Producer(0, 10),
        lambda: c.Consumer.open([]),
        lambda: c.Consumer.open([-1, 2**40, -1, -1]),
        lambda: c.Consumer.open(["no number"]),  # type: ignore[list-item]  # on purpose
    ]
    for refused in refusals:
        with pytest.raises((TypeError, ValueError, BufferError, HandshakeError)):
            refused()
    producer.leased(0)
    del array, adopted
    lease.release()
    slot = producer.reserve()
    producer.memory(slot)[:2] = b"ab"
    producer.cancel(slot)
    producer.commit(producer.reserve(), 2, 5, kind=3)
    producer.send_batch([b"a", bytearray(b"b")], kind=3, pts=[1, 2**62])
    assert len(consumer.take_batch(9)) == 4
    producer.reclaim()
    producer.wait(0)
    consumer.wait(0)


def test_nothing_is_left_of_what_was_done_often(c: Rings) -> None:
    from streamflow.ipc._ring import Lease

    producer = c.Producer(16, 10, leases=2)
    consumer = join(c, producer)
    shared: list[Any] = [c.Producer, c.Consumer, Lease, layout.Policy, layout.Geometry, np.uint8]

    def count() -> list[int]:
        gc.collect()
        return [sys.getallocatedblocks(), *map(sys.getrefcount, shared)]

    for _ in range(50):
        use_everything(c, producer, consumer)
    before = count()
    for _ in range(200):
        use_everything(c, producer, consumer)

    assert all(now - then < 100 for now, then in zip(count(), before, strict=True))


@pytest.mark.parametrize("spin", [0, 100_000, -1, "no number"])
def test_however_long_it_looks_before_it_sleeps_everything_arrives(
    c: Rings, spin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamflow.ipc import _ring

    monkeypatch.setattr(_ring, "SPIN_NS", spin)
    producer = c.Producer(5, 10, leases=1)
    consumer = join(c, producer)

    def send() -> None:
        for number in range(500):
            while producer.send(number.to_bytes(2, "big")) < 0:
                producer.wait(60)
        producer.close()

    thread = threading.Thread(target=send)
    thread.start()
    got: list[int] = []
    while not consumer.closed():
        got += [int.from_bytes(item[0], "big") for item in consumer.take_batch(3)]
        consumer.wait(60)
    thread.join()

    assert got == list(range(500))


def compiler() -> str:
    """gcc, if the extension can be built here."""
    gcc = shutil.which("gcc")
    if sys.platform != "linux" or gcc is None:
        pytest.skip("needs gcc on Linux")
    if not (INCLUDE / "Python.h").exists():
        pytest.skip("needs the headers of Python")
    return gcc


def build(gcc: str, target: Path, *options: str) -> None:
    """Compile the extension, and fail on warnings."""
    strict = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fPIC", "-shared")
    subprocess.run(
        [gcc, *strict, *options, f"-I{INCLUDE}", *map(str, SOURCES), "-o", str(target)],
        check=True,
        timeout=300,
    )


def sanitizer(gcc: str) -> str:
    """The library to load before the interpreter, which was built without it."""
    found = subprocess.run(
        [gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip("needs the address sanitizer of gcc")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_it_compiles_without_a_warning(tmp_path: Path, level: str) -> None:
    target = tmp_path / "_ring.abi3.so"

    build(compiler(), target, level)

    assert target.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_suite_of_the_ring_passes_under_the_sanitizers(tmp_path: Path) -> None:
    gcc = compiler()
    library = sanitizer(gcc)
    target = tmp_path / "_ring.abi3.so"
    build(gcc, target, "-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined")
    (tmp_path / "sanitized_ring.py").write_text(PLUGIN.format(path=str(target)), encoding="utf-8")
    environment = os.environ | {
        "LD_PRELOAD": library,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        # The interpreter's own allocator would hide what is used after it was freed.
        "PYTHONMALLOC": "malloc",
        # The interpreter leaks on purpose.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    # What the sanitizer holds back looks like a leak to the test of a thousand rings.
    chosen = [
        "-k",
        "([c and not thousand) or (test_extension and not sanitizers)",
        "-m",
        "not slow",
    ]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "sanitized_ring", "-p", "no:cacheprovider",
         *chosen, *map(str, SUITE), __file__],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=850, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    assert " passed" in done.stdout
