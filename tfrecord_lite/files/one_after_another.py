"""What several readers give, one after another: of the files of a set, of the ranges of a split."""

from __future__ import annotations

from collections import deque
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from tfrecord_lite.records.iterating import OneThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite.files.file_ranges import RangeReader
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.records.reader import RecordReader

    Reader = RecordReader | RangeReader

__all__ = ["OneAfterAnother"]


class OneAfterAnother:
    """What so many readers give, one after the other, as two threads cannot take it at once.

    ``open_reader`` is called with the number of each when it is its turn. ``source`` is what an
    error calls what is read. An exception costs no record.
    """

    def __init__(self, count: int, open_reader: Callable[[int], Reader], source: object) -> None:
        self._count = count
        self._open_reader = open_reader
        self._number = 0
        self._reader: Reader | None = None
        self._pending: Iterator[bytes] | None = None
        self._one_thread = OneThread(f"this iterator over {source!r}")

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, as `RecordReader.take_pending`."""
        self._pending = self._next(methodcaller("take_pending"))
        return self._pending

    def next_block(self) -> RecordBlock | None:
        """Return the next block, as `RecordReader.next_block`."""
        block: RecordBlock | None = self._next(methodcaller("next_block"))
        return block

    def _next(self, take: Callable[[Reader], Any]) -> Any:
        with self._one_thread:
            while self._number < self._count:
                if self._reader is None:
                    self._reader = self._open_reader(self._number)
                found = take(self._reader)
                if found is not None:
                    return found
                self._finish()
            return None

    def _finish(self) -> None:
        reader, self._reader, self._number = self._reader, None, self._number + 1
        if reader is not None:
            reader.close()

    def close(self) -> None:
        """Close the reader that is open; there are no more records."""
        self._number = self._count
        self._finish()
        # Nothing is left in the iterator that was taken.
        deque(self._pending or (), maxlen=0)

    def __del__(self) -> None:
        # Whoever leaves a loop early closes nothing.
        if self._reader is not None:
            self._reader.close()
