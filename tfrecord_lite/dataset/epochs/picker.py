"""Reading records of many files by their numbers."""

from __future__ import annotations

import os
from collections import OrderedDict
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.access.record_file import RecordFile
from tfrecord_lite.dataset.epochs.chunk import Chunk, Run
from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    Damage,
    RecordTooLargeError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.records.checksum import first_bad_length, first_bad_record
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, SLACK_BYTES, RecordBlock
from tfrecord_lite.records.positions import PositionedFile
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.access.index import RecordIndex
    from tfrecord_lite.dataset.epochs.record_set import RecordSet

__all__ = ["Picker"]

# What may be left out; a file that is not the one indexed may not.
_DAMAGE = (CorruptRecordError, TruncatedRecordError, RecordTooLargeError, CompressionError)
# Systems let a process open 256 files at least, and most 1024; one may be opened twice here.
_OPEN_FILES = 100
# A blocked gzip file that is open keeps some members, inflated.
_OPEN_GZIP_FILES = 8


class Picker:
    """Reads any records of a `RecordSet` that has indexes. Not for use by several threads at once.

    Files stay open for the next call, but not too many of them.
    """

    def __init__(self, records: RecordSet) -> None:
        self._records = records
        self._open: OrderedDict[int, _IndexedFile] = OrderedDict()

    def pick(self, run: Run) -> Chunk:
        """Read the records of a run, up to the first that cannot be read."""
        try:
            return Chunk(self._block(run.numbers), *run, [])
        except (OSError, TFRecordError):
            return self._pick_what_can_be(*run)

    def _block(self, numbers: Int64Array) -> RecordBlock:
        """Return records in the order of ``numbers``, in one buffer."""
        bases = self._records.bases
        which = np.searchsorted(bases, numbers, "right") - 1
        order = np.argsort(which, kind="stable")
        edges = np.flatnonzero(np.diff(which[order], prepend=-1, append=len(bases))).tolist()
        if len(edges) == 2:
            file = int(which[0])
            return self._file(file).read(numbers - bases[file])
        buffers = []
        starts, lengths = np.empty_like(numbers), np.empty_like(numbers)
        size = 0
        for begin, end in pairwise(edges):
            rows = order[begin:end]
            file = int(which[rows[0]])
            block = self._file(file).read(numbers[rows] - bases[file])
            starts[rows], lengths[rows] = block.starts + size, block.lengths
            size += len(block.buffer)
            buffers.append(block.buffer)
        return RecordBlock(np.concatenate(buffers), starts, lengths)

    def _pick_what_can_be(self, numbers: Int64Array, steps: Int64Array) -> Chunk:
        """Read what can be read, and name what is in the way."""
        records: list[bytes | None] = [None] * len(numbers)
        faults: dict[int, Exception] = {}
        parts = [np.argsort(numbers, kind="stable")]
        while parts:
            rows = parts.pop()
            try:
                found = self._block(numbers[rows]).to_list()
            except (OSError, TFRecordError) as error:
                half = len(rows) // 2
                if half:
                    parts += [rows[:half], rows[half:]]
                else:
                    faults[int(rows[0])] = error
            else:
                for row, record in zip(rows.tolist(), found, strict=True):
                    records[row] = record
        damages: dict[Damage, None] = {}
        failure: Exception | None = None
        for row, fault in sorted(faults.items(), key=itemgetter(0)):
            if not self._records.tolerant or not isinstance(fault, _DAMAGE):
                failure = fault
                del records[row:]
                break
            file, _ = self._records.place(int(numbers[row]))
            damages[_damage(self._records.indexes[file], fault)] = None
        kept = [row for row, record in enumerate(records) if record is not None]
        block = RecordBlock.from_records([record for record in records if record is not None])
        return Chunk(block, numbers[kept], steps[kept], list(damages), failure)

    def _file(self, number: int) -> _IndexedFile:
        file = self._open.pop(number, None)
        if file is None:
            if len(self._open) == (_OPEN_GZIP_FILES if self._records.compressed else _OPEN_FILES):
                self._open.popitem(last=False)[1].close()
            file = _IndexedFile(self._records.indexes[number], verify=self._records.verify)
        self._open[number] = file
        return file

    def close(self) -> None:
        """Close the files that are open."""
        while self._open:
            self._open.popitem()[1].close()


class _IndexedFile:
    """One file, in which records that follow each other are read in one piece."""

    def __init__(self, index: RecordIndex, *, verify: bool) -> None:
        self._index = index
        self._verify = verify
        self._picks: RecordFile | None = None
        self._pieces: PositionedFile | None = None

    def read(self, numbers: Int64Array) -> RecordBlock:
        """Return these records, in this order; the block does not know where they are from."""
        block = None
        if self._index.members is None and len(numbers) > 1 and (np.diff(numbers) == 1).all():
            block = self._read_piece(int(numbers[0]), int(numbers[-1]) + 1)
        if block is None:
            if self._picks is None:
                path = self._index.path
                self._picks = RecordFile(path, index=self._index, verify=self._verify)
            block = self._picks.read_block(numbers)
        return RecordBlock(block.buffer, block.starts, block.lengths)

    def _read_piece(self, first: int, end: int) -> RecordBlock | None:
        """Read records that follow each other; None if anything is not as it should be."""
        if self._pieces is None:
            self._pieces = PositionedFile(self._index.path)
            self._index.check(self._pieces)
        bounds = self._index.bounds[first : end + 1]
        offset, size = int(bounds[0]), int(bounds[-1] - bounds[0])
        lengths = np.diff(bounds) - FRAME_OVERHEAD
        if lengths.max() > DEFAULT_MAX_RECORD_BYTES:
            return None
        buffer = np.empty(size + SLACK_BYTES, np.uint8)
        view = buffer.data[:size]
        if hasattr(os, "preadv"):
            done = os.preadv(self._pieces.raw.fileno(), [view], offset)
        else:
            data = self._pieces.read_at(size, offset)
            done = len(data)
            view[:done] = data
        starts = bounds[:-1] - offset + HEADER_SIZE
        check = first_bad_record if self._verify else first_bad_length
        if done < size or check(buffer, starts, lengths) < len(starts):
            return None
        return RecordBlock(buffer, starts, lengths)

    def close(self) -> None:
        """Close the file."""
        for file in (self._picks, self._pieces):
            if file is not None:
                file.close()


def _damage(index: RecordIndex, error: TFRecordError) -> Damage:
    """Return what is left out: a record alone, its gzip member, or all to the file's end."""
    record, begin = error.record, error.offset
    assert record is not None
    assert begin is not None
    members = index.members
    if error.kind == "truncated":
        end = int((index.bounds if members is None else members.raw_offsets)[-1])
    elif members is None:
        end = int(index.bounds[record + 1])
    elif error.kind == "too_large":
        end = begin + (error.actual or 0) + FRAME_OVERHEAD
    elif error.kind == "data":
        with RecordFile(index.path, index=index, verify=False) as unverified:
            end = begin + int(unverified.read_block([record]).lengths[0]) + FRAME_OVERHEAD
    else:
        member = int(np.searchsorted(members.first_records, record, "right")) - 1
        begin, end = members.raw_offsets[member : member + 2].tolist()
        record = int(members.first_records[member])
    return Damage(index.path, begin, end, record, error.kind, error.reason)
