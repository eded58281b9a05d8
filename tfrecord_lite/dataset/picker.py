"""Reading records of many files by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk, Request
from tfrecord_lite.dataset.damaged_file import DamagedFile
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.epoch_records import EpochRecords

__all__ = ["Picker"]

# So many damaged files stay open.
_MAX_DAMAGED = 8


class Picker:
    """Reads any records of a set that has indexes. Not for use by several threads at once."""

    def __init__(self, records: EpochRecords) -> None:
        self._records = records
        self._damaged: dict[int, DamagedFile] = {}

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
        told: dict[int, list[Damage]] = {}
        faults: dict[int, Exception] = {}
        if self._records.tolerant:
            self._look_for(numbers, records, told, faults)
        else:
            self._try(numbers, records, faults)
        failure: Exception | None = None
        if faults:
            row = min(faults)
            failure = faults[row]
            del records[row:]
        rows = [row for row in sorted(told) if row < len(records)]
        damages = dict.fromkeys(damage for row in rows for damage in told[row])
        kept = [row for row, record in enumerate(records) if record is not None]
        block = RecordBlock.from_records([record for record in records if record is not None])
        return Chunk(block, numbers[kept], steps[kept], list(damages), failure)

    def _try(
        self, numbers: Int64Array, records: list[bytes | None], faults: dict[int, Exception]
    ) -> None:
        """Fill in records by row, and what is wrong with the first that cannot be read."""
        parts, first = [np.argsort(numbers, kind="stable")], len(numbers)
        while parts:
            rows = parts.pop()
            rows = rows[rows < first]
            if not len(rows):
                continue
            try:
                found = self._block(numbers[rows]).to_list()
            except (OSError, TFRecordError) as error:
                half = len(rows) // 2
                if half:
                    # Where nothing can be read, that is known after the first row.
                    parts += sorted((rows[:half], rows[half:]), key=np.min, reverse=True)
                else:
                    first = int(rows[0])
                    faults[first] = error
            else:
                for row, record in zip(rows.tolist(), found, strict=True):
                    records[row] = record

    def _look_for(
        self,
        numbers: Int64Array,
        records: list[bytes | None],
        told: dict[int, list[Damage]],
        faults: dict[int, Exception],
    ) -> None:
        """Fill in records by row, the damage that is told with each, and what else is wrong."""
        bases = self._records.bases
        files = np.searchsorted(bases, numbers, "right") - 1
        for file in np.unique(files).tolist():
            rows = np.flatnonzero(files == file)
            try:
                found = self._damaged_file(file).find(numbers[rows] - bases[file])
            except (OSError, TFRecordError) as error:
                # It is not, or no longer, the file that was indexed.
                faults[int(rows[0])] = error
                continue
            for row, kept in zip(rows.tolist(), found.kept, strict=True):
                records[row] = None if kept is None else kept.record
            told |= {int(rows[row]): damages for row, damages in found.damages.items()}
            faults |= {int(rows[row]): fault for row, fault in found.faults.items()}

    def _damaged_file(self, number: int) -> DamagedFile:
        """Return a file, in which something may be damaged; those asked for last stay open."""
        file = self._damaged.pop(number, None)
        if file is None:
            file = DamagedFile(self._records.set, number)
        self._damaged[number] = file
        while len(self._damaged) > _MAX_DAMAGED:
            self._damaged.pop(next(iter(self._damaged))).close()
        return file

    def close(self) -> None:
        """Close the files that are open."""
        self._records.set.close()
        while self._damaged:
            self._damaged.popitem()[1].close()
