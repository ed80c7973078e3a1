"""``python -m streamflow`` is the command line."""

from __future__ import annotations

from streamflow.cli import main

if __name__ == "__main__":
    main()
