"""Process options: amounts and cores as people write them, and nonsense refused."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from streamflow.process import Process, parse_bytes


@pytest.mark.parametrize(
    ("amount", "count"),
    [
        ("2GiB", 2**31),
        ("512MB", 512_000_000),
        ("1.5 GiB", 3 * 2**29),
        (" 64 mib ", 2**26),
        ("3000000B", 3_000_000),
        ("2048KiB", 2**21),
        ("1TB", 10**12),
        (2**20, 2**20),
    ],
)
def test_amounts_of_memory_are_understood(amount: int | str, count: int) -> None:
    assert parse_bytes(amount) == count
    assert Process(memory=amount).memory == count


@pytest.mark.parametrize("amount", ["", "2", "GiB", "2 GiBs", "-2GiB", "2G iB", "1e9B", 2.5, True])
def test_what_is_no_amount_of_memory_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match=r'memory must be .* such as "512MB" or "2GiB", not'):
        Process(memory=amount)


@pytest.mark.parametrize("amount", [0, -1, 1_000, "0.5MiB"])
def test_memory_for_less_than_an_interpreter_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match=f"memory must be 1 MiB or more, not {amount!r}"):
        Process(memory=amount)


@pytest.mark.parametrize(
    ("cpu", "cores"), [(None, None), (1, (1,)), ([1, 0], (0, 1)), ({2}, (2,)), (range(2), (0, 1))]
)
def test_cores_are_put_in_order(cpu: Any, cores: Any) -> None:
    assert Process(cpu=cpu).cpu == cores


@pytest.mark.parametrize("cpu", [-1, [], [0, -1], "01", 1.0, True, [None]])
def test_what_is_no_core_is_refused(cpu: Any) -> None:
    with pytest.raises(ValueError, match="cpu must be the number of a core, or several of them"):
        Process(cpu=cpu)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name must be a word, not ''"),
        ({"name": 3}, "name must be a word, not 3"),
        ({"nice": 20}, "nice must be a whole number from -20 to 19, not 20"),
        ({"nice": 1.5}, r"nice must be a whole number from -20 to 19, not 1\.5"),
        ({"restart": -1}, "restart must be a whole number, 0 or more, not -1"),
        ({"restart": True}, "restart must be a whole number, 0 or more, not True"),
    ],
)
def test_a_value_that_cannot_be_names_its_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Process(**options)


def test_options_that_mean_the_same_are_the_same() -> None:
    first, second = Process("a", memory="2GiB", cpu=[1, 0]), Process("a", memory=2**31, cpu=(0, 1))

    assert first == second
    assert len({first, second}) == 1


def test_options_do_not_change_but_may_be_replaced_and_travel() -> None:
    options = Process(memory="2GiB", cpu=1, nice=5, restart=3)

    with pytest.raises(dataclasses.FrozenInstanceError):
        options.nice = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]

    assert dataclasses.replace(options, name="gpu") == Process(
        "gpu", memory="2GiB", cpu=1, nice=5, restart=3
    )
    assert pickle.loads(pickle.dumps(options)) == copy.copy(options) == options  # noqa: S301 - ours
