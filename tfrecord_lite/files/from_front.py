"""The records of the files of a set, one file after another, each read from its front."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tfrecord_lite.records.iterating import OneThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["FromFront"]


class FromFront:
    """The records of files, one file after another, as two threads cannot take them at once."""

    def __init__(self, records: RecordSet) -> None:
        self._records = records
        self._number = 0
        self._reader: RecordReader | None = None
        self._pending: Iterator[bytes] | None = None
        self._one_thread = OneThread(f"this iterator over {records!r}")

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, as `RecordReader.take_pending`."""
        with self._one_thread:
            while (reader := self._current()) is not None:
                pending = reader.take_pending()
                if pending is not None:
                    self._pending = pending
                    return pending
                self._finish(reader)
            return None

    def next_block(self) -> RecordBlock | None:
        """Return the next block, as `RecordReader.next_block`."""
        with self._one_thread:
            while (reader := self._current()) is not None:
                block = reader.next_block()
                if block is not None:
                    return block
                self._finish(reader)
            return None

    def _current(self) -> RecordReader | None:
        if self._reader is None and self._number < len(self._records.files):
            self._reader = self._records.reader(self._number)
        return self._reader

    def _finish(self, reader: RecordReader) -> None:
        self._reader, self._number = None, self._number + 1
        reader.close()

    def close(self) -> None:
        """Close the file that is open; there are no more records."""
        self._number = len(self._records.files)
        if self._reader is not None:
            self._finish(self._reader)
        # Nothing is left in the iterator that was taken.
        deque(self._pending or (), maxlen=0)

    def __del__(self) -> None:
        # Whoever leaves a loop early closes nothing.
        if self._reader is not None:
            self._reader.close()
