"""Objects of classes that the other side cannot import."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from streamflow.errors import IpcError, PicklingError, RingCorrupt
from streamflow.frames import VideoFrame
from streamflow.ipc.codecs import Encoder, Kind, byvalue
from streamflow.ipc.shared import SharedPool
from tests.support.crossing import (
    Crossing,
    picture,
    same_frames,
)

ROOT = Path(__file__).parents[2]


# -- classes that nobody can import


def test_an_object_of_a_class_within_a_function_crosses() -> None:
    @dataclass
    class Inner:
        frame: VideoFrame
        names: tuple[str, ...] = ()

    crossing = Crossing(references=True, pool=SharedPool())
    made = crossing([Inner(picture(640, 360), ("a",))])[0]

    assert type(made) is Inner
    assert made.names == ("a",)
    assert same_frames(made.frame, picture(640, 360))
    assert crossing.encoded.copied == 0


def test_such_a_class_is_announced_once() -> None:
    class Inner:
        pass

    crossing = Crossing()
    for _ in range(3):
        crossing([Inner()])

    assert len(crossing.schemas) == 1
    assert crossing.encoded.length < 200


def test_functions_cross() -> None:
    step = 5

    def more(x: int) -> int:
        return x + step

    assert Crossing()({"more": more})["more"](2) == 7


def test_metadata_with_such_a_class_cross() -> None:
    @dataclass
    class Inner:
        x: int

    made = Crossing()(picture(metadata={"inner": Inner(3)}))

    assert made.metadata == {"inner": Inner(3)}


def test_a_class_of_the_program_itself_reaches_another_program() -> None:
    """What stands in `__main__` there is something else."""
    program = """
import sys
from dataclasses import dataclass
from tests.support.crossing import Crossing

@dataclass
class Reading:
    value: int

    def doubled(self):
        return Reading(self.value * 2)

crossing = Crossing()
for value in ([Reading(21)], Reading(1)):
    payload = crossing.encoder.encode(value).small
    print(payload.hex())
print(*[schema.hex() for schema in crossing.schemas])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *payloads, schemas = done.stdout.split("\n")[:-1]
    crossing = Crossing()
    crossing.schemas += map(bytes.fromhex, schemas.split())

    listed, single = (
        crossing.decoder.decode_bytes(Kind.OBJECT, 0, 0, 0, bytes.fromhex(payload))
        for payload in payloads
    )

    assert listed[0].doubled().value == 42
    assert type(single) is type(listed[0])
    assert len(crossing.schemas) == 1


def test_a_class_that_nobody_announced_is_refused() -> None:
    class Inner:
        pass

    crossing = Crossing()
    lease = crossing.write([Inner()])
    crossing.schemas.clear()

    with pytest.raises(RingCorrupt, match="names schema 1, which was not announced"):
        crossing.read(lease)


def test_what_stands_for_a_class_means_nothing_elsewhere() -> None:
    with pytest.raises(Exception, match="class 3 is known to the link that it came by only"):
        byvalue.announced(3)


@pytest.mark.parametrize("kind", [int, type(None), Fraction, Crossing, Crossing.__call__.__class__])
def test_classes_that_have_a_place_are_importable(kind: type) -> None:
    assert byvalue.importable(kind)


def test_an_object_of_such_a_class_that_cannot_be_made_here_is_no_corruption() -> None:
    class Inner:
        def __setstate__(self, state: object) -> None:
            raise ValueError("not me")

    inner = Inner()
    vars(inner)["x"] = 1

    with pytest.raises(PicklingError, match="the receiver cannot read it: ValueError: not me"):
        Crossing()(inner)


def test_who_numbers_classes_may_refuse() -> None:
    class Inner:
        pass

    def refuse(schema: bytes) -> int:
        raise IpcError("a sender has 3 schemas at most")

    with pytest.raises(IpcError, match="a sender has 3 schemas at most"):
        Encoder(announce_schema=refuse).encode([Inner()])
