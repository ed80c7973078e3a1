"""Readers: the other end of a `Writer`, in any number of programs.

What is there is taken without asking the system; small items are taken many at
a time. Frames and arrays lie where the writer wrote them, until the last look
at them is gone.
"""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections import deque
from types import TracebackType
from typing import Any, Final, Literal, Self

from streamflow.errors import WouldBlock
from streamflow.ipc.door import knock
from streamflow.ipc.handshake import PATIENCE, Join
from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import Control, Receiver

WINDOW: Final = 64
"""Small items that are taken together."""
TURN: Final = 0.001
"""Seconds that an asynchronous iteration may go on before others have their turn."""

PolicyName = Literal["block", "drop_oldest", "latest"]


class Reader:
    """Receives what a `Writer` sends, from the moment it joins.

    Iterate over it, with ``for`` or ``async for``, or call `take`. Frames and
    arrays are read-only views of shared memory, and each holds a slot while any
    view of it lives. Who keeps as many as there are leases is warned once; from
    then on further ones are copied.

    Only a writer of the same user is read from. Objects arrive as pickles, which
    can run any code; ``trusted=False`` refuses them. For one thread at a time,
    and for one event loop at a time.

    Args:
        path: of the writer's socket file.
        policy: what happens when this reader is slow: ``block`` holds the writer,
            ``drop_oldest`` loses what has waited longest, ``latest`` all but the newest.
        depth: how many items may wait; None: as many as the writer's ``slots``.
        timeout: seconds to wait for the writer to be there; None: it must be.
        trusted: whether objects are unpickled.

    Raises:
        HandshakeError: there is no writer, it refuses, or it is another user's.
        ValueError: the policy is unknown, or depth is less than 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        policy: PolicyName = "block",
        *,
        depth: int | None = None,
        timeout: float | None = None,
        trusted: bool = True,
    ) -> None:
        names = {each.name.lower(): each for each in Policy}
        if policy not in names:
            raise ValueError(f"policy must be one of {', '.join(names)}, not {policy!r}")
        if depth is not None and depth < 1:
            raise ValueError(f"depth must be 1 or more, not {depth}")
        self.path = os.fspath(path)
        self._receiver = Receiver(
            knock(self.path, Join(names[policy], depth), timeout),
            trusted=trusted,
            name=f"the writer at {self.path}",
            timeout=max(PATIENCE, timeout or 0),
            when_short=self._warn,
        )
        # A lossy reader takes what it is about to give out, and nothing ahead of it.
        self._most = WINDOW if policy == "block" else 1
        self._window: deque[Any] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._turn_ends = 0.0

    @property
    def lost(self) -> int:
        """Items that the reader's policy has dropped so far."""
        return self._receiver.lost

    @property
    def leases(self) -> int:
        """Slots that are held: by frames and arrays that live."""
        return self._receiver.leases

    # -- taking

    def take(self, timeout: float | None = None) -> Any:
        """The next value.

        Args:
            timeout: seconds to wait; None: as long as it takes; 0: not at all.

        Raises:
            EOFError: the writer has closed, and all has been taken.
            PeerLost: the writer has died, and all that it had sent has been taken.
            TimeoutError: nothing came in time.
            WouldBlock: nothing is there, and the timeout is 0.
        """
        if not self._window and not self._wait(timeout):
            raise EOFError(f"the writer at {self.path} has closed")
        return self._window.popleft()

    def take_batch(self, most: int = WINDOW, timeout: float | None = None) -> list[Any]:
        """Up to ``most`` values, at least one; small ones are taken together.

        Args:
            most: 1 or more.
            timeout: seconds to wait for the first, as with `take`.

        Raises:
            What `take` raises.
        """
        if most < 1:
            raise ValueError(f"most must be 1 or more, not {most}")
        if not self._window and not self._wait(timeout, most):
            raise EOFError(f"the writer at {self.path} has closed")
        window = self._window
        return [window.popleft() for _ in range(min(most, len(window)))]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if not self._window and not self._wait(None):
            raise StopIteration
        return self._window.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if not self._window and not await self._wait_async():
            raise StopAsyncIteration
        return self._window.popleft()

    def _refill(self, most: int) -> bool:
        """Take what is there; whether there was anything."""
        taken = self._receiver.take_many(most)
        if Control in map(type, taken):  # a writer sends none
            taken = [each for each in taken if each.__class__ is not Control]
        self._window.extend(taken)
        return bool(taken)

    def _wait(self, timeout: float | None, most: int = 0) -> bool:
        """Wait until the window holds something; False at the end."""
        deadline = timeout and time.monotonic() + timeout
        while not self._refill(most or self._most):
            if self._receiver.closed:
                return False
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                late = TimeoutError if deadline else WouldBlock
                raise late(f"nothing has come from the writer at {self.path}")
            self._receiver.wait(left)
        return True

    async def _wait_async(self) -> bool:
        """As `_wait`, while the event loop goes on."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        while not self._refill(self._most):
            if self._receiver.closed:
                self._move_to(None)
                return False
            if self._receiver.arm():
                await self._sleep(loop)
        if loop.time() >= self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = loop.time() + TURN
        return True

    async def _sleep(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sleeper is not None:
            raise RuntimeError("two tasks iterate over one reader")
        self._sleeper = loop.create_future()
        try:
            await self._sleeper
        finally:
            self._sleeper = None
        self._turn_ends = loop.time() + TURN

    def _move_to(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Be woken on this loop, and on no other."""
        self._receiver.unwatch()
        self._loop = loop
        if loop is not None:
            self._receiver.watch(loop, self._woken)

    def _woken(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    # -- the end

    def close(self) -> None:
        """Take no more; frames and arrays that live stay what they are."""
        self._move_to(None)
        self._window.clear()
        self._receiver.close()

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
        self.close()

    def _warn(self, held: int) -> None:
        warnings.warn(
            f"{held} items from {self.path} are held, so further ones are copied: "
            "let go of frames and arrays, or of their last views",
            RuntimeWarning,
            stacklevel=2,
        )
