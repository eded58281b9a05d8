"""Frames by the numbers of their records: what a plain file and blocked gzip have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfrecord_lite.errors import RecordTooLargeError
from tfrecord_lite.records.framing import FRAME_OVERHEAD

if TYPE_CHECKING:
    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array

__all__ = ["Frames", "edges_of", "refuse_large"]


class Frames(NamedTuple):
    """Frames in one buffer, one after another, with slack after the last."""

    buffer: Uint8Array
    sizes: Int64Array
    offsets: Int64Array
    """Where each begins in the (uncompressed) file."""


def refuse_large(path: str, numbers: Any, offsets: Any, sizes: Any, most: int) -> None:
    """Raise `RecordTooLargeError` for the first of these frames with more data than ``most``.

    Numbers, offsets and sizes are ints, or columns of them.
    """
    large = np.atleast_1d(sizes) > most + FRAME_OVERHEAD
    if large.any():
        first = np.argmax(large)
        length = int(np.atleast_1d(sizes)[first]) - FRAME_OVERHEAD
        raise RecordTooLargeError(
            f"the record has {length} bytes, more than max_record_bytes={most}; raise the limit "
            "to read it",
            path=path,
            record=int(np.atleast_1d(numbers)[first]),
            offset=int(np.atleast_1d(offsets)[first]),
            expected=most,
            actual=length,
        )


def edges_of(apart: BoolArray, count: int) -> Int64Array:
    """Return where runs of ``count`` items begin, and the end; ``apart`` parts neighbours.

    >>> edges_of(np.array([False, True, False]), 4).tolist()
    [0, 2, 4]
    """
    edges = np.flatnonzero(apart) + 1
    return np.concatenate([[0], edges, [count]]) if count else np.zeros(1, np.int64)
