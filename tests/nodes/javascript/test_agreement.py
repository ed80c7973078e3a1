from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

pytest.importorskip("quickjs", reason="quickjs-ng is in the test extra")

from tests.nodes.javascript.engine import Engine, ours
from tests.nodes.javascript.fuzz import Piece, expression, shrink, value

VALUES = 5
"""Values that each expression is tried on."""

# How a case is looked at: undefined and null, and 0 and -0, look alike from outside.
VIEWS = ("{}", "[typeof ({0}), ({0})]", "1 / ({})", "({}) === undefined")


def disagreement(engine: Engine, text: str, given: Any) -> str | None:
    """What the engine and we say of an expression, if that is not the same."""
    theirs, mine = engine.answer(text, given), ours(text, given)
    return None if theirs == mine else f"they say {theirs}, we say {mine}"


def cases(seeds: range) -> Iterator[tuple[Piece, Any]]:
    for seed in seeds:
        random = Random(seed)
        made = expression(random)
        view, _, rest = random.choice(VIEWS).partition("{}")
        piece = Piece((view, made, rest)) if "{0}" not in view else Piece((view.format(made.text),))
        for _ in range(VALUES):
            yield piece, value(random)


def check(seeds: range) -> None:
    engine = Engine()
    for piece, given in cases(seeds):
        if disagreement(engine, piece.text, given) is None:
            continue
        small = shrink(piece, partial(disagrees, engine, given))
        found = disagreement(engine, small.text, given)
        pytest.fail(f"{small.text!r} with value = {given!r}: {found}")


def disagrees(engine: Engine, given: Any, text: str) -> bool:
    """Whether a smaller expression is still one, and still tells the two apart."""
    try:
        return disagreement(engine, text, given) is not None
    except ValueError:
        return False


def test_two_thousand_random_cases_agree_with_a_javascript_engine() -> None:
    check(range(400))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_random_cases_agree_with_a_javascript_engine() -> None:
    check(range(1_000_000, 1_020_000))
