"""RecordFile: the records of a file by their numbers, in any order, each checked."""

from __future__ import annotations

import operator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrecord_lite.files.by_number import ByNumber, as_numbers, no_record
from tfrecord_lite.files.checked_block import checked_block, in_order, join_frames
from tfrecord_lite.files.index import RecordIndex
from tfrecord_lite.files.member_frames import MemberFrames
from tfrecord_lite.files.plain_frames import PlainFrames
from tfrecord_lite.files.remains import remains_of
from tfrecord_lite.records.framing import (
    FOOTER_SIZE,
    HEADER_SIZE,
    footer_of,
    header_of,
)
from tfrecord_lite.records.iterating import OneThread, flatten
from tfrecord_lite.records.numbers import at_least
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES, check_verify
from tfrecord_lite.text import plural, printable
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import CompressionOrAuto, Int64Array, PathOrFile, Verify
    from tfrecord_lite.errors import TFRecordError
    from tfrecord_lite.files.by_number import Numbers
    from tfrecord_lite.files.frames import Frames
    from tfrecord_lite.files.picked_block import PickedBlock
    from tfrecord_lite.files.remains import Remains, Stretch

    FindIndex = Callable[[PositionedFile], RecordIndex]

__all__ = ["RecordFile"]


class RecordFile(ByNumber):
    """The records of a plain or a blocked gzip file as a sequence of ``bytes``.

    ``file[i]`` is a record, counted from the end where i is negative; ``file[a:b]`` and
    ``file[[i, j, ...]]`` (a list, or an array of integers) are lists of records, in the order
    asked. ``index`` is the file's `RecordIndex`; without one the sidecar is taken if it fits, else
    the index is built. Reading many at once is cheaper than one by one: they are read in the order
    of the file, near ones together, and each gzip member is inflated once.

    The other options are those of `RecordReader`. What fails is a `CorruptRecordError` with file,
    record and offset; a record above ``max_record_bytes`` is a `RecordTooLargeError`, a damaged
    gzip member a `CompressionError`. A file that is not the one indexed is a `StaleIndexError`,
    also when it has changed under the open file; one that has become shorter is a
    `TruncatedRecordError`.

    Threads may share one (but each has iterators of its own), and so may forked processes; pickled
    it takes its index along and opens the file again. Not for pipes, zlib, or gzip in one stream:
    these have only a front. An open binary file that seeks is read too, and stays open.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_records(path, [b"zero", b"one", b"two", b"three"], compression="GZIP")
    >>> with tfr.RecordFile(path) as file:
    ...     print(len(file), file[1], file[-1], file[1:3], file[[3, 0, 3]])
    4 b'one' b'three' [b'one', b'two'] [b'three', b'zero', b'three']
    """

    def __init__(
        self,
        path: PathOrFile,
        *,
        index: RecordIndex | None = None,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        verify = check_verify(verify)
        max_record_bytes = at_least(0, max_record_bytes=max_record_bytes)

        def find_index(file: PositionedFile) -> RecordIndex:
            if index is None:
                lengths = verify if verify == "none" else False
                return RecordIndex.open(file, compression=compression, verify=lengths)
            # What was opened is what was indexed.
            index.check(file)
            return index

        self._set_up(path, find_index, verify, max_record_bytes)

    @classmethod
    def by(
        cls, path: PathOrFile, find_index: FindIndex, verify: Verify, max_record_bytes: int
    ) -> RecordFile:
        """Return the records of a file, by an index that fits it as it was opened."""
        found = cls.__new__(cls)
        found._set_up(path, find_index, verify, max_record_bytes)  # noqa: SLF001 - of this class
        return found

    def _set_up(
        self, path: PathOrFile, find_index: FindIndex, verify: Verify, max_record_bytes: int
    ) -> None:
        self._file = PositionedFile(path)
        try:
            self.index = find_index(self._file)
        except BaseException:
            self._file.close()
            raise
        self.path = self._file.path
        self._count = len(self.index)
        self._verify = verify
        self._max_record_bytes = max_record_bytes
        self._frames: PlainFrames | MemberFrames
        if self.index.members is None:
            self._frames = PlainFrames(self._file, self.index.frames, max_record_bytes)
        else:
            self._frames = MemberFrames(self._file, self.index.members, max_record_bytes, verify)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return flatten(_Rest(self._ascending, len(self), self.path).take_pending, self)

    def read_block(self, indices: Numbers) -> PickedBlock:
        """Return records in one buffer, in the order asked, int64 ``[records]`` or a list of ints.

        The block knows their numbers and offsets, for errors about what is in them.
        """
        numbers = as_numbers(indices, self._count, self.path)
        found = None
        if len(numbers) > 1 and (np.diff(numbers) == 1).all():
            found = self._frames.between(int(numbers[0]), int(numbers[-1]) + 1)
        if found is None:
            order = np.argsort(numbers, kind="stable")
            frames, begins = self.read_frames(numbers[order])
            offsets = np.empty_like(begins)
            offsets[order] = begins
            found = join_frames(in_order(frames, order), offsets)
        return self._checked(found, numbers)

    def read_frames(self, numbers: Int64Array) -> tuple[list[bytes], Int64Array]:
        """Return frames, of which no checksum of data was looked at, and where each begins.

        The numbers ascend, and are those of records that there are.
        """
        frames: list[bytes] = []
        offsets = np.empty(len(numbers), np.int64)
        for piece, begins in self._frames.pieces(numbers):
            offsets[len(frames) : len(frames) + len(piece)] = begins
            frames += piece
        return frames, offsets

    def remains_of(self, stretch: Stretch, error: TFRecordError) -> Remains:
        """Return what is left of a stretch; ``error`` is what reading it by number raised."""
        return remains_of(
            self._file,
            stretch,
            error,
            verify=self._verify,
            max_record_bytes=self._max_record_bytes,
        )

    def _checked(self, frames: Frames, numbers: Int64Array) -> PickedBlock:
        which = np.zeros(len(numbers), np.int64)
        return checked_block(frames, numbers, which, [self.path], verify=self._verify)

    def _record(self, which: int) -> bytes:
        number = which + self._count if which < 0 else which
        if not 0 <= number < self._count:
            raise no_record(self.path, which, self._count)
        header, data, footer = self._frames.frame(number)
        if self._verify == "none":
            right = int.from_bytes(header[:8], "little") == len(data)
        else:
            right = header == header_of(len(data))
        if right and (self._verify is not True or footer == footer_of(data)):
            return data
        # The same again, slowly, says what is wrong.
        return self.read_block([number])[0]

    @property
    def _label(self) -> str:
        return self.path

    def _records(self, numbers: Int64Array) -> list[bytes]:
        """Return records, read in the order of the file, a piece at a time."""
        order = np.argsort(numbers, kind="stable")
        return in_order([*chain.from_iterable(self._ascending(numbers[order]))], order)

    def _ascending(self, numbers: Int64Array) -> Iterator[list[bytes]]:
        """Iterate over records by the piece."""
        if self._frames.are_large(numbers):
            for number in numbers.tolist():
                yield [self._record(number)]
            return
        done = 0
        for frames, offsets in self._frames.pieces(numbers):
            self._checked(join_frames(frames, offsets), numbers[done : done + len(frames)])
            yield [frame[HEADER_SIZE:-FOOTER_SIZE] for frame in frames]
            done += len(frames)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._file.close()

    def __repr__(self) -> str:
        return f"<RecordFile of {printable(self.path)}: {plural(len(self), 'record')}>"

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "index": self.index,
            "verify": self._verify,
            "max_record_bytes": self._max_record_bytes,
        }
        if not self._file.owned:
            raise TypeError("a RecordFile of a file object cannot be pickled; give it a path")
        return _reopen, (self.path, options)


