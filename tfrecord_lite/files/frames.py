"""Frames by the numbers of their records: what a plain file and blocked gzip have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tfrecord_lite.errors import RecordTooLargeError
from tfrecord_lite.records.framing import FRAME_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import BoolArray, Int64Array, Uint8Array

__all__ = ["Frames", "FramesAt", "edges_of", "refuse_large"]


class Frames(NamedTuple):
    """Frames in one buffer, one after another, with slack after the last."""

    buffer: Uint8Array
    sizes: Int64Array
    offsets: Int64Array
    """Where each begins in the (uncompressed) file."""


class FramesAt(Protocol):
    """Gives frames as they lie in a file, before their checksums are looked at."""

    def frame(self, number: int) -> tuple[bytes, bytes, bytes]:
        """Return header, data and footer of one frame; less where the file has become shorter."""

    def are_large(self, numbers: Int64Array) -> bool:
        """Tell whether each of these records is cheaper to get by itself."""

    def between(self, first: int, end: int) -> Frames | None:
        """Return all frames from one to before another, where that is cheaper than `pieces`."""

    def pieces(self, numbers: Int64Array) -> Iterator[tuple[list[bytes], Int64Array]]:
        """Iterate over frames, and where each begins in the (uncompressed) file.

        The numbers ascend; each may come several times. A piece has some
        `picked_piece_bytes`.
        """


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
