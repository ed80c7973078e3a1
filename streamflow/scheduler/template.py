"""The template: an interpreter that has imported what workers need, and forks them.

A fork takes milliseconds where a new interpreter takes a quarter of a second. The
template has one thread, or forks would not be safe; it knows nothing of the
program's ``__main__``; and it ends with the program, its workers with it.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import faulthandler
import gc
import importlib
import io
import json
import os
import pickle
import select
import signal
import socket
import struct
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from contextlib import closing, suppress
from types import ModuleType
from typing import Any, Final, NamedTuple, NoReturn

from streamflow.errors import PeerLost
from streamflow.process import Process
from streamflow.scheduler import limits
from streamflow.scheduler.death import OUT_OF_MEMORY

HEAD: Final = struct.Struct("<I")
"""Before an order: how many bytes it has."""

REPLY: Final = struct.Struct("<iI")
"""Pid of the worker; bytes of the pickled error that follows, if it could not be made."""

STATUS: Final = struct.Struct("<iQ")
"""Exit code as in `Death`, and the peak of memory in bytes."""

MOST: Final = 253
"""File descriptors that one message carries; the kernel takes no more."""

GRACE: Final = 2.0
"""Seconds that workers have to end by themselves once the program has gone."""

CLOEXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

PR_SET_PDEATHSIG: Final = 1
PR_SET_NAME: Final = 15


class Order(NamedTuple):
    """A worker to be made, and the surroundings of the program that wants it."""

    name: str
    entry: str
    options: Process
    preload: tuple[str, ...]
    path: list[str]
    argv: list[str]
    folder: str | None
    environ: dict[str, str]
    handed: int = 0


class Job(NamedTuple):
    """What a worker is to do.

    Attributes:
        order: of the program.
        control: socket to the program.
        fds: what the program handed over.
        parent: process that the worker must not outlive, or None.
    """

    order: Order
    control: int
    fds: list[int]
    parent: int | None


def receive(channel: socket.socket) -> tuple[Order, list[int]] | None:
    """Take an order and its file descriptors; None once the program has gone."""
    head, fds, _, _ = socket.recv_fds(channel, HEAD.size, MOST, CLOEXEC)
    head += read(channel, HEAD.size - len(head))
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    body = read(channel, size)
    # Nobody but the program has the other end.
    return (pickle.loads(body), fds) if len(body) == size else None  # noqa: S301


def read(channel: socket.socket, size: int) -> bytes:
    """Read so many bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (more := channel.recv(size - len(data))):
        data += more
    return data


class Template:
    """Forks workers, buries them, and tells the program how they died.

    Args:
        program: socket to it.
        guardian: pidfd of it: whoever else has its end of the socket, say a fork
            of the program, this tells when it has gone.
    """

    def __init__(self, program: socket.socket, guardian: int) -> None:
        self._program, self._guardian = program, guardian
        self._workers: dict[int, tuple[int, socket.socket]] = {}
        self._poll = select.poll()
        self._poll.register(program, select.POLLIN)
        self._poll.register(guardian, select.POLLIN)

    def serve(self) -> Job | None:
        """Fork a worker for each order.

        Returns:
            The job, in a worker; None, in the template, once the program has gone.
        """
        while True:
            for fd, _ in self._poll.poll():
                if fd in self._workers:
                    self._bury(fd)
                    continue
                received = receive(self._program) if fd != self._guardian else None
                if received is None:
                    return None
                if (job := self._obey(*received)) is not None:
                    return job
                be_quiet()

    def _obey(self, order: Order, fds: list[int]) -> Job | None:
        if not fds:  # not even room for one: whoever waits is told by the end of it
            return None
        life, template = socket.socket(fileno=fds.pop(0)), os.getpid()
        try:
            if len(fds) + 1 < order.handed:
                raise OSError(errno.EMFILE, "there is no room for its file descriptors")
            adopt(order, fds)
            preload((order.entry.partition(":")[0], *order.preload))
            pid, report = _fork()
        except OSError as error:
            lost = PeerLost(f"process {order.name!r}", f"it could not be started: {error.strerror}")
            _close(*fds)
            with closing(life), suppress(OSError):
                _reply(life, 0, pickle.dumps(lost))
            return None
        if pid == 0:
            life.close()
            return _equipped(Job(order, fds[0], fds[1:], template), report)
        _close(*fds)
        self._tend(pid, life, report)
        return None

    def _tend(self, pid: int, life: socket.socket, report: int) -> None:
        # Before it can have been buried: the number is still its own.
        pidfd = os.pidfd_open(pid)
        with open(report, "rb") as pipe:
            error = pipe.read()
        self._workers[pidfd] = pid, life
        self._poll.register(pidfd, select.POLLIN)
        with suppress(OSError):  # nobody waits for it any more
            _reply(life, pid, error, [pidfd])

    def _bury(self, pidfd: int) -> None:
        pid, life = self._workers.pop(pidfd)
        self._poll.unregister(pidfd)
        _, status, usage = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with closing(life), suppress(OSError):
            life.sendall(STATUS.pack(code, usage.ru_maxrss * 1024))
        os.close(pidfd)

    def end(self) -> None:
        """Let the workers end, and kill those that do not."""
        self._poll.unregister(self._program)
        self._poll.unregister(self._guardian)
        deadline = time.monotonic() + GRACE
        while self._workers and (left := deadline - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left * 1000):
                self._bury(fd)
        for pidfd in list(self._workers):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            self._bury(pidfd)

    def close(self) -> None:
        """Close what is the template's; called in each worker too."""
        self._program.close()
        for _, life in self._workers.values():
            life.close()
        _close(self._guardian, *self._workers)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def _fork() -> tuple[int, int]:
    """Pid and, of the pipe between both, the end for reports to come; 0 and the other end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it has none
            stream.flush()
    # What is here now is for ever: the collector need not touch, and so copy, its pages.
    gc.freeze()
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            # BLAS has threads, which it ends and starts again around a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError:
        _close(reading, writing)
        raise
    os.close(writing if pid else reading)
    return pid, reading if pid else writing


def _reply(channel: socket.socket, pid: int, error: bytes, fds: Iterable[int] = ()) -> None:
    socket.send_fds(channel, [REPLY.pack(pid, len(error)) + error], list(fds))


def adopt(order: Order, fds: list[int]) -> None:
    """Take over the surroundings of the program, its stdout and stderr among them."""
    for number in (1, 2):
        os.dup2(fds[0], number)
        os.close(fds.pop(0))
    sys.path[:] = order.path
    sys.argv[:] = order.argv
    if order.environ != dict(os.environ):
        os.environ.clear()
        os.environ.update(order.environ)
    if order.folder is not None:
        with suppress(OSError):  # it was removed under the program, too
            os.chdir(order.folder)


def be_quiet() -> None:
    """Let go of stdout and stderr: who reads them waits for the last one to close them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def preload(modules: Iterable[str]) -> None:
    """Import modules; what cannot be imported says so where it is needed."""
    for name in modules:
        with suppress(Exception, SystemExit):
            importlib.import_module(name)


