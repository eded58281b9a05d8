"""Reading records of many files by their numbers."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk, Request
from tfrecord_lite.errors import (
    CompressionError,
    CorruptRecordError,
    Damage,
    RecordTooLargeError,
    TFRecordError,
    TruncatedRecordError,
)
from tfrecord_lite.files.record_file import RecordFile
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.files.index import RecordIndex

__all__ = ["Picker"]

# What may be left out; a file that is not the one indexed may not.
_DAMAGE = (CorruptRecordError, TruncatedRecordError, RecordTooLargeError, CompressionError)


class Picker:
    """Reads any records of a set that has indexes. Not for use by several threads at once."""

    def __init__(self, records: EpochRecords) -> None:
        self._records = records

    def pick(self, run: Request) -> Chunk:
        """Read the records of a run, up to the first that cannot be read."""
        try:
            return Chunk(self._block(run.numbers), *run, [])
        except (OSError, TFRecordError):
            return self._pick_what_can_be(*run)

    def _block(self, numbers: Int64Array) -> RecordBlock:
        """Return records in the order of ``numbers``, in one buffer."""
        block = self._records.set.read_block(numbers)
        # What stands in a chunk knows nothing of files; its numbers tell.
        return RecordBlock(block.buffer, block.starts, block.lengths)

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
            damages[_damage(self._records.set.index(file), fault)] = None
        kept = [row for row, record in enumerate(records) if record is not None]
        block = RecordBlock.from_records([record for record in records if record is not None])
        return Chunk(block, numbers[kept], steps[kept], list(damages), failure)

    def close(self) -> None:
        """Close the files that are open."""
        self._records.set.release()


def _damage(index: RecordIndex, error: TFRecordError) -> Damage:
    """Return what is left out: a record alone, its gzip member, or all to the file's end."""
    record, begin = error.record, error.offset
    assert record is not None
    assert begin is not None
    members = index.members
    if error.kind == "truncated":
        end = index.raw_bytes
    elif members is None:
        end = index.frames.frame(record)[1]
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
