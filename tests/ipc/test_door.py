"""Doors: the socket file is its owner's alone, and no stranger holds up another."""

from __future__ import annotations

import os
import random
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from streamflow.errors import HandshakeError, IpcError
from streamflow.ipc import door as doors
from streamflow.ipc.door import MOST_STRANGERS, Door, knock
from streamflow.ipc.handshake import Join, expect
from streamflow.ipc.layout import Policy
from streamflow.ipc.wire import Kind, Wire
from tests.support.ends import open_fds

WANTED = Join(Policy.LATEST, 3)
LATE = time.monotonic() + 3600


class Hall:
    """A door, and those who have come in."""

    def __init__(self, path: Path, patience: float = 60.0) -> None:
        self.path = str(path)
        self.came: Queue[tuple[Wire, Join]] = Queue()
        self.door = Door(self.path, self.admit, patience=patience)

    def admit(self, wire: Wire, wanted: Join) -> None:
        self.came.put((wire, wanted))

    def visitor(self) -> tuple[Wire, Join]:
        return self.came.get()

    def close(self) -> None:
        self.door.close()
        while not self.came.empty():
            self.came.get()[0].close()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    hall = Hall(tmp_path / "door")
    yield hall
    hall.close()


def stranger(hall: Hall) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(hall.path)
    return sock


def shut(sock: socket.socket) -> bool:
    """Wait until the other end hangs up; whether it has said nothing before."""
    try:
        said = sock.recv(1)
    except ConnectionResetError:
        said = b""
    sock.close()
    return said == b""


def test_who_knocks_comes_in_with_what_is_wanted(hall: Hall) -> None:
    wire = knock(hall.path, WANTED, None)

    came, wanted = hall.visitor()

    came.send(Kind.EVENT, b"welcome")
    assert expect(wire, Kind.EVENT, LATE).body == b"welcome"
    assert wanted == WANTED
    wire.close()
    came.close()


def test_the_file_is_its_owners_alone_and_goes_with_the_door(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "door")

    mode = Path(hall.path).stat().st_mode
    hall.close()

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not Path(hall.path).exists()


def test_a_file_that_a_dead_program_has_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "door"))

    hall = Hall(tmp_path / "door")

    knock(hall.path, WANTED, None).close()
    hall.visitor()[0].close()
    hall.close()


def test_a_file_that_is_in_use_is_refused_and_names_who_uses_it(hall: Hall) -> None:
    with pytest.raises(IpcError, match=f"{hall.path} is in use by process {os.getpid()}"):
        Hall(Path(hall.path))

    knock(hall.path, WANTED, None).close()
    hall.visitor()[0].close()


def test_a_file_that_is_no_socket_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "door"
    path.write_text("dear diary")

    with pytest.raises(IpcError, match=f"{path} exists, and is no socket"):
        Hall(path)

    assert path.read_text() == "dear diary"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IpcError, match=r"cannot listen at .*nowhere/door: .*No such file"):
        Hall(tmp_path / "nowhere" / "door")


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IpcError, match=r"cannot listen at .*: AF_UNIX path too long"):
        Hall(tmp_path / ("x" * 120))


def test_a_file_that_somebody_else_has_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "door")
    Path(hall.path).unlink()
    Path(hall.path).write_text("somebody else's")

    hall.close()

    assert Path(hall.path).read_text() == "somebody else's"


def test_of_many_that_find_a_dead_file_one_gets_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "door"))
    halls: list[Hall] = []
    refused: list[IpcError] = []

    def start() -> None:
        try:
            halls.append(Hall(tmp_path / "door"))
        except IpcError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for hall in halls:
        hall.close()
    assert len(halls) == 1
    assert len(refused) == 7


@pytest.mark.parametrize("leave", ["nothing", "a dead file", "another file"])
def test_where_nobody_is_knocking_fails(tmp_path: Path, leave: str) -> None:
    path = tmp_path / "door"
    if leave == "another file":
        path.touch()
    if leave == "a dead file":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))

    with pytest.raises(HandshakeError, match=f"no writer is at {path}"):
        knock(str(path), WANTED, None)
    with pytest.raises(HandshakeError, match=f"no writer is at {path}"):
        knock(str(path), WANTED, 0.01)


def test_a_name_that_is_too_long_cannot_be_knocked_at(tmp_path: Path) -> None:
    with pytest.raises(HandshakeError, match="cannot come in at"):
        knock(str(tmp_path / ("x" * 120)), WANTED, None)


def test_who_has_time_knocks_until_somebody_is_there(tmp_path: Path) -> None:
    halls: list[Hall] = []
    thread = threading.Thread(target=lambda: halls.append(Hall(tmp_path / "door")))

    timer = threading.Timer(0.0, thread.start)
    timer.start()
    wire = knock(str(tmp_path / "door"), WANTED, 60)

    timer.join()
    thread.join()
    halls[0].visitor()[0].close()
    wire.close()
    halls[0].close()


