"""Layout: places for the nodes of a plan, by their distance from the inputs.

A node's column is its topological distance, so every edge runs to the right. A
segment keeps a band of its own over the columns that it spans, and so does an
edge on its way past other columns: nothing lies on top of anything else.

The layers are those of K. Sugiyama et al., "Methods for Visual Understanding of
Hierarchical System Structures", IEEE Trans. SMC 11 (2), 1981; rows are ordered by
their barycentres.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from streamflow.graph import Edge
from streamflow.scheduler.plan import Plan

MARGIN: Final = 20.0
"""Room around the whole picture."""

PADDING: Final = 14.0
"""Room between a segment's border and its nodes."""

TITLE: Final = 22.0
"""Height of a segment's title."""

ROW_GAP: Final = 20.0
BLOCK_GAP: Final = 22.0
COLUMN_GAP: Final = 2 * PADDING + 44.0
LANE: Final = 12.0
"""Height of the band that an edge keeps where it passes a column."""

Cell: TypeAlias = str | Edge
"""What stands in a column: a node, or an edge that passes through."""


class Box(NamedTuple):
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.height

    def meets(self, other: Box) -> bool:
        """Whether the two have a point in common."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )


class Lane(NamedTuple):
    """The level stretch of an edge where it passes a column."""

    left: float
    right: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands.

    Attributes:
        width: of the picture, in pixels.
        height: likewise.
        nodes: id → place.
        segments: in the order of the plan.
        lanes: the ways of the edges that pass other columns, from left to right.
    """

    width: float
    height: float
    nodes: Mapping[str, Box]
    segments: tuple[Box, ...]
    lanes: Mapping[Edge, tuple[Lane, ...]]


@dataclass(slots=True)
class _Block:
    """Cells that keep a band of rows together: a segment, or the way of one edge."""

    cells: dict[int, list[Cell]]
    edges: list[Edge]
    title: float = 0.0
    padding: float = 0.0
    height: float = 0.0
    top: float = 0.0
    centre: dict[tuple[int, Cell], float] = field(default_factory=dict[tuple[int, Cell], float])

    @property
    def first(self) -> int:
        return min(self.cells)

    @property
    def last(self) -> int:
        return max(self.cells)


def arrange(
    plan: Plan,
    sizes: Mapping[str, tuple[float, float]],
    *,
    titles: Mapping[str, float] | None = None,
    labels: Mapping[Edge, float] | None = None,
) -> Layout:
    """Place the nodes.

    Args:
        plan: whose graph to place.
        sizes: id → width and height of a node, in pixels. All nodes of a
            column are made as wide as the widest.
        titles: id of a segment's head → width of the segment's title.
        labels: edge → width of the label before its target.
    """
    column = plan.topology.distance
    left, widths = _columns(column, sizes, titles or {}, labels or {})
    segments, ways = _blocks(plan, column)
    for block in (*segments, *ways):
        _stack(plan, block, sizes)
    _pack(plan, [*segments, *ways], column)
    blocks = [*segments, *ways]
    above = MARGIN - min(block.top for block in blocks)
    for block in blocks:
        block.top += above
    last = max(left)
    return Layout(
        width=left[last] + widths[last] + PADDING + MARGIN,
        height=max(block.top + block.height for block in blocks) + MARGIN,
        nodes={
            cell: Box(left[at], block.top + centre - sizes[cell][1] / 2, widths[at], sizes[cell][1])
            for block in segments
            for (at, cell), centre in block.centre.items()
            if isinstance(cell, str)
        },
        segments=tuple(_outline(block, left, widths) for block in segments),
        lanes=_lanes(blocks, left, widths),
    )


def _columns(
    column: Mapping[str, int],
    sizes: Mapping[str, tuple[float, float]],
    titles: Mapping[str, float],
    labels: Mapping[Edge, float],
) -> tuple[dict[int, float], dict[int, float]]:
    """Left side and width of each column."""
    numbers = range(max(column.values()) + 1)
    widths = dict.fromkeys(numbers, 0.0)
    gaps = dict.fromkeys(numbers, COLUMN_GAP)
    for id, number in column.items():
        widths[number] = max(widths[number], sizes[id][0], titles.get(id, 0.0) - PADDING)
    for edge, width in labels.items():
        number = column[edge.target]
        gaps[number] = max(gaps[number], width + 2 * PADDING + 24)
    left: dict[int, float] = {}
    x = MARGIN + PADDING
    for number in numbers:
        x += gaps[number] if number else 0.0
        left[number] = x
        x += widths[number]
    return left, widths


def _blocks(plan: Plan, column: Mapping[str, int]) -> tuple[list[_Block], list[_Block]]:
    """A block for each segment, and one for each edge that passes columns between two."""
    segments: dict[int, _Block] = {}
    for segment in plan.segments:
        cells: dict[int, list[Cell]] = {}
        for id in segment.nodes:
            cells.setdefault(column[id], []).append(id)
        segments[id_of(segment)] = _Block(cells, [], TITLE, PADDING)
    ways: list[_Block] = []
    for edge in plan.graph.edges:
        passed = range(column[edge.source] + 1, column[edge.target])
        home = plan.home[edge.source]
        if home is plan.home[edge.target]:
            block = segments[id_of(home)]
            block.edges.append(edge)
            for number in passed:
                block.cells.setdefault(number, []).append(edge)
        elif passed:
            ways.append(_Block({number: [edge] for number in passed}, [edge]))
    return list(segments.values()), ways


id_of = id
"""``id`` is a node's name here."""


