"""Workers: starts interpreters for nodes, and knows when they have died.

One template process per program, made when it is first needed, forks them. Where
the system has no pidfds, each worker is an interpreter of its own. Nothing
outlives the program, however that ends.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from streamflow.errors import PeerLost, StreamflowError
from streamflow.process import Process
from streamflow.scheduler.child import SOON, Worker
from streamflow.scheduler.template import CLOEXEC, GRACE, HEAD, MOST, REPLY, Order, read

PATIENCE: Final = 60.0
"""Seconds that a worker may take to start: it may have much to import."""

OURS: Final = 4
"""Descriptors that go with an order by themselves: life, stdout, stderr, control."""

BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from streamflow.scheduler.template import main; main()"
)

FORKS: Final = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
"""Whether the system has what a template needs."""


class Kept(NamedTuple):
    """What a program keeps between runs, so that the next worker starts in milliseconds.

    Attributes:
        pid: of the template.
        fd: socket to it.
    """

    pid: int
    fd: int


class Interpreter:
    """A new interpreter that takes orders: the template, or a single worker.

    Args:
        single: it is to become the worker itself, not to fork workers.
        preload: modules that it imports at once.
    """

    def __init__(self, *, single: bool = False, preload: Sequence[str] = ()) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(PATIENCE)
        says = json.dumps([theirs.fileno(), os.getpid(), single, list(preload)])
        # Private, but what multiprocessing calls too: -O, -W, -X and their like hold there as here.
        flags: list[str] = vars(subprocess)["_args_from_interpreter_flags"]()
        command = [sys.executable, *flags, "-c", BOOT, json.dumps(sys.path), says]
        folder = "/" if _folder() is None else None  # in one that is no more, Python cannot start
        try:
            with theirs, _interrupts_blocked():
                self.process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - ourselves
                    command, cwd=folder, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                )
        except BaseException:
            self.channel.close()
            raise

    def send(self, order: Order, fds: Sequence[int]) -> None:
        """Give an order.

        Raises:
            OSError: it takes none.
        """
        body = pickle.dumps(order._replace(handed=len(fds)))
        message = HEAD.pack(len(body)) + body
        sent = socket.send_fds(self.channel, [message], fds)
        self.channel.sendall(message[sent:])

    def has_ended(self, timeout: float = 0) -> bool:
        """Whether it has, or does so within ``timeout`` seconds."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        return self.process.returncode is not None

    def close(self) -> None:
        """Let it end, in a time; and then make it."""
        self.channel.close()
        if not self.has_ended(GRACE + SOON):
            self.process.kill()
            self.process.wait()

    def disown(self) -> None:
        """Let go of it without a word, in a fork of the program."""
        self.channel.close()
        self.process.returncode = 0


