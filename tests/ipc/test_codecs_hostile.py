"""Payloads of those who are broken, or lie: refused, and nothing worse."""

from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from streamflow.errors import IpcError, RingCorrupt
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.ipc.codecs import Kind
from streamflow.ipc.shared import SharedPool
from streamflow.packet import Packet
from tests.support.crossing import Crossing, Slot, arrays, noise, picture

arrow = cast("Any", pa)  # it ships no types

ROOT = Path(__file__).parents[2]
REFUSALS = ("came as a pickle", "without a lease")
"""What an `IpcError` may say that is no `RingCorrupt`: that there is a rule, and whose."""


def values() -> list[Any]:
    samples = np.zeros((2, 9000), np.float32)
    return [
        picture(640, 360, pts=4, time_base=Fraction(1, 30), metadata={"a": [1, "b"]}),
        picture(20, 10, "nv12", metadata={"size": (1, 2)}),
        picture(40, 50, "rgba", pts=2**80),
        AudioFrame(samples, layout="stereo", pts=-5),
        AudioFrame(samples[:, :100], layout="stereo", metadata={"x": 1}),
        arrow.record_batch({"x": [1, 2, None], "s": ["cat", None, "dog"], "l": [[1], [], [2, 3]]}),
        arrow.record_batch({"d": arrow.array(["a", "b"]).dictionary_encode(), "t": [True, False]}),
        arrow.table({"x": list(range(10_000)), "s": ["cat"] * 10_000}),
        {"label": "cat", "mask": noise((300, 300)), "frame": picture(640, 360)},
        Packet([1, 2], 3, Fraction(1, 2)),
        b"bytes",
        "text",
        -(10**30),
        1.5,
        None,
    ]


class Attacker:
    """Sends what it should not: mutations of valid payloads, and noise."""

    def __init__(self, seed: int, *, trusted: bool) -> None:
        self.random = random.Random(seed)
        pool = SharedPool()
        self.crossing = Crossing(references=True, pool=pool, trusted=trusted)
        plain = Crossing(trusted=trusted)
        plain.encoder._out.announce_schema = self.crossing.encoder._out.announce_schema
        self.kept: list[Any] = []
        self.payloads: list[tuple[int, bytes]] = []
        for encoder in (self.crossing.encoder, plain.encoder):
            for value in values():
                encoded = encoder.encode(value)
                slot = Slot(encoded.length)
                encoded.write(memoryview(slot.body))
                self.kept.append(encoded.keep)
                self.payloads.append((encoded.kind, bytes(slot.body)))

    def payload(self) -> tuple[int, bytearray]:
        choose = self.random
        kind, body = choose.choice(self.payloads)
        data = bytearray(body)
        if choose.random() < 0.1:
            return choose.choice(list(Kind)), bytearray(choose.randbytes(choose.randrange(300)))
        for _ in range(choose.choice([1, 1, 2, 5, 30])):
            self.mutate(data)
        if choose.random() < 0.1:
            kind = choose.choice([*Kind, choose.randrange(65536)])
        return kind, data

    def mutate(self, data: bytearray) -> None:
        choose = self.random
        # Most of what is worth attacking stands at the ends.
        at = choose.choice([choose.randrange(len(data) + 1), choose.randrange(200)])
        at = min(at, len(data)) if choose.random() < 0.8 else max(0, len(data) - at)
        match choose.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << choose.randrange(8)
            case 1 if at < len(data):
                data[at] = choose.randrange(256)
            case 2:
                word = choose.choice(
                    [0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, choose.getrandbits(64)]
                )
                data[at : at + 8] = word.to_bytes(8, "little")
            case 3:
                del data[at:]
            case 4:
                data[at:at] = choose.randbytes(choose.randrange(64))
            case _:
                other = choose.choice(self.payloads)[1]
                start = choose.randrange(len(other) + 1)
                data[at : at + 32] = other[start : start + 32]

    def attack(self) -> Any:
        """One payload, by one of the three ways in; what came of it, or None."""
        kind, data = self.payload()
        try:
            if self.random.random() < 0.3:
                return self.crossing.decoder.decode_bytes(kind, 0, 0, 0, bytes(data))
            slot = Slot(len(data))
            slot.body[:] = data
            lease = slot.lease(len(data), kind)
            return self.crossing.read(lease, copy=self.random.random() < 0.3)
        except RingCorrupt:
            return None
        except IpcError as error:
            if not any(words in str(error) for words in REFUSALS):
                raise
            return None

    def rounds(self, count: int) -> int:
        accepted = 0
        for _ in range(count):
            value = self.attack()
            accepted += value is not None
            look_at(value, deeply=not self.crossing.decoder._incoming.trusted)
        return accepted


def look_at(value: Any, *, deeply: bool) -> None:
    """Read all of what was made of a payload: that, too, must stay within its bounds."""
    if isinstance(value, VideoFrame | AudioFrame):
        for array in arrays(value):
            assert not array.flags.writeable
            array.copy()
    elif deeply and isinstance(value, arrow.RecordBatch | arrow.Table):
        value.to_pylist()


@pytest.mark.parametrize("trusted", [True, False])
def test_whatever_comes_is_read_within_its_bounds_or_refused(trusted: bool) -> None:
    attacker = Attacker(1, trusted=trusted)

    accepted = attacker.rounds(250)

    assert 0 < accepted < 250


PROGRAM = """
import resource, sys
from tests.ipc.test_codecs_hostile import Attacker

# Whoever asks for absurd sizes shall be told no, not given them.
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
seed, trusted, count = map(int, sys.argv[1:])
print(Attacker(seed, trusted=bool(trusted)).rounds(count))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("trusted", [0, 1])
def test_ten_thousand_lies_crash_nothing(seed: int, trusted: int) -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM]

    done = subprocess.run(
        [*command, str(seed), str(trusted), "10000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 10_000
