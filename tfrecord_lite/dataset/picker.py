"""Reading records of many files by their numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk, Request
from tfrecord_lite.dataset.damaged_file import DamagedFile
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.files.open_files import kept_or_made
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
            block = self._records.set.read_block(run.numbers)
        except (OSError, TFRecordError):
            return self._pick_what_can_be(*run)
        # What stands in a chunk knows nothing of files; its numbers tell.
        return Chunk(RecordBlock(block.buffer, block.starts, block.lengths), *run, [])

    def _pick_what_can_be(self, numbers: Int64Array, steps: Int64Array) -> Chunk:
        """Read what can be read, and name what is in the way."""
        records: list[bytes | None] = [None] * len(numbers)
        told: dict[int, list[Damage]] = {}
        faults: dict[int, Exception] = {}
        bases = self._records.bases
        files = np.searchsorted(bases, numbers, "right") - 1
        for file in np.unique(files).tolist():
            rows = np.flatnonzero(files == file)
            rows = rows[rows < min(faults, default=len(numbers))]
            if not len(rows):
                continue
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
        end = min(faults, default=len(numbers))
        damages = dict.fromkeys(damage for row in sorted(told) if row < end for damage in told[row])
        there = [row for row in range(end) if records[row] is not None]
        block = RecordBlock.from_records([record for record in records[:end] if record is not None])
        return Chunk(block, numbers[there], steps[there], list(damages), faults.get(end))

    def _damaged_file(self, number: int) -> DamagedFile:
        """Return a file, in which something may be damaged; those asked for last stay open."""
        return kept_or_made(
            self._damaged,
            number,
            partial(DamagedFile, self._records.set),
            lambda _: _MAX_DAMAGED,
        )

    def close(self) -> None:
        """Close the files that are open."""
        self._records.set.close()
        while self._damaged:
            self._damaged.popitem()[1].close()
