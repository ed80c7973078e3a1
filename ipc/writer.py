"""Writers: programs that are no pipeline share values through a named socket.

A writer waits for readers that have the policy ``block`` when they are slow, and
for nobody else: not for readers that are not there, nor for any that have died.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from streamflow.errors import LinkClosed, WouldBlock
from streamflow.ipc.door import Door
from streamflow.ipc.handshake import Join, peer_pid
from streamflow.ipc.sender import Sender
from streamflow.ipc.shared import SharedPool
from streamflow.ipc.wire import Wire


class ReaderStatistics(NamedTuple):
    """What a writer knows of one reader.

    Attributes:
        process: its process id.
        policy: ``block``, ``drop_oldest`` or ``latest``.
        waiting: items that it has not taken.
        taken: items that it has taken.
        lost: items that its policy has dropped.
        leases: items that it holds.
    """

    process: int
    policy: str
    waiting: int
    taken: int
    lost: int
    leases: int


class WriterStatistics(NamedTuple):
    """What a writer has done so far.

    Attributes:
        sent: items that at least one reader was there for.
        unheard: items that nobody was there for.
        copied: bytes of frames and arrays that were copied into shared memory.
        readers: one entry for each reader.
    """

    sent: int
    unheard: int
    copied: int
    readers: tuple[ReaderStatistics, ...]


class Writer:
    """Shares values with any number of readers, late ones too.

    What can be sent: video and audio frames, packets, Arrow tables and batches,
    bytes, numpy arrays, and any object that can be pickled. Large values are
    written into shared memory once. What lies in shared memory already, such as
    a frame that a `Reader` gave or one in memory from `allocate`, is not copied at all.

    A reader joins between two items. Without readers, items go nowhere and are
    counted as ``unheard``; see `wait_for_readers`. A writer may be used from
    several threads, or from one event loop.

    Args:
        path: of the socket file, which is made with mode 0600 and removed by `close`.
            One that a dead program has left there is replaced.
        slots: how many items may wait for a reader that names no depth of its own.
        slot_size: bytes of a slot to begin with; larger values make larger slots.
        leases: how many items each reader may hold before it copies, 1 to 64.

    Raises:
        IpcError: the file is in use, is no socket, or cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        slots: int = 8,
        slot_size: int = 16_384,
        leases: int = 8,
    ) -> None:
        self.path = os.fspath(path)
        self._lock = threading.RLock()
        self._joined = threading.Condition(self._lock)
        # One thread at a time sleeps, as whoever is woken empties the bell; and `close`
        # has to wake it.
        self._bed = threading.Lock()
        self._alarm, self._hand = socket.socketpair()
        self._closed = False
        self._pool = SharedPool()
        self._waiters: list[asyncio.Future[None]] = []
        self._sender = Sender(slots=slots, slot_size=slot_size, leases=leases, references=True)
        try:
            self._door = Door(self.path, self._admit)
        except BaseException:
            self._sender.close()
            self._alarm.close()
            self._hand.close()
            raise

    # -- sending

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """Memory that readers can see: frames whose planes are made in it are not copied.

        It is yours to write until you send it, and is used again when all have done with it.

        Args:
            shape: dimensions, each 0 or more.
            dtype: element type; any but object.

        Returns:
            An array with whatever was in the memory before.
        """
        with self._lock:
            # What came back last is still in the cache.
            self._sender.reclaim()
        return self._pool.allocate(shape, dtype)

    def try_send(self, value: Any) -> bool:
        """Send a value if no reader with the policy ``block`` holds us; whether it went.

        Raises:
            PicklingError: the value cannot travel.
            LinkClosed: the writer has been closed.
        """
        with self._lock:
            self._check_open()
            # A reader that has died holds nobody.
            return self._sender.try_send(value) or (
                bool(self._sender.reap()) and self._sender.try_send(value)
            )

    def send(self, value: Any, timeout: float | None = None) -> None:
        """Send a value, and wait while a reader with the policy ``block`` is behind.

        Args:
            value: see the class.
            timeout: seconds to wait; None: as long as it takes; 0: not at all.

        Raises:
            TimeoutError: there was no room in time.
            WouldBlock: there is no room, and the timeout is 0.
            PicklingError: the value cannot travel.
            LinkClosed: the writer has been closed.
        """
        if self.try_send(value):
            return
        deadline = _deadline(timeout)
        while True:
            self._wait(deadline)
            if self.try_send(value):
                return

    def send_batch(self, values: Sequence[Any], timeout: float | None = None) -> None:
        """Send values in order; small ones go together, which costs less for each.

        Args:
            values: see the class.
            timeout: seconds to wait in all; None: as long as it takes; 0: not at all.

        Raises:
            TimeoutError: there was no room in time; the first of them have been sent.
            WouldBlock: likewise, and the timeout is 0.
            PicklingError: a value cannot travel; those before it may have been sent.
            LinkClosed: the writer has been closed.
        """
        deadline, done = _deadline(timeout), 0
        while True:
            with self._lock:
                self._check_open()
                done += self._sender.try_send_batch(values[done:] if done else values)
            if done == len(values):
                return
            self._wait(deadline)

    async def send_async(self, value: Any) -> None:
        """As `send`, while the event loop goes on.

        Raises:
            PicklingError: the value cannot travel.
            LinkClosed: the writer has been closed.
        """
        while not self.try_send(value):
            await self._room()

    # -- readers

    @property
    def readers(self) -> int:
        """How many readers there are."""
        with self._lock:
            self._reap()
            return len(self._sender.receivers)

    def wait_for_readers(self, count: int = 1, timeout: float | None = None) -> None:
        """Wait until so many readers are there.

        Raises:
            TimeoutError: they did not come in time.
            LinkClosed: the writer has been closed.
        """
        with self._joined:
            if not self._joined.wait_for(lambda: self._closed or self.readers >= count, timeout):
                raise TimeoutError(f"{self.readers} readers came to {self.path}, not {count}")
            self._check_open()

    def statistics(self) -> WriterStatistics:
        """A snapshot."""
        with self._lock:
            self._reap()
            sender = self._sender
            readers = tuple(self._statistics_of(number) for number in sender.receivers)
            return WriterStatistics(sender.sent, sender.unheard, sender.copied, readers)

    # -- the end

    def close(self, linger: float = 1.0) -> None:
        """Let readers take what is there and end; remove the socket file.

        Args:
            linger: seconds at most to wait for readers that hold what was not copied:
                it may change under their eyes then.
        """
        if self._shut():
            self._free(linger)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shut():
            if self._waiters:
                await asyncio.wait(self._waiters)
                await asyncio.sleep(0)  # so that those who waited see to themselves first
            await asyncio.to_thread(self._free, 1.0)

    # -- within

    def _shut(self) -> bool:
        """Send no more, and wake whoever waits; whether it was open."""
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            self._joined.notify_all()
            self._hand.send(b"x")
            for future in self._waiters:
                future.get_loop().call_soon_threadsafe(_settle, future)
            return True

    def _free(self, linger: float) -> None:
        # The door's thread may wait for the lock, and so may one that sleeps.
        self._door.close()
        with self._bed, self._lock:
            self._sender.close(linger)
        self._pool.close()
        self._alarm.close()
        self._hand.close()

    def _admit(self, wire: Wire, wanted: Join) -> None:
        """Let a reader in; on the door's thread."""
        with self._joined:
            self._check_open()
            self._reap()
            self._sender.connect(wire, wanted.policy, wanted.depth)
            self._joined.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise LinkClosed(f"the writer at {self.path} has been closed")

    def _reap(self) -> None:
        if not self._closed:
            self._sender.reap()

    def _statistics_of(self, number: int) -> ReaderStatistics:
        sender, listener = self._sender, self._sender.receivers[number]
        waiting, lost = sender.pending(number), sender.lost(number)
        return ReaderStatistics(
            process=peer_pid(listener.wire.socket),
            policy=listener.policy.name.lower(),
            waiting=waiting,
            taken=sender.sent - listener.since - waiting - lost,
            lost=lost,
            leases=sender.leases(number),
        )

    def _wait(self, deadline: float | None) -> None:
        """Sleep until there may be room, without the lock."""
        if not self._bed.acquire(timeout=self._left(deadline)):
            raise self._too_late(deadline)
        try:
            with self._lock:
                self._check_open()
                if not self._sender.arm():
                    return
                poll = select.poll()
                poll.register(self._sender.fileno(), select.POLLIN)
                poll.register(self._alarm, select.POLLIN)
            left = self._left(deadline)
            if not left:
                raise self._too_late(deadline)
            poll.poll(None if left < 0 else left * 1000)
            self._wake()
        finally:
            self._bed.release()

    @staticmethod
    def _left(deadline: float | None) -> float:
        """Seconds until then, 0 or more; -1 if there is no deadline."""
        return -1 if deadline is None else max(0.0, deadline - time.monotonic())

    def _too_late(self, deadline: float | None) -> Exception:
        late = TimeoutError if deadline else WouldBlock
        return late(f"a reader of {self.path} has not taken what waits for it")

    def _wake(self) -> None:
        with self._lock:
            if not self._closed:
                self._sender.drain()
                self._sender.reap()

    async def _room(self) -> None:
        """Let the loop go on until there may be room."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._check_open()
            if not self._sender.arm():
                return
            fd = self._sender.fileno()
        future: asyncio.Future[None] = loop.create_future()
        if not self._waiters:
            loop.add_reader(fd, self._woken)
        self._waiters.append(future)
        try:
            await future
        finally:
            self._waiters.remove(future)
            if not self._waiters:
                loop.remove_reader(fd)

    def _woken(self) -> None:
        self._wake()
        for future in self._waiters:
            _settle(future)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _deadline(timeout: float | None) -> float | None:
    """When to give up, on the monotonic clock; 0: at once."""
    return timeout and time.monotonic() + timeout
