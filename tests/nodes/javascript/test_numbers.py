from __future__ import annotations

import math
import struct
from random import Random

import pytest

from streamflow.nodes.javascript.numbers import number_to_string, string_to_number

quickjs = pytest.importorskip("quickjs", reason="quickjs-ng is in the test extra")


def random_doubles(count: int) -> list[float]:
    """Doubles of every size, decimals and halves; no powers of two, which QuickJS writes long."""
    random = Random(1)
    bits = [random.getrandbits(64) | 1 for _ in range(count)]
    wild = [struct.unpack("<d", struct.pack("<Q", b))[0] for b in bits]
    tame = [round(random.uniform(-1, 1) * 10 ** random.randint(-9, 23), 6) for _ in range(count)]
    near = [random.randint(-(10**16), 10**16) / 10 ** random.randint(0, 22) for _ in range(count)]
    return [x for x in wild + tame + near if math.isfinite(x)]


def test_numbers_are_written_as_an_engine_writes_them() -> None:
    context = quickjs.Context()
    numbers = random_doubles(1000)

    theirs = context.eval(f"[{','.join(map(repr, numbers))}].map(String).join()").split(",")

    assert [number_to_string(number) for number in numbers] == theirs


def test_what_is_written_is_read_back_as_the_same_number() -> None:
    numbers = random_doubles(1000)

    assert [string_to_number(number_to_string(number)) for number in numbers] == numbers