class _Rest:
    """The records from a number on, which is replaced as a whole: see `RecordReader`."""

    def __init__(
        self, ascending: Callable[[Int64Array], Iterator[list[bytes]]], count: int, path: str
    ) -> None:
        self._ascending = ascending
        self._count = count
        # The number of the next record to be read, and those that are yet to be taken.
        self._position: tuple[int, Iterator[bytes]] = 0, iter(())
        # What reads on, and from which number; of no use at another.
        self._reading: tuple[Iterator[list[bytes]], int] | None = None
        self._one_thread = OneThread(f"this iterator over {path}")

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, as `RecordReader.take_pending`."""
        number, pending = self._position
        if operator.length_hint(pending):
            return pending
        with self._one_thread:
            number, pending = self._position
            while number < self._count and not operator.length_hint(pending):
                reading, self._reading = self._reading, None
                if reading is None or reading[1] != number:
                    end = min(number + thresholds.planned_records, self._count)
                    reading = self._ascending(np.arange(number, end, dtype=np.int64)), number
                records = next(reading[0], None)
                if records is not None:
                    number, pending = number + len(records), iter(records)
                    self._reading = reading[0], number
                    self._position = number, pending
            return pending if operator.length_hint(pending) else None


def _reopen(path: str, options: dict[str, Any]) -> RecordFile:
    return RecordFile(path, **options)