@contextmanager
def _interrupts_blocked() -> Generator[None]:
    # An interpreter starts with the mask of who starts it: a Ctrl-C cannot end it before
    # it has said that it ignores them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Starter:
    """Starts the workers of this program.

    Args:
        forks: make one template that forks them; else each is a new interpreter.
    """

    def __init__(self, *, forks: bool = FORKS) -> None:
        self._forks = forks
        self._lock = threading.Lock()
        self._template: Interpreter | None = None
        self._workers: weakref.WeakSet[Worker] = weakref.WeakSet()

    def warm(self, preload: Sequence[str] = ()) -> None:
        """Begin to start the template, if there is none, and do not wait for it.

        Args:
            preload: modules for it to import meanwhile.
        """
        if self._forks:
            with self._lock:
                self._ready(preload)

    def start(
        self,
        name: str,
        *,
        entry: str,
        options: Process | None = None,
        fds: Sequence[int] = (),
        preload: Sequence[str] = (),
    ) -> Worker:
        """Start a worker, and wait until it has its limits; from any thread.

        Args:
            name: of the process, for people.
            entry: ``package.module:function``; it is called with a socket to this
                program and the list of the descriptors handed over. The worker
                exits when it returns.
            options: limits for the process.
            fds: descriptors to hand over, 251 at most; they stay the caller's.
            preload: modules to import before, once for all workers; none of
                them may start threads.

        Raises:
            GraphError: the machine cannot keep to a limit.
            PeerLost: it could not be started.
            ValueError: there are too many descriptors.
        """
        if len(fds) > MOST - OURS:
            raise ValueError(f"fds must be {MOST - OURS} or fewer, not {len(fds)}")
        order = _order(name, entry, options or Process(), preload)
        control, theirs = socket.socketpair()
        try:
            with theirs:
                make = self._forked if self._forks else self._single
                with _streams() as streams:
                    worker = make(order, control, [*streams, theirs.fileno(), *fds])
        except BaseException as error:
            control.close()
            if isinstance(error, OSError) and not isinstance(error, StreamflowError):
                words = f"it could not be started: {error}"
                raise PeerLost(f"process {name!r}", words) from error
            raise
        with self._lock:
            self._workers.add(worker)
        return worker

    def _forked(self, order: Order, control: socket.socket, fds: list[int]) -> Worker:
        for _ in range(2):  # the template may have been killed since it was last needed
            with self._lock:
                template = self._ready()
                life = self._send(template, order, fds)
            if life is not None:
                try:
                    if (made := _reply(life, order.name)) is not None:
                        pid, (pidfd,) = made
                        return Worker(order.name, order.options, pid, control, life, pidfd)
                except BaseException:
                    life.close()
                    raise
                life.close()
            if not template.has_ended(SOON):
                break
        raise PeerLost(f"process {order.name!r}", "it could not be started")

    def _send(self, template: Interpreter, order: Order, fds: list[int]) -> socket.socket | None:
        life, theirs = socket.socketpair()
        with theirs:
            try:
                template.send(order, [theirs.fileno(), *fds])
            except OSError:  # it is dead, or gets no further: half an order cannot be mended
                life.close()
                template.process.kill()
                return None
        return life

    def _single(self, order: Order, control: socket.socket, fds: list[int]) -> Worker:
        single = Interpreter(single=True)
        try:
            single.send(order, fds)
            made = _reply(single.channel, order.name)
        except BaseException:
            single.close()
            raise
        if made is None:
            single.close()
            raise PeerLost(f"process {order.name!r}", "it could not be started")
        return Worker(order.name, order.options, made[0], control, single.channel, single.process)

    def _ready(self, preload: Sequence[str] = ()) -> Interpreter:
        """The template; a new one if there is none, or it has died."""
        if self._template is not None and self._template.has_ended():
            self._template.close()
            self._template = None
        if self._template is None:
            self._template = Interpreter(preload=preload)
        return self._template

    def kept(self) -> Kept | None:
        """The template, if there is one."""
        template = self._template
        return None if template is None else Kept(template.process.pid, template.channel.fileno())

    def close(self) -> None:
        """End the template, and all workers with it; the next start makes a new one."""
        with self._lock:
            workers, template, self._template = list(self._workers), self._template, None
            self._workers.clear()
        for worker in workers:
            worker.hang_up()
        if template is not None:
            template.close()
        for worker in workers:
            if worker.wait(GRACE + SOON) is None:
                worker.kill()
                worker.wait(SOON)

    def disown(self) -> None:
        """Begin anew, in a fork of the program: what was started is not ours."""
        if self._template is not None:
            self._template.disown()
        self._lock = threading.Lock()  # whoever held it is no thread of this process
        self._template = None
        self._workers = weakref.WeakSet()


def _order(name: str, entry: str, options: Process, preload: Sequence[str]) -> Order:
    environ = dict(os.environ)
    return Order(name, entry, options, tuple(preload), sys.path, sys.argv, _folder(), environ)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as text
    except FileNotFoundError:  # it was removed
        return None


@contextmanager
def _streams() -> Generator[list[int]]:
    # As they are now: they may have been redirected since the template was made.
    copies: list[int] = []
    try:
        for number in (1, 2):
            try:
                copies.append(os.dup(number))
            except OSError:  # the program has closed it
                copies.append(os.open(os.devnull, os.O_WRONLY))
        yield copies
    finally:
        for copy in copies:
            os.close(copy)


def _reply(channel: socket.socket, name: str) -> tuple[int, list[int]] | None:
    """Pid and pidfd of a worker; None if the template has ended.

    Raises:
        StreamflowError: the worker cannot be what was asked for.
        PeerLost: there was no answer.
    """
    channel.settimeout(PATIENCE)
    try:
        head, fds, _, _ = socket.recv_fds(channel, REPLY.size, 1, CLOEXEC)
        head += read(channel, REPLY.size - len(head))
        if len(head) < REPLY.size:
            return None
        pid, size = REPLY.unpack(head)
        error = read(channel, size)
    except ConnectionError:
        return None
    except TimeoutError:
        words = f"it has not started within {PATIENCE:g} s"
        raise PeerLost(f"process {name!r}", words) from None
    if error:
        for fd in fds:
            os.close(fd)
        raise pickle.loads(error)  # noqa: S301 - from a process of ours
    return pid, fds


starter: Final = Starter()
"""The program's starter."""

start, warm, kept = starter.start, starter.warm, starter.kept


async def started(make: Callable[[], Worker]) -> Worker:
    """Start a worker on a thread, as that takes its time.

    Who is cancelled over it leaves none behind: the thread cannot be stopped, but
    ends what it has started.
    """
    left = threading.Event()
    made: list[Worker] = []

    def run() -> Worker:
        worker = make()
        made.append(worker)
        if left.is_set():
            worker.close()
        return worker

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        left.set()
        for worker in made:
            worker.close()
        raise


atexit.register(starter.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=starter.disown)
