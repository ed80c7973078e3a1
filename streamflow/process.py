"""What a node's process may use: the word behind ``on=sf.Process(...)``.

These are wishes, checked for what they say. Whether a machine can fulfil them
is found out where the process starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeGuard, get_args

from streamflow.units import parse_size

OnDeath: TypeAlias = Literal["error", "skip"]

LEAST: Final = 2**20
"""Fewer bytes than this are a slip of the pen: an interpreter could not even report it."""

NICE: Final = range(-20, 20)


@dataclass(frozen=True, slots=True, init=False)
class Process:
    """An interpreter of its own for a node, and what it may use.

    Nodes whose processes have one name share a process; without a name, each
    has its own.

    Attributes:
        name: of the process, also shown by ``ps`` and ``top``; or None.
        memory: bytes that nodes may allocate, beyond what the interpreter needs
            for itself, or None. More is a MemoryError in the node that asks for
            it. Memory that processes share, such as frames from other nodes,
            does not count. Linux only.
        cpu: numbers of the cores it may run on, in order, or None. Linux only.
        nice: how much it yields to others, from -20 to 19; below 0 takes rights.
        restart: how often it is started anew after it has died, with its nodes
            as they were built, or as their last `Node.get_state` says. What it
            had taken and not finished is lost, and counted.
        on_death: when it is not started anew: ``error`` ends the run, ``skip``
            ends the streams that leave it, and drops those that enter it.

    Raises:
        ValueError: a value cannot be.

    >>> Process(name="gpu", memory="2GiB", cpu=1)
    Process(name='gpu', memory=2147483648, cpu=(1,), nice=0, restart=0, on_death='error')
    >>> Process(cpu=[1, 0]) == Process(cpu=(0, 1))
    True
    """

    name: str | None
    memory: int | None
    cpu: tuple[int, ...] | None
    nice: int
    restart: int
    on_death: OnDeath

    def __init__(
        self,
        name: str | None = None,
        *,
        memory: int | str | None = None,
        cpu: int | Iterable[int] | None = None,
        nice: int = 0,
        restart: int = 0,
        on_death: OnDeath = "error",
    ) -> None:
        if name is not None and not _word(name):
            raise ValueError(f"name must be a word, not {name!r}")
        if not _whole(nice) or nice not in NICE:
            raise ValueError(f"nice must be a whole number from -20 to 19, not {nice!r}")
        if not _whole(restart) or restart < 0:
            raise ValueError(f"restart must be a whole number, 0 or more, not {restart!r}")
        if on_death not in get_args(OnDeath):
            raise ValueError(f"on_death must be 'error' or 'skip', not {on_death!r}")
        # Frozen for everyone else.
        for field, value in (
            ("name", name),
            ("memory", None if memory is None else parse_bytes(memory)),
            ("cpu", None if cpu is None else _cores(cpu)),
            ("nice", nice),
            ("restart", restart),
            ("on_death", on_death),
        ):
            object.__setattr__(self, field, value)


def parse_bytes(amount: int | str) -> int:
    """How many bytes an amount of memory is.

    Args:
        amount: bytes, or a number with a unit: ``"512MB"``, ``"2GiB"``, ``"1.5 GiB"``.

    Raises:
        ValueError: it is no amount, or less than 1 MiB.

    >>> parse_bytes("1.5 GiB"), parse_bytes("512MB"), parse_bytes(2**21)
    (1610612736, 512000000, 2097152)
    """
    count: int | None = None
    with suppress(ValueError):
        count = parse_size(amount) if isinstance(amount, str) else amount
    if not _whole(count):
        example = 'a number of bytes, or text such as "512MB" or "2GiB"'
        raise ValueError(f"memory must be {example}, not {amount!r}")
    if count < LEAST:
        raise ValueError(f"memory must be 1 MiB or more, not {amount!r}")
    return count


def _cores(cpu: int | Iterable[int]) -> tuple[int, ...]:
    listed = (cpu,) if isinstance(cpu, int) or not isinstance(cpu, Iterable) else tuple(cpu)
    if not listed or not all(_whole(core) and core >= 0 for core in listed):
        raise ValueError(f"cpu must be the number of a core, or several of them, not {cpu!r}")
    return tuple(sorted(set(listed)))


def _word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
