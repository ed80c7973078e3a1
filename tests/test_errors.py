from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import streamflow.errors
from streamflow.errors import (
    CheckpointError,
    CircuitOpenError,
    CycleError,
    DeadlockError,
    GraphError,
    HandshakeError,
    IpcError,
    LinkClosed,
    LinkError,
    LinkFull,
    ManifestError,
    MediaError,
    NodeError,
    NodeTimeoutError,
    PeerLost,
    PicklingError,
    PortMismatchError,
    RingCorrupt,
    StateError,
    StreamflowError,
    UnknownNodeError,
    WouldBlock,
)

DEADLOCK = (
    "deadlock: zip.in_0 waits for an item that cannot come, because zip.in_1 is full and blocks "
    "the branch both come from; give zip.in_1 a larger queue(max_items=...) or another merge policy"
)

# Each error, its sentence, and the builtins that a caller would reach for.
ERRORS: list[tuple[StreamflowError, str, tuple[type[Exception], ...]]] = [
    (StreamflowError("it broke"), "it broke", ()),
    (GraphError("a node has that id"), "a node has that id", (ValueError,)),
    (
        ManifestError("a.json", (("nodes[2].params.width", 'must be an integer, got "wide"'),)),
        'a.json: nodes[2].params.width: must be an integer, got "wide"',
        (ValueError,),
    ),
    (
        ManifestError("a.json", (("nodes[0].id", "is missing"), ("", "the graph has a cycle"))),
        "a.json has 2 faults:\n  nodes[0].id: is missing\n  the graph has a cycle",
        (ValueError,),
    ),
    (CheckpointError("cp/3", "its checksum is wrong"), "cp/3: its checksum is wrong", ()),
    (CycleError(("a", "b")), "the graph has a cycle: a -> b -> a", (ValueError,)),
    (
        PortMismatchError("mic.out", "scale.in", "audio/s16 48000 Hz", "video"),
        "cannot connect mic.out to scale.in: it offers audio/s16 48000 Hz, but video is needed",
        (ValueError, TypeError),
    ),
    (
        UnknownNodeError("scael", ("Scale",)),
        "unknown node 'scael'; did you mean Scale?",
        (LookupError,),
    ),
    (
        UnknownNodeError("s", ("Scale", "Sound")),
        "unknown node 's'; did you mean Scale or Sound?",
        (LookupError,),
    ),
    (UnknownNodeError("x"), "unknown node 'x'", (LookupError,)),
    (
        NodeError("detect", "process", "ValueError", "no such label", "Traceback …", "int 3"),
        "node 'detect' failed in process on int 3: ValueError: no such label",
        (),
    ),
    (
        NodeError("detect", "cleanup", "OSError", "gone"),
        "node 'detect' failed in cleanup: OSError: gone",
        (),
    ),
    (
        NodeTimeoutError("detect", "process", "TimeoutError", "it took 3 s"),
        "node 'detect' failed in process: TimeoutError: it took 3 s",
        (TimeoutError, NodeError),
    ),
    (
        CircuitOpenError(5, 12.34),
        "no call is made: 5 in a row have failed, the next trial is in 12.3 s",
        (RuntimeError,),
    ),
    (MediaError("in.mp4", "it is empty"), "in.mp4: it is empty", (OSError,)),
    (LinkError("a link"), "a link", ()),
    (LinkClosed("closed"), "closed", (LinkError,)),
    (LinkFull("full"), "full", (LinkError,)),
    (
        PeerLost("process 'gpu' (detect)", "killed by SIGKILL"),
        "process 'gpu' (detect) is lost: killed by SIGKILL",
        (LinkError,),
    ),
    (WouldBlock("no credit"), "no credit", (LinkError, BlockingIOError)),
    (IpcError("no memory"), "no memory", ()),
    (HandshakeError("not yours"), "not yours", (IpcError, ConnectionError)),
    (RingCorrupt("a lie"), "a lie", (IpcError,)),
    (
        PicklingError("Detect.lock", "a lock"),
        "Detect.lock cannot travel to another process: a lock",
        (TypeError,),
    ),
    (StateError("no"), "no", (RuntimeError,)),
    (DeadlockError(("zip.in_0",), ("zip.in_1",)), DEADLOCK, (RuntimeError,)),
]

IDS = [f"{type(error).__name__}-{number}" for number, (error, _, _) in enumerate(ERRORS)]


@pytest.mark.parametrize(("error", "sentence", "bases"), ERRORS, ids=IDS)
def test_an_error_is_one_sentence_and_what_a_caller_would_catch(
    error: StreamflowError, sentence: str, bases: tuple[type[Exception], ...]
) -> None:
    assert str(error) == sentence
    assert isinstance(error, (StreamflowError, *bases))
    assert all(isinstance(error, base) for base in bases)


def pickled(error: StreamflowError) -> StreamflowError:
    """The error on the other side of a pipe."""
    arrived: StreamflowError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    return arrived


@pytest.mark.parametrize("error", [error for error, _, _ in ERRORS], ids=IDS)
@pytest.mark.parametrize("travel", [pickled, copy.copy])
def test_an_error_survives_a_journey(
    error: StreamflowError, travel: Callable[[StreamflowError], StreamflowError]
) -> None:
    arrived = travel(error)

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert arrived.args == error.args


def test_every_error_is_tried_here() -> None:
    classes = {
        cls
        for cls in vars(streamflow.errors).values()
        if isinstance(cls, type) and issubclass(cls, StreamflowError)
    }

    assert classes == {type(error) for error, _, _ in ERRORS}


def test_an_error_knows_its_parts() -> None:
    error = NodeError("detect", "process", "ValueError", "no", "Traceback …", "int 3")

    assert (error.node, error.phase, error.error_type, error.message) == (
        "detect",
        "process",
        "ValueError",
        "no",
    )
    assert (error.stack_trace, error.input_summary, error.item) == ("Traceback …", "int 3", None)