# -- strangers


def test_who_says_nothing_is_shown_out(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "door", patience=0.02)

    silent = stranger(hall)

    assert shut(silent)
    hall.close()


def test_who_says_half_of_it_is_shown_out(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "door", patience=0.02)
    half = stranger(hall)

    half.send(b"\x14\0\0\0\1\0\0\0STRMFLW")

    assert shut(half)
    hall.close()


def test_strangers_that_are_silent_hold_up_nobody(hall: Hall) -> None:
    silent = [stranger(hall) for _ in range(10)]

    wire = knock(hall.path, WANTED, None)
    came, _ = hall.visitor()

    for sock in (*silent, wire.socket, came.socket):
        sock.close()


def test_too_many_at_a_time_are_refused(hall: Hall) -> None:
    silent = [stranger(hall) for _ in range(MOST_STRANGERS)]

    wire = knock(hall.path, WANTED, None)
    with pytest.raises(HandshakeError, match="32 others are coming in; try again"):
        expect(wire, Kind.HELLO, LATE)

    for each in silent:
        each.close()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<IBBH", 0, 3, 0, 0), "message 3 came where JOIN is needed"),
        (struct.pack("<IBBH", 5, 1, 0, 0) + b"hello", "JOIN is none of streamflow's"),
        (
            struct.pack("<IBBH8sHBBI", 16, 1, 0, 0, b"STRMFLW1", 7, 0, 0, 0),
            "the peer speaks version 7; version 1 is needed",
        ),
    ],
)
def test_who_says_something_else_is_told_what_is_needed(
    hall: Hall, data: bytes, words: str
) -> None:
    wire = Wire(stranger(hall))
    wire.socket.send(data)

    with pytest.raises(HandshakeError, match=words):
        expect(wire, Kind.HELLO, LATE)


def test_whoever_is_not_admitted_is_told_why(tmp_path: Path) -> None:
    def refuse(wire: Wire, wanted: Join) -> None:
        raise IpcError("not today")

    door = Door(str(tmp_path / "door"), refuse)
    wire = knock(str(tmp_path / "door"), WANTED, None)

    with pytest.raises(HandshakeError, match="not today"):
        expect(wire, Kind.HELLO, LATE)

    door.close()


def test_another_user_is_shown_out_at_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    other = stranger(hall)

    assert shut(other)


def test_an_open_connection_is_hung_up_with_the_door(tmp_path: Path) -> None:
    hall = Hall(tmp_path / "door")
    silent = stranger(hall)
    knock(hall.path, WANTED, None).close()
    hall.visitor()[0].close()

    hall.close()

    assert shut(silent)


def test_a_door_goes_on_when_no_descriptor_is_left_for_a_moment(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()
    accept = socket.socket.accept

    def short(self: socket.socket) -> tuple[socket.socket, Any]:
        if not refused.is_set():
            refused.set()
            raise OSError("too many open files")
        return accept(self)

    monkeypatch.setattr(doors, "_REST", 0.0)
    monkeypatch.setattr(socket.socket, "accept", short)
    wire = knock(hall.path, WANTED, None)

    came, _ = hall.visitor()

    assert refused.is_set()
    came.close()
    wire.close()


def assail(hall: Hall, rounds: int, seed: int) -> None:
    """Random bytes, descriptors and mutations of JOIN: everybody else still comes in."""
    chance = random.Random(seed)
    null = os.open(os.devnull, os.O_RDONLY)
    before = open_fds()
    valid = struct.pack("<IBBH", len(WANTED.pack()), 1, 0, 0) + WANTED.pack()
    for number in range(rounds):
        sock = stranger(hall)
        data = bytearray(valid if chance.random() < 0.7 else chance.randbytes(30))
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        fds = [null] * chance.choice((0, 0, 0, 1, 9))
        socket.send_fds(sock, [data[: chance.randrange(1, len(data) + 1)]], fds)
        sock.close()
        if number % 50 == 49:
            wire = knock(hall.path, Join(Policy.BLOCK, number), None)
            while (came := hall.visitor())[1] != Join(Policy.BLOCK, number):
                came[0].close()
            came[0].close()
            wire.close()
    # Whoever came last may still be on the way out.
    while open_fds() > before:
        pass
    os.close(null)


def test_no_stranger_does_harm(hall: Hall) -> None:
    assail(hall, 300, seed=5)


@pytest.mark.slow
def test_no_stranger_does_harm_in_ten_thousand_rounds(hall: Hall) -> None:
    assail(hall, 10_000, seed=6)
