"""Processes: what a node may ask of the interpreter that it runs in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """An interpreter of its own, for the nodes that name it."""

    name: str | None = None
    memory: int | str | None = None
    cpu: int | tuple[int, ...] | None = None
    nice: int = 0
    restart: int = 0
