"""Calls: a pipeline's process and a worker ask each other, over one socket and in order.

A call names a method of the other side and waits for what it returns or raises;
a post waits for nothing. Both may be made from any thread; what comes is handled
on the loop that listens, in the order in which it was sent.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import pickle
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

from streamflow.errors import PeerLost, StreamflowError
from streamflow.ipc.segment import attach, create
from streamflow.ipc.wire import Kind, Wire

LONG: Final = 1 << 20
"""Bytes beyond which a body goes in memory of its own; the wire is for short ones."""

MOST_CAUSES: Final = 16
"""Causes of causes that travel with an error."""

ANSWER: Final = ""
"""Name of the method that takes what a call returned."""


class Calls:
    """One end of the conversation.

    Args:
        wire: to the other end; closed with `close`.
        peer: who is there, for errors.
        methods: what may be called here. One that takes ``fds`` as its last
            parameter owns the descriptors that come.
        lost: called once when the other end has gone away.
    """

    def __init__(
        self,
        wire: Wire,
        peer: str,
        methods: Callable[[str], Callable[..., Any]],
        lost: Callable[[], None],
    ) -> None:
        self._wire, self._peer, self._methods, self._lost = wire, peer, methods, lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._handling: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        # The watchdog's thread and the loop's may write at once.
        self._writing = threading.Lock()
        wire.admit()

    def listen(self) -> None:
        """Handle what comes, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._wire.fileno(), self._read)

    async def call(self, method: str, *arguments: Any, fds: Sequence[int] = ()) -> Any:
        """Call a method of the other side.

        Args:
            method: its name.
            arguments: picklable.
            fds: descriptors to hand over; the caller keeps its own.

        Raises:
            PeerLost: the other side has gone away.
            Exception: what the method raised.
        """
        number = next(self._numbers)
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        try:
            self._send(number, method, arguments, fds)
            if self._wire.hung_up:
                raise self._gone()
            return await future
        finally:
            self._waiting.pop(number, None)

    def post(self, method: str, *arguments: Any, fds: Sequence[int] = ()) -> None:
        """Call a method of the other side, without waiting; from any thread."""
        self._send(0, method, arguments, fds)

    def _send(
        self, number: int, method: str, arguments: tuple[Any, ...], fds: Sequence[int]
    ) -> None:
        body = pickle.dumps((number, method, arguments), 5)
        with self._writing:
            if len(body) < LONG:
                self._wire.send(Kind.CALL, body, fds)
            else:
                memory = create(len(body), guarded=False)
                memory.map[:] = body
                self._wire.send(Kind.CALL, b"", [memory.fd, *fds])
                memory.close()
            if self._wire.backlog and self._loop is not None:
                self._loop.call_soon_threadsafe(self._write_later)

    def _write_later(self) -> None:
        if self._loop is not None and self._wire.backlog:
            self._loop.add_writer(self._wire.fileno(), self._write)

    def _write(self) -> None:
        with self._writing:
            done = self._wire.flush()
        if self._loop is not None and (done or self._wire.hung_up):
            self._loop.remove_writer(self._wire.fileno())

    def _read(self) -> None:
        while (message := self._wire.receive()) is not None:
            fds = message.fds
            if message.body:
                number, method, arguments = pickle.loads(message.body)
            else:
                memory = attach(fds.pop(0), writable=False)
                number, method, arguments = pickle.loads(memory.map)
                memory.close()
            if method == ANSWER:
                self._settle(number, *arguments)
            else:
                self._handle(number, method, (*arguments, fds) if fds else arguments)
        if self._wire.hung_up:
            self._hang_up()

    def _handle(self, number: int, method: str, arguments: tuple[Any, ...]) -> None:
        try:
            result = self._methods(method)(*arguments)
        except Exception as error:
            self._answer(number, None, error)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(self._await(number, result))
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)
        else:
            self._answer(number, result, None)

    async def _await(self, number: int, result: Any) -> None:
        try:
            self._answer(number, await result, None)
        except asyncio.CancelledError as error:
            self._answer(number, None, error)
            raise
        except Exception as error:
            self._answer(number, None, error)

    def _answer(self, number: int, result: Any, error: BaseException | None) -> None:
        if number:
            self._send(number, ANSWER, (result, pack_error(error)), ())
        elif error is not None:
            raise error

    def _settle(self, number: int, result: Any, errors: list[BaseException]) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if (error := unpack_error(errors)) is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _gone(self) -> PeerLost:
        return PeerLost(self._peer, "it has hung up")

    def _hang_up(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._wire.fileno())
            self._loop = None
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(self._gone())
            self._lost()

    def close(self) -> None:
        """Hang up."""
        if self._loop is not None:
            self._loop.remove_reader(self._wire.fileno())
            self._loop.remove_writer(self._wire.fileno())
            self._loop = None
        for task in self._handling:
            task.cancel()
        self._wire.close()


def pack_error(error: BaseException | None) -> list[BaseException]:
    """An error and its causes, each in a form that travels."""
    found: list[BaseException] = []
    while error is not None and len(found) < MOST_CAUSES:
        found.append(_portable(error))
        error = error.__cause__
    return found


def unpack_error(errors: list[BaseException]) -> BaseException | None:
    """The error with its causes; None if there is none."""
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0] if errors else None


def _portable(error: BaseException) -> BaseException:
    """The error itself if it can travel, or one of ours that tells of it."""
    try:
        again: BaseException = pickle.loads(pickle.dumps(error, 5))
    except Exception:
        text = "".join(traceback.format_exception(error)).rstrip()
        return StreamflowError(f"{type(error).__name__}: {error}\n{text}")
    return again
