"""Layout: where each shared word of a ring stands.

Every word is an aligned, native-endian u64 with one writer; only the two wait
flags have two. The data segment is written by the producer alone. Each consumer
has a control segment of one page, which both sides map. Whatever a peer may
write is read once, checked, then used.

Data segment::

    0     magic, version, slots, stride, slot_size, ring, leases, data_offset,
          generation, total
    128   head: sequence number of the next item
    192   closed: 0, or head as it was on closing, plus 1
    4096  descriptors: ring x 64 B: seq+1, slot, length, pts, tags, 3 reserved
    ...   slots

Control segment::

    0     cursor: the consumer has taken all below it; LEFT once it takes no more
    64    consumer's wait flag
    72    policy, depth: written by the producer before the handover
    128   producer's wait flag: it waits for room with this consumer
    192   lost: items that the consumer's lossy policy has dropped
    256   lease cells: 0, or seq+1 of a slot that the consumer holds
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from streamflow.errors import HandshakeError

WORD = 8
MAGIC = 0x31574C464D525453  # "STRMFLW1"
VERSION = 1
PAGE = 4096

# Data segment, byte offsets.
HEADER_WORDS = 10
HEAD = 128
CLOSED = 192
DESCRIPTORS = 4096
DESCRIPTOR = 64

# Control segment, byte offsets; its size is one page.
CURSOR = 0
CONSUMER_WAITS = 64
POLICY = 72
DEPTH = 80
PRODUCER_WAITS = 128
LOST = 192
LEASES = 256

# The same in words, for who sees the segments as arrays of them.
HEAD_WORD = HEAD // WORD
CLOSED_WORD = CLOSED // WORD
DESCRIPTOR_WORD = DESCRIPTORS // WORD
DESCRIPTOR_WORDS = DESCRIPTOR // WORD
CURSOR_WORD = CURSOR // WORD
CONSUMER_WAITS_WORD = CONSUMER_WAITS // WORD
POLICY_WORD = POLICY // WORD
DEPTH_WORD = DEPTH // WORD
PRODUCER_WAITS_WORD = PRODUCER_WAITS // WORD
LOST_WORD = LOST // WORD
LEASE_WORD = LEASES // WORD

FAR = 2**63
"""No sequence number comes this far."""

LEFT = 2**64 - 1
"""Cursor of a consumer that has closed: it takes no more, but what it has leased still counts."""

MAX_CONSUMERS = 16
MAX_LEASES = 64
MAX_SLOTS = 1 << 16
MAX_TOTAL = 1 << 46
SMALL = 4096
"""Bytes of the longest item that is copied out in a batch."""
ALONE = 1
"""Bit of an item's flags: it is taken with a lease, never in a batch."""
HOT = 65536
"""Slots with a stride of this many bytes or more are taken back as early as can be."""


class Policy(IntEnum):
    """What happens when a consumer has not taken what a producer wants to send.

    BLOCK: the producer waits. DROP_OLDEST: the oldest that waits goes.
    LATEST: the consumer sees only the newest.
    """

    BLOCK = 0
    DROP_OLDEST = 1
    LATEST = 2


class Geometry(NamedTuple):
    """The shape of a ring: what the header says, in its order after magic and version.

    Attributes:
        slots: how many payloads the ring has room for, 1 to 65536.
        stride: bytes from slot to slot.
        slot_size: bytes that a payload may have.
        ring: descriptors, a power of two, at least twice `slots`.
        leases: slots that one consumer may hold at a time, 1 to 64.
        data_offset: byte where the first slot begins.
        generation: which ring of its sender this is, from 0.
        total: bytes of the data segment.
    """

    slots: int
    stride: int
    slot_size: int
    ring: int
    leases: int
    data_offset: int
    generation: int
    total: int

    def header(self) -> tuple[int, ...]:
        """The words of the header."""
        return (MAGIC, VERSION, *self)


