"""Reading records of many files by their numbers."""

from __future__ import annotations

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
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.access.index import RecordIndex
    from tfrecord_lite.dataset.epochs.record_set import RecordSet

__all__ = ["Picker"]

# What may be left out; a file that is not the one indexed may not.
_DAMAGE = (CorruptRecordError, TruncatedRecordError, RecordTooLargeError, CompressionError)
# Files that stay open are no more than a part of what the system lets a process open.
_PART_OF_LIMIT = 4


class Picker:
    """Reads any records of a `RecordSet` that has indexes. Not for use by several threads at once.

    Files stay open for the next call, but not too many of them.
    """

    def __init__(self, records: RecordSet) -> None:
        self._records = records
        self._open: OrderedDict[int, RecordFile] = OrderedDict()
        self._most = _most_open_files()

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
            return self._read(file, numbers - bases[file])
        buffers = []
        starts, lengths = np.empty_like(numbers), np.empty_like(numbers)
        size = 0
        for begin, end in pairwise(edges):
            rows = order[begin:end]
            file = int(which[rows[0]])
            block = self._read(file, numbers[rows] - bases[file])
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

    def _read(self, file: int, numbers: Int64Array) -> RecordBlock:
        """Return records of one file, by their numbers there."""
        block = self._file(file).read_block(numbers)
        # What stands in a chunk is of many files, and knows nothing of them.
        return RecordBlock(block.buffer, block.starts, block.lengths)

    def _file(self, number: int) -> RecordFile:
        file = self._open.pop(number, None)
        if file is None:
            most = self._most
            if self._records.compressed:
                most = min(most, limits.open_gzip_files)
            while len(self._open) >= most:
                self._open.popitem(last=False)[1].close()
            index, verify = self._records.indexes[number], self._records.verify
            file = RecordFile(index.path, index=index, verify=verify)
        self._open[number] = file
        return file

    def close(self) -> None:
        """Close the files that are open."""
        while self._open:
            self._open.popitem()[1].close()


def _most_open_files() -> int:
    """Return how many files may stay open: some systems let a process open 64 or 256 in all."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows, which has no such limit
        return limits.open_files
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return limits.open_files
    return max(min(limits.open_files, limit // _PART_OF_LIMIT), 1)


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
