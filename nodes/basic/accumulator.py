"""Items in lists of a fixed length."""

from __future__ import annotations

from streamflow.nodes.batches import Batcher
from streamflow.nodes.checks import check_count


class Accumulator(Batcher):
    """Gathers items into lists of ``count``; what is left at the end is a shorter list.

    Args:
        count: items per list.

    Raises:
        ValueError: the count is less than 1.

    >>> import streamflow as sf
    >>> sf.Pipeline(Accumulator(2)).run([1, 2, 3]).results
    [[1, 2], [3]]
    """

    def __init__(self, count: int) -> None:
        check_count("count", count)
        super().__init__(count)
