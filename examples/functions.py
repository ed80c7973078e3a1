"""Nodes made of functions: plain, filtering, generating, asynchronous, and a source.

Pipelines carry any value; this one carries words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import streamflow as sf


@sf.node
def lines() -> Iterator[str]:
    """A source: it takes nothing, and yields."""
    yield "the quick brown fox"
    yield "jumps over the lazy dog"


@sf.node
def words(line: str) -> Iterator[str]:
    """A generator makes several items of one."""
    yield from line.split()


@sf.node
def long_ones(word: str) -> str | None:
    """None drops the item; the report counts it as filtered."""
    return word if len(word) > 3 else None


@sf.node
async def look_up(word: str) -> tuple[str, int]:
    """An asynchronous function may wait: for a network, a database, a model."""
    await asyncio.sleep(0.01)
    return word, len(word)


@sf.node
async def numbered(items: AsyncIterator[tuple[str, int]]) -> AsyncIterator[str]:
    """With an AsyncIterator as parameter, a function gets the whole stream."""
    number = 0
    async for word, length in items:
        number += 1
        yield f"{number}. {word} has {length} letters"


def main() -> None:
    """Run the chain, print what comes out of its end and what was filtered."""
    report = sf.Pipeline(lines, words, long_ones, look_up, numbered).run(collect=True)

    print(*report.results, sep="\n")
    print("filtered:", report.nodes["long_ones"].dropped["filtered"])


if __name__ == "__main__":
    main()
