"""Wires: messages arrive whole and in order, and nothing that a peer says is believed."""

from __future__ import annotations

import array
import gc
import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import HandshakeError, IpcError, RingCorrupt
from streamflow.ipc import wire as wires
from streamflow.ipc.wire import LIMIT, MOST_FDS, MOST_WAITING, STRANGER_LIMIT, Kind, Message, Wire

HEADER = struct.Struct("<IBBH")


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire]]:
    """Both ends of a wire."""
    first, second = Wire.pair()
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, Wire]]:
    """A bare socket, and the wire at its other end."""
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    wire = Wire(second)
    yield first, wire
    first.close()
    wire.close()


def open_fds() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def receive_all(wire: Wire) -> list[Message]:
    messages: list[Message] = []
    while (message := wire.receive()) is not None:
        messages.append(message)
    return messages


def send_raw(sock: socket.socket, data: bytes | bytearray, fds: list[int]) -> None:
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
    sock.sendmsg([data], [rights] if fds else [])


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.binary(max_size=300)), max_size=20))
def test_messages_arrive_whole_and_in_order(sent: list[tuple[Kind, bytes]]) -> None:
    first, second = Wire.pair()

    for epoch, (kind, body) in enumerate(sent):
        first.send(kind, body, epoch=epoch)
    received = receive_all(second)

    first.close()
    second.close()
    assert [(each.kind, each.body) for each in received] == sent
    assert [each.epoch for each in received] == list(range(len(sent)))


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_message_that_comes_in_pieces_is_kept_until_it_is_whole(
    body: bytes, data: st.DataObject
) -> None:
    first, second = socket.socketpair()
    wire = Wire(second)
    whole = HEADER.pack(len(body), Kind.EVENT, 0, 7) + body
    cut = data.draw(st.integers(0, len(whole) - 1))

    first.sendall(whole[:cut])
    early = wire.receive()
    first.sendall(whole[cut:])
    late = wire.receive()

    first.close()
    wire.close()
    assert early is None
    assert late == Message(Kind.EVENT, 7, body, [])


