"""Records by number of a file in which something is damaged: what is there, and what is left out.

Whichever way an epoch is read, it comes here where it meets damage in a file that has an index. So
which records there are does not depend on what else is read, by whom, or from where on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.dataset.memory import block_bytes
from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    Damage,
    RecordTooLargeError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.files.frames import edges_of
from tfrecord_lite.files.open_files import kept_or_made
from tfrecord_lite.files.remains import Kept, Remains, Stretch
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, RecordBlock

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.files.record_set import RecordSet

__all__ = ["DamagedFile", "Found"]

_DAMAGE = (CorruptRecordError, TruncatedRecordError, RecordTooLargeError, CompressionError)
# Of so many stretches it is kept what is left of them: all of one is asked for, a part at a time.
_MAX_REMAINS = 4


class Found(NamedTuple):
    """What was found of records that were asked for: by row, as all that is here.

    A record that is not there is ``None`` among ``kept``. The ``damages`` are told with a row each.
    ``faults`` are no damage: what is wrong is another thing, and the record may be intact. After
    the first of them nothing is looked for.
    """

    kept: list[Kept | None]
    damages: dict[int, list[Damage]]
    faults: dict[int, Exception]


class DamagedFile:
    """A file of a set, to be read by number: with damage left out, where the set is tolerant."""

    def __init__(self, records: RecordSet, number: int) -> None:
        self._records = records.open_file(number)
        self._index = self._records.index
        # What may be left out; a file that is not the one indexed may not.
        self._left_out = _DAMAGE if records.tolerant else ()
        self._remains: dict[Stretch, Remains] = {}

    def __len__(self) -> int:
        return len(self._index)

    def chunks(self, first: int, end: int, *, seen: int = 0) -> Generator[Chunk, None, None]:
        """Yield the records from one to before another; numbers and steps are those in the file.

        Those of a chunk follow each other, and it knows their place. Of the first ``seen`` records
        of the file the damage is told alone. What is wrong, and no damage, raises.
        """
        mean = max(self._index.raw_bytes // max(len(self), 1), 1)
        rows = max(block_bytes(mean, 1) // mean, 1)
        for begin in range(first, end, rows):
            numbers = np.arange(begin, min(begin + rows, end))
            found = self.find(numbers)
            fault = min(found.faults, default=len(numbers))
            damages = [
                damage
                for row in sorted(found.damages)
                if row < fault
                for damage in found.damages[row]
            ]
            there = [row for row in range(max(seen - begin, 0), fault) if found.kept[row]]
            edges = edges_of(np.diff(there) != 1, len(there)).tolist()
            if not there:
                yield self._chunk(numbers[:0], [], damages)
            for low, high in pairwise(edges):
                run = there[low:high]
                kept = [kept for kept in found.kept[run[0] : run[-1] + 1] if kept]
                yield self._chunk(numbers[run], kept, damages if low == 0 else [])
            if fault < len(numbers):
                raise found.faults[fault]

    def _chunk(self, numbers: Int64Array, kept: list[Kept], damages: list[Damage]) -> Chunk:
        block = RecordBlock.from_records([found.record for found in kept])
        if kept:
            block.path, block.first_record = self._records.path, int(numbers[0])
            block.base = kept[0].offset - (int(block.starts[0]) - HEADER_SIZE)
        return Chunk(block, numbers, numbers, damages)

    def find(self, numbers: Int64Array) -> Found:
        """Look for records by their numbers in the file."""
        found = Found([None] * len(numbers), {}, {})
        for rows in self._parts(numbers):
            self._find(numbers, rows, found)
        return found

    def _parts(self, numbers: Int64Array) -> Iterator[Int64Array]:
        """Yield rows in the order of the file; those of each gzip member by themselves."""
        order = np.argsort(numbers, kind="stable")
        if self._index.members is None:
            yield order
            return
        which = self._index.members.with_record(numbers[order])
        for begin, end in pairwise(edges_of(np.diff(which) != 0, len(order)).tolist()):
            yield order[begin:end]

    def _find(self, numbers: Int64Array, rows: Int64Array, found: Found) -> None:
        """Look for the records of rows, in one read where it goes; of none after a fault."""
        rows = rows[rows < min(found.faults, default=len(numbers))]
        if not len(rows):
            return
        try:
            block = self._records.read_block(numbers[rows])
        except (OSError, TFRecordError) as error:
            member = self._member(int(numbers[rows[0]]), error)
            if member is not None and isinstance(error, TFRecordError):
                self._take(numbers, rows, member, error, found)
            elif len(rows) > 1:
                half = len(rows) // 2
                # Where nothing can be read, that is known after the first row.
                for part in sorted((rows[:half], rows[half:]), key=np.min):
                    self._find(numbers, part, found)
            elif isinstance(error, self._left_out):
                frame = self._frame(int(numbers[rows[0]]), error)
                if isinstance(frame, Stretch):
                    self._take(numbers, rows, frame, error, found)
                else:
                    found.damages[int(rows[0])] = [frame]
            else:
                found.faults[int(rows[0])] = error
        else:
            offsets = block.offsets.tolist()
            for row, record, offset in zip(rows.tolist(), block.to_list(), offsets, strict=True):
                found.kept[row] = Kept(record, offset)

    def _member(self, number: int, error: OSError | TFRecordError) -> Stretch | None:
        """Return the gzip member with a record, where none of them can be told by its number."""
        members = self._index.members
        if members is None or not isinstance(error, self._left_out):
            return None
        if error.kind in ("data", "too_large"):
            return None
        spans = members.of(int(members.with_record(number)))
        (begin, end), (raw_begin, raw_end), (first, last) = spans
        return Stretch(begin, end, raw_begin, raw_end, first, last, compressed=True)

    def _take(
        self,
        numbers: Int64Array,
        rows: Int64Array,
        stretch: Stretch,
        error: TFRecordError,
        found: Found,
    ) -> None:
        """Take what is left of a stretch that has the records of these rows."""
        remains = self._remains_of(stretch, error)
        for row in rows.tolist():
            number = int(numbers[row])
            found.kept[row] = remains.kept.get(number)
            if number in remains.damages:
                found.damages[row] = remains.damages[number]

    def _frame(self, number: int, error: TFRecordError) -> Stretch | Damage:
        """Return the frame of a damaged record: as a stretch where something may be left in it."""
        begin, record = error.offset, error.record
        assert begin is not None
        assert record is not None
        if error.kind == "truncated":
            end = self._index.raw_bytes
        elif error.kind == "too_large":
            end = begin + (error.actual or 0) + FRAME_OVERHEAD
        else:
            end = begin + sum(map(len, self._records.read_frames(np.array([number]))[0]))
            if error.kind == "data" and self._index.members is None:
                # Bytes may be lost in it, and what was after them has moved up.
                return Stretch(begin, end, begin, end, number, number + 1, compressed=False)
        return Damage(self._records.path, begin, end, record, error.kind, error.reason)

    def _remains_of(self, stretch: Stretch, error: TFRecordError) -> Remains:
        return kept_or_made(
            self._remains,
            stretch,
            lambda which: self._records.remains_of(which, error),
            lambda _: _MAX_REMAINS,
        )

    def close(self) -> None:
        """Close the file."""
        self._records.close()
