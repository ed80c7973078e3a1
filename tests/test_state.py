from __future__ import annotations

import pytest

from streamflow.state import NodeState


def test_what_was_set_is_got() -> None:
    state = NodeState()

    state.set("count", 1)
    state["name"] = "a"

    assert (state.get("count"), state["name"], state.get("other", 0)) == (1, "a", 0)


def test_it_is_a_dictionary() -> None:
    state = NodeState()
    state.update(a=1, b=2)

    del state["a"]

    assert (dict(state), len(state), "a" in state) == ({"b": 2}, 1, False)


def test_a_name_that_was_never_set_is_missing() -> None:
    with pytest.raises(KeyError, match="other"):
        NodeState()["other"]
