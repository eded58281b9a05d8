"""A chunk of an epoch, decoded: what is done for it, here or in a worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tfrecord_lite.dataset.chunk import Chunk, Request
from tfrecord_lite.dataset.memory import keep_freed_memory
from tfrecord_lite.dataset.picker import Picker
from tfrecord_lite.dataset.table import BlockDecoder, Table
from tfrecord_lite.example.spans import error_at

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.schema import Schema
    from tfrecord_lite.errors import Damage

__all__ = ["ChunkReader", "DecodedChunk", "Task"]


class Task(NamedTuple):
    """A chunk of an epoch to be done: to be read and decoded, or to be decoded.

    ``batch`` tells a batch from all others of the epoch, where the records are one batch.
    """

    epoch: int
    records: Request | Chunk
    batch: tuple[int, ...] | None = None

    def __str__(self) -> str:
        steps = self.records.steps
        records = f"records {steps[0]} to {steps[-1]} in its order" if len(steps) else "no records"
        batch = "" if self.batch is None else f"batch {self.batch[-1]} of "
        return f"{batch}epoch {self.epoch}, {records}"


class DecodedChunk(NamedTuple):
    """A chunk of an epoch as a table; row i comes at step ``steps[i]``, int64 ``[rows]``.

    ``damages`` were left out before and between. An ``error`` is what stands after the rows.
    ``late`` has the features that come late, by name, with file and number of the first record.
    The rows of a ``whole`` one, where there are any, are one batch.
    """

    epoch: int
    table: Table | None
    steps: Int64Array
    damages: list[Damage]
    error: Exception | None
    late: dict[str, tuple[str | None, int]]
    whole: bool = False


class ChunkReader:
    """Makes parts of tasks. A pickled one opens the files again.

    `read` and `decode` may run in two threads.
    """

    def __init__(self, records: EpochRecords, schema: Schema) -> None:
        self._records = records
        self._schema = schema
        self._picker = Picker(records)
        self._decoder = BlockDecoder(schema)
        keep_freed_memory()

    def __call__(self, task: Task) -> DecodedChunk:
        """Read and decode."""
        return self.decode(self.read(task))

    def read(self, task: Task) -> Task:
        """Read the records, where that is not done."""
        if isinstance(task.records, Request):
            return task._replace(records=self._picker.pick(task.records))
        return task

    def decode(self, task: Task) -> DecodedChunk:
        """Decode records that were read, up to the first that does not fit the features."""
        epoch, chunk, _ = task
        assert isinstance(chunk, Chunk)
        table, unfit, rows = self._decoder.decode(chunk.block)
        late = {name: self._place(chunk, row) for name, row in rows.items()}
        whole = task.batch is not None
        if whole and (unfit is not None or chunk.error is not None):
            # Of a batch that is not whole nothing is returned.
            table = None
        if unfit is None:
            return DecodedChunk(epoch, table, chunk.steps, chunk.damages, chunk.error, late, whole)
        # The block may be of many files, in any order.
        row = (unfit.record or 0) - chunk.block.first_record
        place = self._records.block_of(int(chunk.numbers[row]))
        error = error_at(place, 0, unfit.reason)
        return DecodedChunk(epoch, table, chunk.steps[:row], chunk.damages, error, late, whole)

    def _place(self, chunk: Chunk, row: int) -> tuple[str | None, int]:
        """Return the file and the number in it of a record of a chunk."""
        if chunk.block.path is not None:
            # It was read from the front.
            return chunk.block.path, chunk.block.number(row)
        file, record = self._records.place(int(chunk.numbers[row]))
        return self._records.files[file], record

    def close(self) -> None:
        """Close the files that are open."""
        self._picker.close()

    def __reduce__(self) -> tuple[type[ChunkReader], tuple[object, ...]]:
        return ChunkReader, (self._records, self._schema)
