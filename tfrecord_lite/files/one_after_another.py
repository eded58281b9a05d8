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
        # Replaced as a whole: an exception may come between any two steps.
        self._current: tuple[int, Reader | None] = (0, None)
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
            while self._current[0] < self._count:
                number, reader = self._current
                if reader is None:
                    reader = self._open_reader(number)
                    self._current = number, reader
                found = take(reader)
                if found is not None:
                    return found
                self._current = number + 1, None
                reader.close()
            return None

    def close(self) -> None:
        """Close the reader that is open; there are no more records."""
        reader = self._current[1]
        self._current = self._count, None
        if reader is not None:
            reader.close()
        # Nothing is left in the iterator that was taken.
        deque(self._pending or (), maxlen=0)

    def __del__(self) -> None:
        # Whoever leaves a loop early closes nothing.
        if self._current[1] is not None:
            self._current[1].close()