def _equipped(job: Job, report: int) -> Job:
    """The job, once this process is a worker fit for it; if it cannot be, why goes out."""
    error = equip(job)
    os.write(report, error)
    os.close(report)
    if error:
        os._exit(1)
    return job


def equip(job: Job) -> bytes:
    """Make a worker of this process.

    Returns:
        The pickled error, if the worker cannot be what was asked for.
    """
    try:
        _detach(job)
        limits.apply(job.order.options)
    except Exception as error:
        return pickle.dumps(error)
    return b""


def _detach(job: Job) -> None:
    if job.parent is not None and sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        # Follows the thread that forked: the template has but one.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != job.parent:
            os._exit(1)
        prctl(PR_SET_NAME, ctypes.c_char_p(job.order.name.encode()[:15]), 0, 0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A crash in C shows the line of Python that led to it.
    faulthandler.enable(2)
    sys.modules["__main__"] = ModuleType("__main__")
    if (random := sys.modules.get("numpy.random")) is not None:
        random.seed()  # or all workers would draw the same numbers
    gc.enable()


def work(job: Job) -> NoReturn:
    """Call the entry of a worker, and exit when it returns."""
    code = 1
    try:
        module, _, name = job.order.entry.partition(":")
        with socket.socket(fileno=job.control) as control:
            getattr(importlib.import_module(module), name)(control, job.fds)
        code = 0
    except SystemExit as error:
        code = _code(error.code)
    except BaseException as error:
        if isinstance(error, MemoryError):
            code = OUT_OF_MEMORY
            limits.relax()
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _code(given: Any) -> int:
    if given is None or isinstance(given, int):
        return int(given or 0) & 0xFF
    sys.stderr.write(f"{given}\n")
    return 1


def main() -> None:
    """Be a template, or a single worker; the command line says which."""
    for number in (signal.SIGINT, signal.SIGHUP):
        # What a terminal sends goes to all: the program is to end its workers in order.
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a node prints is not lost when its process is killed.
            stream.reconfigure(line_buffering=True)
    fd, program, single, modules = json.loads(sys.argv[2])
    os.set_inheritable(fd, False)
    channel = socket.socket(fileno=fd)
    if single:
        _single(channel)
    # Who ends all processes of a service ends the program, and that ends its workers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.disable()
    preload(modules)
    be_quiet()
    try:
        guardian = os.pidfd_open(program)
    except ProcessLookupError:
        os._exit(0)
    with closing(Template(channel, guardian)) as template:
        job = template.serve()
        if job is None:
            template.end()
    if job is not None:
        work(job)
    os._exit(0)


def _single(channel: socket.socket) -> NoReturn:
    received = receive(channel)
    if received is None:
        os._exit(0)
    order, fds = received
    if len(fds) != order.handed:
        os._exit(1)
    adopt(order, fds)
    job = Job(order, fds[0], fds[1:], None)
    error = equip(job)
    _reply(channel, os.getpid(), error)
    if error:
        os._exit(1)
    threading.Thread(target=_follow, args=(channel,), daemon=True).start()
    work(job)


def _follow(channel: socket.socket) -> None:
    channel.recv(1)  # nothing is ever sent: it returns once the program has gone
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
