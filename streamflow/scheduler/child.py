"""A child: the program's hold on one of its workers."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from streamflow.process import Process
from streamflow.scheduler.death import Death
from streamflow.scheduler.template import STATUS, read

SOON: Final = 5.0
"""Seconds within which what has ended, or was killed, is known to have."""


class Worker:
    """A process that was started to run nodes.

    Args:
        name: of it.
        options: what it was started with.
        pid: of it.
        control: socket to it.
        life: socket over which comes how it died; or, where it is an interpreter
            of its own, one that ends when it does.
        handle: pidfd of it, or what started it.

    Attributes:
        name: of it, for people.
        pid: of it. To kill it, use `kill`: by then, a number may be somebody else's.
        pidfd: handle of it, readable once it has died; None where there are none.
        control: socket to it; it ends when this is closed.
    """

    def __init__(
        self,
        name: str,
        options: Process,
        pid: int,
        control: socket.socket,
        life: socket.socket,
        handle: int | subprocess.Popen[bytes],
    ) -> None:
        self.name, self.pid, self.control = name, pid, control
        self.pidfd: int | None = handle if isinstance(handle, int) else None
        self._process = handle if not isinstance(handle, int) else None
        self._limit, self._life = options.memory, life
        self._death: Death | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<worker {self.name!r}, pid {self.pid}, {self._death or 'alive'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._release()

    def fileno(self) -> int:
        """A descriptor that is readable once the worker has died, for event loops; or -1."""
        return self._life.fileno() if self.pidfd is None else self.pidfd

    @property
    def alive(self) -> bool:
        """Whether it has not died."""
        return self.wait(0) is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it lives."""
        with self._lock, suppress(ProcessLookupError):
            if self._death is not None or self.fileno() < 0:
                return
            if self._process is not None:
                self._process.send_signal(number)
            elif self.pidfd is not None:
                signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, timeout: float | None = None) -> Death | None:
        """Wait until it has died; from any thread.

        Args:
            timeout: seconds, or None for as long as it takes.

        Returns:
            How it died; None if it still lives.
        """
        if self._death is None and (fd := self.fileno()) >= 0 and _readable(fd, timeout):
            self._learn()
        return self._death

    def _learn(self) -> None:
        with self._lock:
            if self._death is None and self.fileno() >= 0:
                self._death = self._find_out()

    def _find_out(self) -> Death | None:
        if self._process is not None:
            try:
                return Death(self._process.wait(SOON), self._limit)
            except subprocess.TimeoutExpired:  # it has closed what it does not know
                return None
        self._life.settimeout(SOON)
        with suppress(OSError):
            told = read(self._life, STATUS.size)
            if len(told) == STATUS.size:
                code, peak = STATUS.unpack(told)
                return Death(code, self._limit, peak)
        # Its template is dead. Orphans go to process 1, as which programs run in containers.
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self.fileno(), os.WEXITED | os.WNOHANG)
        return Death(None, self._limit)

    def hang_up(self) -> None:
        """Tell it that no more will come."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Kill it if it lives, and let go of it."""
        self.kill()
        self.wait(SOON)
        self._release()

    def _release(self) -> None:
        with self._lock:
            self.control.close()
            self._life.close()
            if self.pidfd is not None and self.pidfd >= 0:
                os.close(self.pidfd)
                self.pidfd = -1


def _readable(fd: int, timeout: float | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