def _stack(plan: Plan, block: _Block, sizes: Mapping[str, tuple[float, float]]) -> None:
    """Order the cells of each column by what feeds them, and centre them in the block."""

    def height(cell: Cell) -> float:
        return sizes[cell][1] if isinstance(cell, str) else LANE

    tall = {
        number: sum(map(height, cells)) + ROW_GAP * (len(cells) - 1)
        for number, cells in block.cells.items()
    }
    inside = max(tall.values())
    block.height = inside + block.title + (2 if block.title else 0) * block.padding
    for number in sorted(block.cells):
        cells = block.cells[number]
        wanted = {cell: _rank(plan, block, number, cell) for cell in cells}
        cells.sort(key=wanted.__getitem__)
        y = block.title + block.padding + (inside - tall[number]) / 2
        for cell in cells:
            block.centre[number, cell] = y + height(cell) / 2
            y += height(cell) + ROW_GAP


def _rank(plan: Plan, block: _Block, number: int, cell: Cell) -> tuple[float, int]:
    """The barycentre of what feeds a cell, and the first port that does."""
    feeding = [cell] if isinstance(cell, Edge) else [e for e in block.edges if e.target == cell]
    ends = [_end_of(edge, number - 1, plan.topology.distance) for edge in feeding]
    places = [block.centre[end] for end in ends if end in block.centre]
    middle = sum(places) / len(places) if places else 0.0
    return round(middle, 3), min((_port_number(plan, edge) for edge in feeding), default=0)


def _cell_at(edge: Edge, number: int, column: Mapping[str, int]) -> Cell:
    """What stands for an edge in a column: the edge, or the node it comes from."""
    return edge.source if column[edge.source] == number else edge


def _pack(plan: Plan, blocks: list[_Block], column: Mapping[str, int]) -> None:
    """Give each block a band that no other keeps in its columns, near to what feeds it."""
    placed: list[_Block] = []
    rank = {id: number for number, id in enumerate(plan.topology.order)}

    def order(block: _Block) -> tuple[float, int, int]:
        head = block.cells[block.first][0]
        ports = [_port_number(plan, edge) for edge in _feeding(plan, block)]
        level = round(block.top + block.centre[block.first, head], 3)
        return level, min(ports, default=0), rank[head if isinstance(head, str) else head.source]

    for first in sorted({block.first for block in blocks}):
        group = [block for block in blocks if block.first == first]
        for block in group:
            block.top = _ideal_top(plan, block, placed, column)
        group.sort(key=order)
        _spread(group)
        for block in group:
            block.top = _nearest_free(block, placed)
            placed.append(block)


def _ideal_top(plan: Plan, block: _Block, placed: list[_Block], column: Mapping[str, int]) -> float:
    """Where the block's first cell is level with the middle of what feeds it."""
    feeding = [_end_of(edge, block.first - 1, column) for edge in _feeding(plan, block)]
    places = [
        other.top + other.centre[end] for end in feeding for other in placed if end in other.centre
    ]
    inside = block.centre[block.first, block.cells[block.first][0]]
    return sum(places) / len(places) - inside if places else 0.0


def _spread(group: list[_Block]) -> None:
    """Move blocks apart, each as little as can be: least squares by pooling neighbours."""
    pools: list[list[_Block]] = []
    for block in group:
        pools.append([block])
        while len(pools) > 1 and pools[-1][0].top < _end(pools[-2]):
            lower = pools.pop()
            pools[-1] += lower
            _gather(pools[-1])


def _end(pool: list[_Block]) -> float:
    return pool[-1].top + pool[-1].height + BLOCK_GAP


def _gather(pool: list[_Block]) -> None:
    """Put the blocks below each other, where they are nearest to their places on the whole."""
    below = 0.0
    offsets: list[float] = []
    for block in pool:
        offsets.append(below)
        below += block.height + BLOCK_GAP
    shifts = [block.top - offset for block, offset in zip(pool, offsets, strict=True)]
    for block, offset in zip(pool, offsets, strict=True):
        block.top = sum(shifts) / len(shifts) + offset


def _port_number(plan: Plan, edge: Edge) -> int:
    return list(plan.graph.nodes[edge.source].outputs).index(edge.source_port)


def _feeding(plan: Plan, block: _Block) -> Iterable[Edge]:
    head = block.cells[block.first][0]
    return plan.graph.into(head) if isinstance(head, str) else (head,)


def _end_of(edge: Edge, number: int, column: Mapping[str, int]) -> tuple[int, Cell]:
    return number, _cell_at(edge, number, column)


def _nearest_free(block: _Block, placed: list[_Block]) -> float:
    rivals = [other for other in placed if other.first <= block.last and block.first <= other.last]

    def free(top: float) -> bool:
        return all(
            top + block.height + BLOCK_GAP <= other.top + 1e-6
            or other.top + other.height + BLOCK_GAP <= top + 1e-6
            for other in rivals
        )

    below = [other.top + other.height + BLOCK_GAP for other in rivals]
    above = [other.top - block.height - BLOCK_GAP for other in rivals]
    tops = filter(free, (block.top, *below, *above))
    return min(tops, key=lambda top: abs(top - block.top))


def _outline(block: _Block, left: Mapping[int, float], widths: Mapping[int, float]) -> Box:
    x = left[block.first] - PADDING
    width = left[block.last] + widths[block.last] + PADDING - x
    return Box(x, block.top, width, block.height)


def _lanes(
    blocks: list[_Block], left: Mapping[int, float], widths: Mapping[int, float]
) -> dict[Edge, tuple[Lane, ...]]:
    lanes: dict[Edge, list[Lane]] = {}
    for block in blocks:
        for (at, cell), centre in sorted(block.centre.items(), key=lambda item: item[0][0]):
            if isinstance(cell, Edge):
                lane = Lane(left[at], left[at] + widths[at], block.top + centre)
                lanes.setdefault(cell, []).append(lane)
    return {edge: tuple(found) for edge, found in lanes.items()}
