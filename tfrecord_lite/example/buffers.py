"""Columns to be encoded that have no Python object for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array

__all__ = ["ByteStrings", "Present"]


class ByteStrings:
    """One byte string a row: ``data[offsets[i]:offsets[i + 1]]``, uint8 and int64 ``[rows + 1]``.

    >>> ByteStrings(np.frombuffer(b"abc", np.uint8), np.array([0, 2, 3]))[1]
    b'c'
    """

    def __init__(self, data: Uint8Array, offsets: Int64Array) -> None:
        self.data = data
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> ByteStrings: ...
    def __getitem__(self, row: int | slice) -> bytes | ByteStrings:
        if isinstance(row, slice):
            begin, end, _ = row.indices(len(self))
            return ByteStrings(self.data, self.offsets[begin : max(begin, end) + 1])
        begin, end = self.offsets[row : row + 2].tolist()
        return self.data[begin:end].tobytes()

    @property
    def content(self) -> Uint8Array:
        """All of them, one after another."""
        return self.data[self.offsets[0] : self.offsets[-1]]


class Present:
    """A column of ``count`` rows, of which only ``rows``, int64 and ascending, have the feature.

    ``values`` is a column with an element for each of these.

    >>> column = Present(np.array([7, 8]), np.array([0, 2]), 4)
    >>> [column[row] is None for row in range(4)], len(column[1:])
    ([False, True, False, True], 3)
    """

    def __init__(self, values: Any, rows: Int64Array, count: int) -> None:
        self.values = values
        self.rows = rows
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            begin, end, _ = row.indices(self.count)
            first, last = np.searchsorted(self.rows, [begin, max(begin, end)]).tolist()
            rows = self.rows[first:last] - begin
            return Present(self.values[first:last], rows, max(end - begin, 0))
        at = int(np.searchsorted(self.rows, row))
        there = at < len(self.rows) and self.rows[at] == row
        return self.values[at] if there else None
