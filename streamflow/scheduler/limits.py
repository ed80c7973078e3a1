"""Limits: makes the process that asks for them keep to its `Process` options.

Memory is bounded by RLIMIT_DATA, not by RLIMIT_AS. Both turn an allocation too
many into a MemoryError, numpy's too; but RLIMIT_AS counts every address: shared
rings, which are not the process's own, and what thread stacks and accelerators
reserve and never touch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from streamflow.errors import GraphError
from streamflow.process import Process

RESERVE: Final = 16 * 2**20
"""Bytes kept back for telling that the others have run out."""


def apply(options: Process) -> None:
    """Put limits on the process that calls it, for good.

    Raises:
        GraphError: this machine, or the system on it, cannot keep to one of them.
    """
    if options.cpu is not None:
        _pin(options.cpu)
    if options.nice:
        try:
            os.nice(options.nice)
        except OSError as error:
            raise GraphError(f"nice={options.nice} is refused: {error.strerror}") from None
    if options.memory is not None:
        _bound(options.memory)


def relax() -> None:
    """Let the caller have what was kept back for reports, once its memory has run out."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _pin(cores: tuple[int, ...]) -> None:
    if sys.platform != "linux":
        raise GraphError(f"cpu={list(cores)}: processes can be bound to cores on Linux only")
    usable = os.sched_getaffinity(0)
    if missing := set(cores) - usable:
        words = ", ".join(map(str, sorted(missing)))
        known = ", ".join(map(str, sorted(usable)))
        raise GraphError(f"cpu={list(cores)}: there is no core {words} to run on, but {known}")
    os.sched_setaffinity(0, cores)


def _bound(memory: int) -> None:
    if sys.platform != "linux":
        raise GraphError("memory: limits are kept on Linux only")
    import resource

    soft = _mapped() + memory
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    hard = soft + RESERVE
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _mapped() -> int:
    """Bytes that count for RLIMIT_DATA: the interpreter's own, before any node."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmData:")[2].split(maxsplit=1)[0]) * 1024
