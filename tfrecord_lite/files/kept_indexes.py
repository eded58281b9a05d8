"""The indexes of a set: those loaded from sidecars are kept within a bound of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrecord_lite.files.open_files import pop_oldest
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite.files.index import RecordIndex

__all__ = ["KeptIndexes", "max_bytes_of_each"]


class KeptIndexes:
    """Indexes by the numbers of their files; of those loaded the oldest make space for others.

    Threads may share it. The last one is kept, however large it is; and those that were built,
    which is costly, stay, in other processes too.
    """

    def __init__(self) -> None:
        self._built: dict[int, RecordIndex] = {}
        self._indexes: dict[int, RecordIndex] = {}
        self._nbytes = 0

    def get(self, number: int) -> RecordIndex | None:
        """Return the index of a file, if it is kept."""
        index = self._built.get(number)
        return self._indexes.get(number) if index is None else index

    def add(self, number: int, index: RecordIndex, *, built: bool) -> None:
        """Keep the index of a file."""
        if built:
            self._built[number] = index
            return
        # Two threads may have loaded it at once.
        before = self._indexes.pop(number, None)
        self._indexes[number] = index
        self._nbytes += index.max_nbytes - (0 if before is None else before.max_nbytes)
        while len(self._indexes) > 1 and self._nbytes > limits.index_bytes:
            if (oldest := pop_oldest(self._indexes)) is not None:
                self._nbytes -= oldest.max_nbytes

    def __getstate__(self) -> dict[str, Any]:
        # The others can be loaded again.
        return {"_built": self._built, "_indexes": {}, "_nbytes": 0}


def max_bytes_of_each(files: int, records: int | None) -> int:
    """Return how much memory the index of one of so many files may take.

    Where not all fit, each has its share: one that is kept whole is of no use if it has to make
    space before it is needed again.
    """
    if records is not None and 8 * (records + files) <= limits.index_bytes:
        return limits.index_bytes
    return limits.index_bytes // files
