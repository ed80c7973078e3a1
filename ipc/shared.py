"""Shared pools: memory for frames that other processes can read where it lies.

Blocks of one size lie together in arenas, each a sealed segment without a name.
A block comes back when its last view here dies; who sends what lies in it keeps
a view until the receivers are done. Where no arena can be had, memory is
private, and what lies there is copied when it crosses.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple, TypeVar
from weakref import ref

import numpy as np
import numpy.typing as npt

from streamflow import copies
from streamflow.errors import IpcError
from streamflow.frames import AudioFrame, VideoFrame
from streamflow.frames.memory import Block
from streamflow.ipc import memory as memories
from streamflow.ipc import segment as segments
from streamflow.ipc.pool import Pool, PoolStatistics

Array = npt.NDArray[Any]
Frame = TypeVar("Frame", VideoFrame, AudioFrame)

PAGE = 4096
PRIVATE = 2048
"""Below this many bytes memory is private: what is so small is copied into a slot anyway."""
BLOCKS = 16
"""Blocks of an arena, where neither of the next two says otherwise."""
LEAST_BYTES, MOST_BYTES = 1 << 20, 64 << 20
"""Bytes of an arena; one larger block is an arena by itself."""
MOST_ARENAS = 64
"""Arenas of a pool: each takes a descriptor or two."""
REMEMBERED = 8
"""Frames whose shared copy is remembered."""
ALIGNMENT = 64
"""Planes of a shared copy begin at multiples of so many bytes."""


class SharedPool(Pool):
    """Lends arrays in shared memory; for the rest, it is a `Pool`.

    >>> pool = SharedPool()
    >>> frame = VideoFrame((pool.allocate((720, 1280)),), "gray8")
    >>> pool.share(frame) is frame
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self._arenas: list[_Arena] = []
        self._idle: dict[int, list[_Place]] = {}
        self._blocks: dict[int, type[_SharedBlock]] = {}
        # A block may die inside any allocation, even one made under the lock:
        # what it leaves waits here.
        self._returned: deque[tuple[_Place, int]] = deque()
        self._copies: dict[int, _Copy] = {}
        self._sharing = threading.RLock()
        self._closed = False

    @property
    def arenas(self) -> int:
        """How many segments the pool has."""
        with self._lock:
            self._settle()
            return len(self._arenas)

    def statistics(self) -> PoolStatistics:
        """A snapshot."""
        with self._lock:
            self._settle()
            return super().statistics()

    def share(self, frame: Frame) -> Frame:
        """The same frame in shared memory, to be sent by reference.

        It is the frame itself if all of it is there; else a copy, and counted.
        Who asks again while the frame lives gets the same copy. If there is no
        shared memory left, it is the frame itself, wherever it is.
        """
        sources = arrays_of(frame)
        if all(memories.find(source) for source in sources):
            return frame
        with self._sharing:
            made = self._remembered(sources) or self._copy(sources)
        return frame if made is None else over(frame, made)

    def close(self) -> None:
        """Let go of all arenas; what is lent stays valid, what is lent from here on is private."""
        with self._lock:
            self._closed = True
            self._copies.clear()
            self._settle()
            self._arenas.clear()
            self._idle.clear()

    def _lend(self, nbytes: int) -> Block:
        size = -(-nbytes // PAGE) * PAGE
        with self._lock:
            self._settle()
            place = None if nbytes < PRIVATE or self._closed else self._find_place(size)
            if place is None:
                return super()._lend(nbytes)
            place.arena.idle -= 1
            self._lent += nbytes
            self._peak = max(self._peak, self._lent)
            if size not in self._blocks:
                body = {"_type_": Block._type_, "_length_": size}
                self._blocks[size] = type("SharedBlock", (_SharedBlock,), body)
        block = self._blocks[size].from_buffer(place.arena.map, place.offset)
        block.home, block.place = self._returned, (place, nbytes)
        return block

    def _settle(self) -> None:
        """Take in what has come back."""
        while self._returned:
            place, nbytes = self._returned.popleft()
            self._lent -= nbytes
            arena = place.arena
            arena.idle += 1
            if self._closed:
                continue
            self._idle[arena.size].append(place)
            # One arena stays for the next burst, no more.
            if arena.unused and any(
                other.unused and other.size == arena.size and other is not arena
                for other in self._arenas
            ):
                self._drop(arena)

    def _find_place(self, size: int) -> _Place | None:
        idle = self._idle.setdefault(size, [])
        if not idle:
            arena = self._new_arena(size)
            if arena is None:
                return None
            idle.extend(reversed(arena.places()))
        return idle.pop()

    def _new_arena(self, size: int) -> _Arena | None:
        if len(self._arenas) >= MOST_ARENAS:
            unused = next((arena for arena in self._arenas if arena.unused), None)
            if unused is None:
                return None
            self._drop(unused)
        blocks = max(1, min(max(BLOCKS, LEAST_BYTES // size), MOST_BYTES // size))
        try:
            arena = _Arena(size, blocks)
        except IpcError:  # no descriptor or no memory left
            return None
        self._arenas.append(arena)
        return arena

    def _drop(self, arena: _Arena) -> None:
        self._arenas.remove(arena)
        self._idle[arena.size] = [
            place for place in self._idle[arena.size] if place.arena is not arena
        ]

    def _remembered(self, sources: tuple[Array, ...]) -> tuple[Array, ...] | None:
        known = self._copies.get(id(sources[0]))
        if known is None or len(known.sources) != len(sources):
            return None
        same = all(old() is new for old, new in zip(known.sources, sources, strict=True))
        return known.made if same else None

    def _copy(self, sources: tuple[Array, ...]) -> tuple[Array, ...] | None:
        sizes = [-(-source.nbytes // ALIGNMENT) * ALIGNMENT for source in sources]
        memory = self.allocate((sum(sizes),))
        if memories.find(memory) is None:
            return None
        made: list[Array] = []
        start = 0
        for source, size in zip(sources, sizes, strict=True):
            part = memory[start : start + source.nbytes].view(source.dtype).reshape(source.shape)
            np.copyto(part, source)
            made.append(part)
            start += size
        copies.count(sum(source.nbytes for source in sources))
        self._remember(sources, tuple(made))
        return tuple(made)

    def _remember(self, sources: tuple[Array, ...], made: tuple[Array, ...]) -> None:
        if any(source.flags.writeable for source in sources):
            return  # it may hold something else the next time
        known, key = self._copies, id(sources[0])
        first = ref(sources[0], lambda _: known.pop(key, None))
        known[key] = _Copy((first, *map(ref, sources[1:])), made)
        while len(known) > REMEMBERED:
            known.pop(next(iter(known)), None)


def arrays_of(frame: VideoFrame | AudioFrame) -> tuple[Array, ...]:
    """Where the pixels or samples are."""
    return frame.planes if isinstance(frame, VideoFrame) else (frame.samples,)


def over(frame: Any, arrays: tuple[Array, ...]) -> Any:
    """The same frame over other memory."""
    return (
        frame.with_planes(arrays) if isinstance(frame, VideoFrame) else frame.with_samples(*arrays)
    )


class _Arena:
    """One segment, cut into blocks.

    Attributes:
        size: bytes of a block.
        idle: how many blocks are not lent.
        map: the mapping, which dies with the arena and its last block.
    """

    __slots__ = ("blocks", "idle", "map", "size")

    def __init__(self, size: int, blocks: int) -> None:
        self.size = size
        self.blocks = self.idle = blocks
        segment = segments.create(size * blocks, guarded=True)
        self.map = segment.map
        memories.of(segment)

    @property
    def unused(self) -> bool:
        """Whether no block is lent."""
        return self.idle == self.blocks

    def places(self) -> list[_Place]:
        """Where the blocks are."""
        return [_Place(self, index * self.size) for index in range(self.blocks)]


class _Place(NamedTuple):
    """Where a block is."""

    arena: _Arena
    offset: int


class _Copy(NamedTuple):
    """A frame's planes, and the same in shared memory."""

    sources: tuple[ref[Array], ...]
    made: tuple[Array, ...]


class _SharedBlock(Block):
    """A block of an arena; when it dies, it tells its pool."""

    home: deque[tuple[_Place, int]]
    place: tuple[_Place, int]

    def __del__(self) -> None:
        self.home.append(self.place)
