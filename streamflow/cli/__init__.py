"""The command line: what it prints goes to stdout, what it complains of to stderr.

Exit codes: 0 all went well, 1 it could not be done, 2 the command or a manifest
was not understood, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import io
import sys
from typing import Final

__all__ = ["main"]

FAULTY: Final = 2
"""Exit code where a manifest has faults; click has it for commands that have."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


def main() -> None:
    """Run the command that the program's arguments name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow or a µ must not end a run.
            stream.reconfigure(errors="replace")
    try:
        from streamflow.cli.commands import streamflow
    except KeyboardInterrupt:
        # From here on the commands see to it themselves.
        print("stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    streamflow(prog_name="streamflow")
