"""The records of many files, one after another."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tfrecord_lite.dataset.shards.expand import expand_shards
from tfrecord_lite.records.iterating import flatten
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, RecordReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tfrecord_lite._types import CompressionOrAuto, Path, PathOrFile
    from tfrecord_lite.errors import Damage

__all__ = ["read_records"]


def read_records(
    paths: PathOrFile | Iterable[Path],
    *,
    compression: CompressionOrAuto = "auto",
    verify: bool = True,
    on_damage: Literal["raise"] | Callable[[Damage], Any] = "raise",
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> Iterator[bytes]:
    """Iterate over the records of one or many files; the options are those of `RecordReader`.

    ``paths`` is what `expand_shards` takes, or a binary file object. What matches no file raises
    ``FileNotFoundError`` here and now, a set that is not whole `TFRecordError`.

    >>> import io
    >>> list(read_records(io.BytesIO()))
    []
    """
    files: list[Any] = [paths] if hasattr(paths, "read") else [*expand_shards(paths)]

    open_file = partial(
        RecordReader,
        compression=compression,
        verify=verify,
        on_damage=on_damage,
        max_record_bytes=max_record_bytes,
    )
    source = _Files(files, open_file)
    records = flatten(source.take_pending)
    records.close = source.close
    return records


class _Files:
    """The records of files, one file after another."""

    def __init__(self, files: list[Any], open_file: Callable[[Any], RecordReader]) -> None:
        self._files = files
        self._open_file = open_file
        self._number = 0
        self._reader: RecordReader | None = None
        self._pending: Iterator[bytes] | None = None

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, as `RecordReader.take_pending`."""
        while self._number < len(self._files):
            if self._reader is None:
                self._reader = self._open_file(self._files[self._number])
            reader = self._reader
            pending = reader.take_pending()
            if pending is not None:
                self._pending = pending
                return pending
            self._reader, self._number = None, self._number + 1
            reader.close()
        return None

    def close(self) -> None:
        """Close the file that is open; there are no more records."""
        self._number = len(self._files)
        if self._reader is not None:
            self._reader.close()
        # Nothing is left in the iterator that was taken.
        deque(self._pending or (), maxlen=0)

    def __del__(self) -> None:
        # Whoever leaves a loop early closes nothing.
        if self._reader is not None:
            self._reader.close()