def plan(slots: int, slot_size: int, leases: int, generation: int) -> Geometry:
    """The shape of a ring of so many slots.

    Raises:
        ValueError: a number is out of its range.
    """
    for name, value, low, high in (
        ("slots", slots, 1, MAX_SLOTS),
        ("slot_size", slot_size, 1, MAX_TOTAL),
        ("leases", leases, 1, MAX_LEASES),
        ("generation", generation, 0, 2**63 - 1),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} must be {low} to {high}, not {value}")
    stride = align(slot_size, 64 if slot_size < 2048 else PAGE)
    ring = 1 << (2 * slots - 1).bit_length()
    offset = align(DESCRIPTORS + ring * DESCRIPTOR, PAGE)
    total = align(offset + stride * slots, PAGE)
    if total > MAX_TOTAL:
        raise ValueError(f"slots * slot_size must be {MAX_TOTAL} or less, not {slots * slot_size}")
    return Geometry(slots, stride, slot_size, ring, leases, offset, generation, total)


def check(words: Sequence[int], size: int) -> Geometry:
    """What a header says, once all of it is known to be true.

    Args:
        words: the first ten words of the data segment, copied out of it.
        size: bytes of the segment, as the kernel says.

    Raises:
        HandshakeError: this is no ring, or it does not fit its segment.
    """
    if words[0] != MAGIC or words[1] != VERSION:
        raise HandshakeError(
            f"expected a ring of version {VERSION}, not magic {words[0]:#x} version {words[1]}"
        )
    told = Geometry(*words[2:HEADER_WORDS])
    try:
        true = plan(told.slots, told.slot_size, told.leases, told.generation)
    except ValueError as error:
        raise HandshakeError(f"the header of the ring is wrong: {error}") from None
    if told != true or told.total != size:
        raise HandshakeError(f"a ring of {true} was expected, not {told} in {size} bytes")
    return true


def align(size: int, step: int) -> int:
    """`size`, rounded up to a multiple of `step`."""
    return -(-size // step) * step


def pack_tags(kind: int, flags: int, schema: int) -> int:
    """One word of a descriptor: kind u16, flags u16, schema u32, from the lowest bit up.

    Raises:
        ValueError: a number is out of its range.
    """
    if not (0 <= kind < 65536 and 0 <= flags < 65536 and 0 <= schema < 2**32):
        raise ValueError(
            "kind and flags must be 0 to 65535 and schema 0 to 4294967295, "
            f"not {kind}, {flags} and {schema}"
        )
    return kind | flags << 16 | schema << 32


def share(shape: Geometry, policy: Policy, depth: int | None, taken: int) -> tuple[int, int]:
    """What one more consumer gets of the slots.

    Args:
        shape: of the ring.
        policy: of the consumer.
        depth: items that may wait for it; None for what there is room for.
        taken: slots set aside for the others.

    Returns:
        The depth that its control segment tells, and the slots set aside for it:
        what may wait and what it may lease. Two more are for the producer's hands.

    Raises:
        ValueError: there are too few slots, or depth is out of its range.
    """
    if depth is not None and not 1 <= depth <= shape.slots:
        raise ValueError(f"depth must be 1 to {shape.slots}, not {depth}")
    left = shape.slots - 2 - taken - shape.leases
    if policy is Policy.LATEST:
        told = aside = 1
    elif depth is not None:
        told = aside = depth
    elif policy is Policy.BLOCK:
        told = aside = max(left, 1)
    else:
        told, aside = shape.slots, 1
    if aside > left:
        raise ValueError(
            f"slots must be {shape.slots + aside - left} or more for these consumers "
            f"(depth and leases of each, and 2), not {shape.slots}"
        )
    return told, aside + shape.leases


def unpack_tags(tags: int) -> tuple[int, int, int]:
    """Kind, flags and schema of such a word."""
    return tags & 0xFFFF, tags >> 16 & 0xFFFF, tags >> 32


def pack_pts(pts: int) -> int:
    """A signed timestamp as a word, in two's complement.

    Raises:
        ValueError: it does not fit into 64 bits.
    """
    if not -(2**63) <= pts < 2**63:
        raise ValueError(f"pts must be -2**63 to 2**63 - 1, not {pts}")
    return pts & 0xFFFF_FFFF_FFFF_FFFF


def is_alone(length: int, tags: int) -> bool:
    """Whether an item is never part of a batch: it is long, or says so."""
    return length > SMALL or bool(tags >> 16 & ALONE)
