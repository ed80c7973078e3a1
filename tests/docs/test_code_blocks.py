"""Every code block of README and docs/ is run, page by page, as a reader would.

The ``python`` blocks of a page share one namespace. A block with a title is a file, and is
written before it is run. A ``text`` block right after one is what it prints. In ``console``
blocks a line with a prompt is a command, and the others are its output; ``bash`` blocks are
commands alone. Output is compared as doctest does, ``...`` and all.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import linecache
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONG = {
    "docs/howto/measure.md",
    "docs/howto/watch-a-run.md",
    "docs/reference/command-line.md",
}
LANGUAGES = {"python", "console", "bash", "text", "mermaid", "toml", "json", "yaml"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?[^\n]*\n"
    r"(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)

# .ci/run takes these out of the README and runs each in a fresh copy of the checkout.
SETUP = "python3 -m venv "


class Block(NamedTuple):
    """A fenced block: its language, the file it shows, its text, and its line in the page."""

    language: str
    title: str | None
    body: str
    line: int


def blocks_of(markdown: str) -> Iterator[Block]:
    """All fenced blocks, in the order of the page, without the indentation of their fences."""
    for match in FENCE.finditer(markdown):
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["body"].splitlines(keepends=True))
        line = markdown.count("\n", 0, match.start("body")) + 1
        yield Block(match["language"], match["title"], body, line)


def commands_of(block: Block) -> Iterator[tuple[str, str | None]]:
    """Commands of a shell block, each with the output it shows; None if it shows none."""
    if block.language == "bash":
        for line in block.body.splitlines():
            if line.strip() and not line.startswith(("#", SETUP)):
                yield line, None
        return
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.strip("\n") and output


def agree(wanted: str, got: str) -> bool:
    """Whether a program printed what a page shows."""
    return doctest.OutputChecker().check_output(wanted.rstrip() + "\n", got.rstrip() + "\n", FLAGS)


class Page:
    """A page being read and tried."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).as_posix()
        self.namespace: dict[str, Any] = {"__name__": "__page__"}
        self.printed: str | None = None

    def run(self, block: Block) -> None:
        """Do what the block says."""
        if block.title is not None:
            Path(block.title).write_text(block.body, encoding="utf-8")
        if block.language == "python":
            self.printed = self.execute(block)
            return
        if block.language == "text" and self.printed is not None:
            assert agree(block.body, self.printed), f"it printed:\n{self.printed}"
        if block.language in ("console", "bash"):
            self.call(block)
        if block.language == "toml":
            tomllib.loads(block.body)
        if block.language == "json":
            json.loads(block.body)
        self.printed = None

    def execute(self, block: Block) -> str:
        """Run Python in the page's namespace; what it printed."""
        name = f"<{self.name}, line {block.line}>"
        # Tracebacks then quote the page.
        linecache.cache[name] = len(block.body), None, block.body.splitlines(keepends=True), name
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.body, name, "exec"), self.namespace)
        return printed.getvalue()

    def call(self, block: Block) -> None:
        """Run the commands of a shell block and compare what they print."""
        for command, wanted in commands_of(block):
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                # A suite that a page runs is nobody's worker, though this one may be.
                env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
                capture_output=True,
                text=True,
                check=False,
            )
            printed = done.stdout + done.stderr
            if wanted:
                assert agree(wanted, printed), f"`{command}` printed:\n{printed}"
            else:
                assert done.returncode == 0, f"`{command}` failed:\n{printed}"


def marked(path: Path) -> Any:
    """A page, marked if it starts many programs."""
    name = path.relative_to(ROOT).as_posix()
    return pytest.param(path, id=name, marks=[pytest.mark.slow] if name in LONG else [])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", [marked(path) for path in PAGES])
@pytest.mark.usefixtures("page_folder")
def test_every_block_of_the_page_runs(path: Path) -> None:
    page = Page(path)

    for block in blocks_of(path.read_text(encoding="utf-8")):
        page.run(block)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_the_page_says_its_language(path: Path) -> None:
    blocks = list(blocks_of(path.read_text(encoding="utf-8")))

    strangers = [block for block in blocks if block.language not in LANGUAGES]

    assert strangers == []


def test_the_readme_has_exactly_the_two_set_up_commands() -> None:
    blocks = blocks_of((ROOT / "README.md").read_text(encoding="utf-8"))

    lines = [line for block in blocks for line in block.body.splitlines()]

    assert [line for line in lines if line.startswith(SETUP)] == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/streamflow demo",
        'python3 -m venv .venv && .venv/bin/pip install ".[test]" && .venv/bin/pytest',
    ]
