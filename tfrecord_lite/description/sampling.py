"""Some rows of many, that no pattern of the rows falls in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array

__all__ = ["rows_of", "some_rows"]

# Multiples of it, without what stands before the point, are spread evenly and never in step.
_GOLDEN_RATIO: Final = (5**0.5 - 1) / 2


def some_rows(count: int, most: int) -> Int64Array:
    """Return ``most`` rows of so many, or all where there are no more, in order; int64 ``[rows]``.

    >>> some_rows(3, 16), some_rows(1000, 5)
    (array([0, 1, 2]), array([ 90, 236, 472, 618, 854]))
    """
    if count <= most:
        return np.arange(count)
    return np.sort((np.arange(1, most + 1) * _GOLDEN_RATIO % 1 * count).astype(np.int64))


def rows_of(block: RecordBlock, rows: Int64Array) -> RecordBlock:
    """Return some records of a block as a block, without copying them."""
    return RecordBlock(block.buffer, block.starts[rows], block.lengths[rows])
