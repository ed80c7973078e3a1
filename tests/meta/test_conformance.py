"""docs/conformance.md: what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:tests|benchmarks)/[^`]+)`", PAGE)))


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_the_page_names_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    path = ROOT / file

    assert path.exists()
    if test:
        text = path.read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE)


def test_no_scenario_stands_without_what_shows_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "---" not in line]

    assert len(rows) > 50
    assert all(len(cell.strip()) > 0 for row in rows for cell in row.strip("|").split("|"))
