"""Rings for tests: the backends that this machine has, and pairs of ends within one process."""

from __future__ import annotations

import gc
import mmap
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from streamflow.ipc.backend import Consumer, Policy, Producer, Rings, available

BACKENDS = tuple(name for name in ("c", "python", "socket") if available(name))
HERE = Path("/proc/self/fd")


def join(
    ring: Rings, producer: Producer, policy: Policy = Policy.BLOCK, depth: int | None = None
) -> Consumer:
    """One more consumer, in this process."""
    return joined(ring, producer, policy, depth)[1]


def joined(
    ring: Rings, producer: Producer, policy: Policy = Policy.BLOCK, depth: int | None = None
) -> tuple[int, Consumer]:
    """The same, and its number."""
    number, fds = producer.attach(policy, depth)
    return number, ring.Consumer.open(fds)


def taken(consumer: Consumer) -> bytes | None:
    """The next payload, its lease given back at once; None if nothing is there."""
    lease = consumer.take()
    if lease is None:
        return None
    payload = lease.array().tobytes()
    lease.release()
    return payload


def everything(consumer: Consumer) -> list[bytes]:
    """All payloads that wait."""
    payloads: list[bytes] = []
    while (payload := taken(consumer)) is not None:
        payloads.append(payload)
    return payloads


def descriptors() -> list[str]:
    """What the open descriptors of this process refer to, sorted."""
    gc.collect()
    links: list[str] = []
    for descriptor in HERE.iterdir():
        # The one that the listing itself is read through is gone.
        with suppress(FileNotFoundError):
            links.append(str(descriptor.readlink()))
    return sorted(links)


def named() -> list[str]:
    """What shared memory has a name that we or `multiprocessing` would give; others have theirs."""
    prefixes = ("streamflow", "psm_", "sem.")
    return sorted(
        entry.name for entry in Path("/dev", "shm").iterdir() if entry.name.startswith(prefixes)
    )


@contextmanager
def words_of(fd: int) -> Generator[memoryview[int]]:
    """A peer's view of a segment, writable."""
    memory = mmap.mmap(fd, os.fstat(fd).st_size)
    with memoryview(memory) as view, view.cast("Q") as words:
        yield words
    memory.close()
