"""Children that are forked for one piece of work, and never outlive the test."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import warnings
from collections.abc import Callable, Generator
from typing import Any

LIMIT = 50
"""Seconds that a child may live by itself: less than the watchdog gives the test."""


class Child:
    """A forked process.

    Attributes:
        pid: its number; -1 once it has been waited for.
    """

    def __init__(self, work: Callable[[], Any], limit: int) -> None:
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            # Since 3.12: forking beside threads. The child runs nothing that they hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _live(work, theirs, limit)
        os.close(theirs)
        self._answer = ours

    def kill(self) -> None:
        """End it as nothing else does: SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def result(self) -> Any:
        """What its work returned; its failure is ours."""
        with open(self._answer, "rb", closefd=False) as file:
            answer = file.read()
        self.wait()
        assert answer, "the child has died"
        good, value = pickle.loads(answer)  # noqa: S301  # it is our own
        assert good, value
        return value

    def wait(self) -> None:
        """Until it is gone for good."""
        if self.pid >= 0:
            os.waitpid(self.pid, 0)
            self.pid = -1

    def close(self) -> None:
        """Kill it if it lives still."""
        if self.pid >= 0:
            self.kill()
        os.close(self._answer)


@contextlib.contextmanager
def forked(work: Callable[[], Any], limit: int = LIMIT) -> Generator[Child]:
    """A child that does `work`; it is gone when the block ends."""
    child = Child(work, limit)
    try:
        yield child
    finally:
        child.close()


def _live(work: Callable[[], Any], answer: int, limit: int) -> None:
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limit)
        try:
            result: tuple[bool, Any] = (True, work())
        except BaseException as error:
            result = (False, repr(error))
        os.write(answer, pickle.dumps(result))
        code = 0
    finally:
        os._exit(code)
