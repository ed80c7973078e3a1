"""Deadlocks of the graph's making: who waits for whom, and whether anyone can still move.

A driver that waits for input can move if a sender of it can; one that waits for
room can if the receiver can. Whoever is left when all that can move, and all
that they set free, are taken away, waits for ever.
"""

from __future__ import annotations

from streamflow.errors import DeadlockError
from streamflow.flow.ends import SendingEnd
from streamflow.flow.merge import Merge
from streamflow.scheduler.build import Machine
from streamflow.scheduler.driver import Driver
from streamflow.scheduler.inlet import Inlet


def find_deadlock(machine: Machine) -> DeadlockError | None:
    """The deadlock that a machine is in, if it is in one."""
    stuck = {id(driver): driver for driver in machine.drivers if _waits(driver)}
    while movable := [driver for driver in stuck.values() if _can_move(driver, machine, stuck)]:
        for driver in movable:
            del stuck[id(driver)]
    for driver in stuck.values():
        error = _blame(driver)
        if error is not None:
            return error
    return None


def all_wait(machine: Machine) -> bool:
    """Whether every driver has ended, or waits for a link."""
    return all(driver.finished or _waits(driver) for driver in machine.drivers)


def blame_merge(machine: Machine) -> DeadlockError | None:
    """The deadlock where nothing moves any more, in this process or another.

    What crosses from other processes cannot be asked who waits for it; that all
    of them wait is enough.
    """
    for driver in machine.drivers:
        if not isinstance(driver.segment.instances[driver.segment.head], Merge):
            continue
        open_inlets = [inlet for inlet in driver.inlets if not inlet.ended]
        full = [i for i in open_inlets if not driver.has_room(i) and i.link.pending]
        empty = [i for i in open_inlets if driver.has_room(i) and not i.link.pending]
        if full and empty:
            return DeadlockError(
                tuple(f"{i.node}.{i.port}" for i in empty),
                tuple(f"{i.node}.{i.port}" for i in full),
            )
    return None


def can_deadlock(machine: Machine) -> bool:
    """Whether the graph has a merge that holds back one port while it waits for another."""
    return any(
        isinstance(node, Merge) and type(node).room is not Merge.room
        for node in machine.instances.values()
    )


def _full(driver: Driver) -> list[SendingEnd]:
    return [link for link in driver.segment.links if link.room.waiters]


def _waits(driver: Driver) -> bool:
    return bool(driver.segment.arrived.waiters or _full(driver))


def _can_move(driver: Driver, machine: Machine, stuck: dict[int, Driver]) -> bool:
    if not _waits(driver):
        return True
    full = _full(driver)
    if full:
        return any(link.has_room or _receiver_moves(link, machine, stuck) for link in full)
    return any(_inlet_moves(driver, inlet, machine, stuck) for inlet in driver.inlets)


def _receiver_moves(link: SendingEnd, machine: Machine, stuck: dict[int, Driver]) -> bool:
    for edge, known in machine.links.items():
        end: object = known
        if end is link:
            return id(machine.driver_of(edge.target)) not in stuck
    return True  # an outlet, which the user's code reads, or another process


def _inlet_moves(driver: Driver, inlet: Inlet, machine: Machine, stuck: dict[int, Driver]) -> bool:
    if driver.has_room(inlet) and inlet.link.pending:
        return True
    if inlet.ended or not driver.has_room(inlet):
        return False
    if inlet.edge is None or inlet.edge in machine.ends.incoming:
        return True  # more may be injected, or come from another process
    return id(machine.driver_of(inlet.edge.source)) not in stuck


def _blame(driver: Driver) -> DeadlockError | None:
    if not isinstance(driver.segment.instances[driver.segment.head], Merge):
        return None
    full = tuple(f"{i.node}.{i.port}" for i in driver.inlets if i.link.room.waiters)
    empty = tuple(
        f"{i.node}.{i.port}"
        for i in driver.inlets
        if not i.ended and not i.link.queue and driver.has_room(i)
    )
    return DeadlockError(empty, full) if full and empty else None
