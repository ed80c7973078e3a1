"""The handshake: own users only, bounded in time, and every lie is a HandshakeError."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamflow.errors import HandshakeError
from streamflow.ipc import handshake
from streamflow.ipc.backend import available, rings
from streamflow.ipc.handshake import Hello, Join, check_peer, expect, peer_pid, peer_uid
from streamflow.ipc.layout import Policy
from streamflow.ipc.receiver import Receiver
from streamflow.ipc.wire import Kind, Wire, close_all

BACKENDS = [name for name in ("c", "python", "socket") if available(name)]
SOON = 0.05
"""Seconds of patience where a test waits for it to end."""


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire]]:
    """Both ends of a wire."""
    first, second = Wire.pair()
    yield first, second
    first.close()
    second.close()


@pytest.fixture(params=BACKENDS)
def ring(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[int]]]:
    """The name of a backend, and the descriptors of one of its rings."""
    producer = rings(request.param).Producer(8, 64, leases=2)
    _, fds = producer.attach(Policy.BLOCK)
    yield request.param, fds
    close_all(fds)
    producer.close()


def later(seconds: float = SOON) -> float:
    return time.monotonic() + seconds


@given(st.sampled_from(Policy), st.none() | st.integers(1, 2**32 - 1))
def test_join_is_read_as_it_was_written(policy: Policy, depth: int | None) -> None:
    wanted = Join(policy, depth)

    assert Join.unpack(wanted.pack()) == wanted


@given(
    st.sampled_from(("c", "python", "socket")), st.sampled_from(Policy), st.integers(0, 2**64 - 1)
)
def test_hello_is_read_as_it_was_written(backend: str, policy: Policy, generation: int) -> None:
    hello = Hello(backend, policy, generation)

    assert Hello.unpack(hello.pack()) == hello


@pytest.mark.parametrize("unpack", [Join.unpack, Hello.unpack])
@given(body=st.binary(max_size=64))
def test_what_is_no_message_of_ours_is_refused(
    unpack: Callable[[bytes], object], body: bytes
) -> None:
    with pytest.raises(HandshakeError, match="none of streamflow's"):
        unpack(body)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, 0xFF, "none of streamflow's"),
        (8, 9, "version 9; version 1 is needed"),
        (10, 7, "policy 7"),
        (11, 200, "ring number 200"),
    ],
)
def test_an_error_says_what_is_wrong_with_hello(at: int, value: int, words: str) -> None:
    body = bytearray(Hello("c", Policy.LATEST, 3).pack())
    body[at] = value

    with pytest.raises(HandshakeError, match=words):
        Hello.unpack(bytes(body))


def test_a_message_that_goes_on_too_long_is_refused() -> None:
    with pytest.raises(HandshakeError, match="HELLO has 24 bytes, not 25"):
        Hello.unpack(Hello("c", Policy.BLOCK, 0).pack() + b"!")


# -- who is there


def test_the_credentials_are_those_of_the_process_at_the_other_end(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    code = (
        "import socket, sys\n"
        f"s = socket.socket(socket.AF_UNIX); s.bind({path!r}); s.listen()\n"
        "print('up', flush=True); s.accept()[0].recv(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)

            told = peer_pid(sock), peer_uid(sock)

    assert told == (child.pid, os.geteuid())


def test_another_user_is_refused(ends: tuple[Wire, Wire], monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = ends
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    with pytest.raises(HandshakeError, match=f"user {me}; only user {me + 1}"):
        check_peer(first)

    assert first.hung_up


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_is_refused_though_it_can_connect() -> None:
    # Not in `tmp_path`: others cannot come into that.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        Path(folder).chmod(0o711)
        path = f"{folder}/s"
        listener.bind(path)
        Path(path).chmod(0o777)
        listener.listen()
        code = (
            "import os, socket\n"
            f"os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect({path!r}); s.recv(1)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code]):
            wire = Wire(listener.accept()[0])

            with pytest.raises(HandshakeError, match="the peer runs as user 65534"):
                check_peer(wire)


def test_our_own_user_is_let_in(ends: tuple[Wire, Wire]) -> None:
    check_peer(ends[0])

    assert not ends[0].hung_up


# -- waiting for what comes


def test_a_peer_that_says_nothing_is_given_up(ends: tuple[Wire, Wire]) -> None:
    with pytest.raises(HandshakeError, match="did not say HELLO in time"):
        expect(ends[1], Kind.HELLO, later())

    assert ends[1].hung_up


def test_a_peer_that_says_half_a_message_is_given_up(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    first.socket.send(b"\x18\0\0\0\x03\0\0\0STRM")

    with pytest.raises(HandshakeError, match="did not say HELLO in time"):
        expect(second, Kind.HELLO, later())


def test_a_peer_that_says_a_byte_now_and_then_gains_no_time(ends: tuple[Wire, Wire]) -> None:
    first, second = ends
    over = threading.Event()

    def drip() -> None:
        first.socket.send(b"\x18\0\0\0\x03\0\0\0")
        while not over.wait(SOON / 10):
            first.socket.send(b"S", socket.MSG_DONTWAIT)

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(HandshakeError):
        expect(second, Kind.HELLO, later(2 * SOON))
    over.set()
    thread.join()


def test_a_peer_that_hangs_up_is_named_so(ends: tuple[Wire, Wire]) -> None:
    ends[0].close()

    with pytest.raises(HandshakeError, match="hung up where HELLO is needed"):
        expect(ends[1], Kind.HELLO, later(60))


def test_a_refusal_is_raised_in_the_words_of_the_peer(ends: tuple[Wire, Wire]) -> None:
    ends[0].send(Kind.REFUSED, "sixteen are there already: é".encode())

    with pytest.raises(HandshakeError, match="sixteen are there already: é"):
        expect(ends[1], Kind.HELLO, later(60))


def test_another_message_is_refused_with_its_descriptors_closed(ends: tuple[Wire, Wire]) -> None:
    reading, writing = os.pipe()
    ends[0].send(Kind.MEMORY, b"", [reading])
    os.close(reading)

    with pytest.raises(HandshakeError, match="message 7 where HELLO is needed"):
        expect(ends[1], Kind.HELLO, later(60))

    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


# -- what is handed over


def receive_ring(backend: str, fds: list[int]) -> None:
    """Be handed these descriptors as a ring."""
    first, second = Wire.pair()
    first.send(Kind.HELLO, Hello(backend, Policy.BLOCK, 0).pack(), fds)
    try:
        Receiver(second, trusted=False, timeout=SOON).close()
    finally:
        assert second.hung_up
        first.close()


def test_a_ring_is_joined(ring: tuple[str, list[int]]) -> None:
    receive_ring(*ring)


def test_a_ring_that_is_not_as_announced_is_refused(ring: tuple[str, list[int]]) -> None:
    first, second = Wire.pair()
    first.send(Kind.HELLO, Hello(ring[0], Policy.LATEST, 0).pack(), ring[1])

    with pytest.raises(HandshakeError, match="not the one that the message announces"):
        Receiver(second, trusted=False)

    first.close()


def regular_file() -> int:
    with tempfile.TemporaryFile() as file:
        file.truncate(1 << 20)
        return os.dup(file.fileno())


def unsealed_memfd() -> int:
    fd = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 1 << 20)
    return fd


def pipe_end() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has memory that can be sealed")
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("wrong", [regular_file, unsealed_memfd, pipe_end])
def test_a_wrong_descriptor_is_refused(
    ring: tuple[str, list[int]], wrong: Callable[[], int], place: int
) -> None:
    backend, fds = ring
    if wrong is pipe_end and backend == "socket" and place in {1, 3}:
        pytest.skip("the reading end of a pipe is what belongs there")
    close_all([fds[place]])
    fds[place] = wrong()

    with pytest.raises(HandshakeError):
        receive_ring(backend, fds)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_descriptors_are_refused(ring: tuple[str, list[int]], count: int) -> None:
    with pytest.raises(HandshakeError):
        receive_ring(ring[0], ring[1][:count])


def test_descriptors_of_another_kind_of_ring_are_refused(ring: tuple[str, list[int]]) -> None:
    other = "c" if ring[0] == "socket" else "socket"

    with pytest.raises(HandshakeError):
        receive_ring(other, ring[1])


def unavailable(name: str) -> bool:
    return False


def test_a_kind_of_ring_that_cannot_be_read_here_is_named(
    ring: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamflow.ipc.receiver.available", unavailable)

    with pytest.raises(HandshakeError, match=f"kind '{ring[0]}', which cannot be read here"):
        receive_ring(*ring)


def assail(backend: str, rounds: int, seed: int) -> None:
    """Random bytes and mutations of valid messages in place of HELLO: refused or joined."""
    chance = random.Random(seed)
    producer = rings(backend).Producer(8, 64, leases=2)
    null = os.open(os.devnull, os.O_RDWR)
    before = len(list(Path("/dev/fd").iterdir()))
    joined = 0
    for _ in range(rounds):
        first, second = Wire.pair()
        number, fds = producer.attach(Policy.BLOCK, 1)
        body = bytearray(Hello(backend, Policy.BLOCK, 0).pack())
        if chance.random() < 0.2:
            body = bytearray(chance.randbytes(chance.randrange(64)))
        for _ in range(chance.randrange(3)):
            if body:
                body[chance.randrange(len(body))] = chance.randrange(256)
        handed = [fd if chance.random() < 0.9 else null for fd in fds]
        if chance.random() < 0.1:
            chance.shuffle(handed)
        first.send(chance.choice((Kind.HELLO, Kind.HELLO, Kind.SCHEMA)), bytes(body), handed)
        if chance.random() < 0.1:
            first.socket.send(chance.randbytes(20))
        try:
            receiver = Receiver(second, trusted=False, timeout=0.0)
            joined += 1
            receiver.close()
        except HandshakeError:
            pass
        first.close()
        close_all(fds)
        producer.detach(number)
    assert len(list(Path("/dev/fd").iterdir())) == before
    assert 0 < joined < rounds
    os.close(null)
    producer.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_hello_does_harm(backend: str) -> None:
    assail(backend, 300, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_hello_does_harm_in_ten_thousand_rounds(backend: str) -> None:
    assail(backend, 10_000, seed=4)


def test_the_patience_with_strangers_is_bounded() -> None:
    assert 0 < handshake.PATIENCE <= 10
