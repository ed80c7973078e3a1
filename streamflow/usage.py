"""Usage: what memory a process holds, as the operating system counts it."""

from __future__ import annotations

import sys


def resident(pid: int | None = None) -> int:
    """Bytes of a process that are in memory now, shared ones included; 0 if it is gone.

    Args:
        pid: of the process; None for this one.

    >>> resident() > 1_000_000
    True
    """
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def peak_resident() -> int:
    """The most bytes of this process that were in memory at once.

    >>> peak_resident() > 1_000_000
    True
    """
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # getrusage(2): kibibytes, but bytes on macOS.
    return most if sys.platform == "darwin" else most * 1024
