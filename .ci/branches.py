"""Fail if too few of the branches were taken, as `coverage json` counted them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

NEEDED = 95.0

if __name__ == "__main__":
    totals = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["totals"]
    percent = 100 * totals["covered_branches"] / totals["num_branches"]
    print(
        f"branches: {totals['covered_branches']} of {totals['num_branches']}, {percent:.1f} % "
        f"({NEEDED:.0f} % needed); lines: {totals['percent_statements_covered']:.1f} %"
    )
    sys.exit(percent < NEEDED)
