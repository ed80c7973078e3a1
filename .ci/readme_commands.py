"""Print the set-up commands of the README, one a line; fail unless there are exactly two.

A set-up command makes a virtual environment: it begins with ``python3 -m venv``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FENCED = re.compile(r"^```(?:bash|console|sh|shell)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def setup_commands(markdown: str) -> list[str]:
    """The lines of a page's shell blocks that begin with ``python3 -m venv``."""
    lines = [line for block in FENCED.findall(markdown) for line in block.splitlines()]
    return [line for line in lines if line.startswith("python3 -m venv ")]


if __name__ == "__main__":
    commands = setup_commands(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if len(commands) != 2:
        sys.exit(f"{sys.argv[1]} must have exactly 2 set-up commands, not {len(commands)}")
    print("\n".join(commands))
