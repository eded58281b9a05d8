"""Ranges of files, each from one record to another, and reading one block by block."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from tfrecord_lite.errors import CorruptRecordError, Damage, TruncatedRecordError
from tfrecord_lite.records.file_system import open_file, size_of
from tfrecord_lite.records.framing import HEADER_SIZE, RecordBlock
from tfrecord_lite.records.positions import FilePart
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.stores.object_file import ObjectFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import NameOrFile

__all__ = ["FileRange", "RangeReader"]


@dataclass(frozen=True)
class FileRange:
    """The bytes of a file from ``begin`` to before ``end``, as it lies; None is its end.

    An open file begins at ``origin``, where it seeks.

    ``codec`` is that of the bytes, where they are a part. ``raw_begin`` is where they begin in the
    uncompressed file, ``record`` the number of the first record, None where that is not known.
    ``cut_by_index`` says that an index has told of ``end``. ``size`` is that of a plain file that
    was cut, where the range is the last of it.
    """

    file: NameOrFile
    begin: int = 0
    end: int | None = None
    codec: str | None = None
    raw_begin: int = 0
    record: int | None = 0
    origin: int | None = None
    cut_by_index: bool = False
    size: int | None = None


class RangeReader:
    """Reads one range, block by block."""

    def __init__(self, file_range: FileRange, options: dict[str, Any]) -> None:
        self._range = file_range
        self._path = name_of(file_range.file)
        self._on_damage = options["on_damage"]
        self._damaged = False
        # Whether it was told that the file ends too soon.
        self._end_told = False
        self._next_record = file_range.record or 0
        if self._on_damage != "raise":
            options = {**options, "on_damage": self._report}
        # The file of which a part is read by itself.
        self._whole: BinaryIO | None = None
        if file_range.codec is not None:
            self._whole = open_file(self._path)
            options = {**options, "compression": file_range.codec}
            self._reader = RecordReader(_up_to_end(self._whole, file_range), **options)
            begin, record = file_range.raw_begin, file_range.record or 0
            self._reader.go_to_member(file_range.begin, begin, record)
        else:
            if file_range.origin is not None:
                cast("BinaryIO", file_range.file).seek(file_range.origin)
            self._reader = RecordReader(file_range.file, **options)
            self._reader.read_ahead_until(file_range.end)
            if file_range.begin:
                self._reader.go_to(file_range.begin, file_range.record or 0)
        pending: Iterator[bytes] = iter(())
        # Where the next block begins, and what is to be returned before it.
        self._taken = self._reader.place, pending

    def take_pending(self) -> Iterator[bytes] | None:
        """Return an iterator over the next records, as `RecordReader.take_pending`."""
        place, pending = self._taken
        if not operator.length_hint(pending):
            if place != self._reader.place:
                # An exception came between reading a block and noting it.
                self._reader.go_to(*place)
            block = self.next_block()
            if block is None:
                return None
            pending = iter(block.to_list())
            self._taken = self._reader.place, pending
        return pending

    def next_block(self) -> RecordBlock | None:
        """Return the next block; None at the end."""
        block = self._next_up_to_end()
        if block is not None:
            self._next_record = block.first_record + len(block)
        elif not self._end_told:
            self._look_at_end()
        return block

    def _look_at_end(self) -> None:
        """Raise, or report, what no record tells: a file may be cut where one ends."""
        offset = self._reader.offset
        if self._whole is None:
            end = self._range.size
            if end is None or offset >= end:
                return
            # Where it begins after that, it stands there, and not at the end of the file.
            size = min(offset, size_of(self._path))
        else:
            end, size = self._range.end or 0, _size_of(self._whole)
            if size >= end:
                return
        reason = (
            f"the file ends at byte {size}, and this split of it at {end}: it was cut or replaced "
            "since; make its splits again"
        )
        if self._on_damage == "raise":
            raise TruncatedRecordError(
                reason, path=self._path, record=self._next_record, offset=offset
            )
        self._end_told = True
        self._on_damage(Damage(self._path, offset, offset, self._next_record, "truncated", reason))

    def _next_up_to_end(self) -> RecordBlock | None:
        end = self._range.end
        if self._whole is not None or end is None:
            return self._reader.next_block()
        block = self._reader.next_block() if self._reader.offset < end else None
        if block is not None:
            inside = int(np.searchsorted(block.starts + (block.base - HEADER_SIZE), end))
            if inside == len(block):
                return block
            self._reader.go_to(block.offset(inside), block.number(inside))
            if inside:
                return block[:inside]
        # Where an index says that a record begins, that may have been damaged since.
        if self._reader.offset != end and not (self._damaged and self._range.cut_by_index):
            raise CorruptRecordError(
                "no record begins where the file was cut for the next split: it was written to "
                "since, or a record holds whole TFRecords, and one of these was found; save its "
                "index (RecordIndex.build(path).save(), or `tfrecord-lite index`), by which it is "
                "cut right",
                path=self._path,
                offset=end,
            )
        return None

    def _report(self, damage: Damage) -> None:
        self._damaged = True
        self._end_told |= damage.kind == "truncated"
        end = self._range.end
        if self._whole is None and end is not None:
            # What is after that is reported by who reads the next range.
            if damage.begin >= end:
                return
            damage = damage._replace(end=min(damage.end, end))
        self._on_damage(damage)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        if self._whole is not None:
            self._whole.close()


def _size_of(file: BinaryIO) -> int:
    return file.size if isinstance(file, ObjectFile) else os.fstat(file.fileno()).st_size


def _up_to_end(file: Any, file_range: FileRange) -> BinaryIO:
    """Return the file as one that ends where the range does."""
    if isinstance(file, ObjectFile):
        file.read_ahead_until(file_range.end)

    def read_into(view: memoryview, offset: int) -> int:
        file.seek(offset)
        return int(file.readinto(view))

    path, end = name_of(file_range.file), file_range.end or 0
    return cast("BinaryIO", FilePart(path, read_into, 0, end))