def test_descriptors_arrive_with_their_own_message(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    reading, writing = os.pipe()

    first.send(Kind.EVENT, b"none")
    first.send(Kind.MEMORY, b"two", [reading, writing])
    first.send(Kind.EVENT, b"none again")
    os.close(reading)
    os.close(writing)
    _, two, last = receive_all(second)

    os.write(two.fds[1], b"through")
    assert os.read(two.fds[0], 10) == b"through"
    assert last.fds == []
    assert not any(os.get_inheritable(fd) for fd in two.fds)
    wires.close_all(two.fds)
    assert two.fds == []


def test_what_the_peer_does_not_read_is_kept_and_sent_later(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    second.admit()
    bodies = [bytes([number]) * 100_000 for number in range(20)]
    null = os.open(os.devnull, os.O_RDONLY)

    for body in bodies:
        first.send(Kind.EVENT, body, [null])
    os.close(null)
    waited = first.backlog
    received = receive_all(second)
    while not first.flush():
        received += receive_all(second)
    received += receive_all(second)

    for message in received:
        assert os.read(message.fds[0], 1) == b""
        wires.close_all(message.fds)
    assert waited > 0
    assert [each.body for each in received] == bodies


def test_a_peer_that_never_reads_is_cut_off(ends: tuple[Wire, Wire]) -> None:
    first, _ = ends
    gc.collect()  # what other tests have left to it
    before = open_fds()
    null = os.open(os.devnull, os.O_RDONLY)
    first.send(Kind.EVENT, bytes(1 << 20), [null])

    for _ in range(MOST_WAITING + 1):
        first.send(Kind.EVENT)

    os.close(null)
    assert first.hung_up
    assert first.backlog == 0
    assert open_fds() == before


def test_a_hangup_is_seen_behind_what_was_said(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    first.send(Kind.EVENT, b"last words")

    first.close()
    received = receive_all(second)

    assert [each.body for each in received] == [b"last words"]
    assert second.hung_up


def test_sending_to_a_peer_that_has_hung_up_does_nothing(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    second.close()

    first.send(Kind.EVENT, b"hello?")
    first.send(Kind.EVENT, b"hello?")

    assert first.hung_up


def test_a_body_beyond_the_limit_is_not_sent(ends: tuple[Wire, Wire]) -> None:
    first, _ = ends

    with pytest.raises(IpcError, match=f"at most {LIMIT} may go"):
        first.send(Kind.EVENT, bytes(LIMIT + 1))


@pytest.mark.parametrize("admitted", [False, True])
def test_a_length_beyond_the_limit_is_refused_before_its_bytes_come(
    raw: tuple[socket.socket, Wire], admitted: bool
) -> None:
    sock, wire = raw
    limit = LIMIT if admitted else STRANGER_LIMIT
    if admitted:
        wire.admit()
    sock.sendall(HEADER.pack(limit + 1, Kind.EVENT, 0, 0))

    with pytest.raises(RingCorrupt if admitted else HandshakeError, match=f"more than {limit}"):
        wire.receive()

    assert wire.hung_up


@pytest.mark.parametrize("claimed", [1, MOST_FDS + 1, 255])
def test_descriptors_that_did_not_come_are_refused(
    raw: tuple[socket.socket, Wire], claimed: int
) -> None:
    sock, wire = raw
    sock.sendall(HEADER.pack(0, Kind.MEMORY, claimed, 0))

    with pytest.raises(HandshakeError, match=f"{claimed}"):
        wire.receive()


@pytest.mark.parametrize("brought", [1, MOST_FDS, MOST_FDS + 1, 200])
def test_descriptors_that_no_message_names_are_refused_and_closed(
    raw: tuple[socket.socket, Wire], brought: int
) -> None:
    sock, wire = raw
    before = open_fds()
    null = os.open(os.devnull, os.O_RDONLY)
    send_raw(sock, HEADER.pack(0, Kind.EVENT, 0, 0), [null] * brought)
    os.close(null)

    with pytest.raises(HandshakeError, match="descriptors"):
        wire.receive()

    assert open_fds() == before
    assert wire.receive() is None


def test_descriptors_that_come_with_every_byte_do_not_pile_up(
    raw: tuple[socket.socket, Wire],
) -> None:
    sock, wire = raw
    before = open_fds()
    null = os.open(os.devnull, os.O_RDONLY)
    wire.admit()
    send_raw(sock, HEADER.pack(1000, Kind.EVENT, 0, 0), [])

    for _ in range(10):
        send_raw(sock, b"x", [null] * MOST_FDS)
    with pytest.raises(RingCorrupt, match="descriptors that no message names"):
        receive_all(wire)

    os.close(null)
    assert open_fds() == before


def test_closing_a_wire_closes_the_descriptors_that_nobody_took(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    second.admit()
    before = open_fds()
    reading, writing = os.pipe()
    send_raw(first.socket, HEADER.pack(1000, Kind.MEMORY, 1, 0) + b"half", [reading])
    os.close(reading)

    waiting = second.receive()
    second.close()

    assert waiting is None
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)
    assert open_fds() == before - 1


def assail(rounds: int, seed: int) -> None:
    """Random bytes and descriptors, mutations of valid messages: refused or read, no more."""
    chance = random.Random(seed)
    before = open_fds()
    null = os.open(os.devnull, os.O_RDONLY)
    for _ in range(rounds):
        sock, other = socket.socketpair()
        wire = Wire(other)
        if chance.random() < 0.5:
            wire.admit()
        for _ in range(chance.randrange(1, 5)):
            body = chance.randbytes(chance.choice((0, 3, 60, 4096)))
            data = bytearray(HEADER.pack(len(body), chance.randrange(256), 0, 0) + body)
            for _ in range(chance.randrange(4)):
                data[chance.randrange(min(len(data), 8))] = chance.randrange(256)
            fds = [null] * chance.choice((0, 0, 1, 2, 9))
            send_raw(sock, data[: chance.randrange(1, len(data) + 1)], fds)
        if chance.random() < 0.5:
            sock.close()
        try:
            while (message := wire.receive()) is not None:
                wires.close_all(message.fds)
        except (HandshakeError, RingCorrupt):
            assert wire.hung_up
        wire.close()
        sock.close()
    os.close(null)
    assert open_fds() == before


def test_no_bytes_and_no_descriptors_do_harm() -> None:
    assail(300, seed=1)


@pytest.mark.slow
def test_no_bytes_and_no_descriptors_do_harm_in_ten_thousand_rounds() -> None:
    assail(10_000, seed=2)
