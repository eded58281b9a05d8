"""Files read from the front and decoded, block by block: what `read_batches` makes batches of."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfrecord_lite.dataset.chunk_reader import DecodedChunk
from tfrecord_lite.dataset.memory import block_bytes
from tfrecord_lite.dataset.schema import LateFeatures, Schema
from tfrecord_lite.dataset.table import BlockDecoder
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.parallel.cores import usable_cores
from tfrecord_lite.parallel.read_ahead import closing_idle, read_ahead
from tfrecord_lite.thresholds import limits, thresholds

if TYPE_CHECKING:
    from collections.abc import Generator

    from tfrecord_lite._types import OnDamage
    from tfrecord_lite.dataset.batcher import Cursor
    from tfrecord_lite.example.columns import ColumnMaker
    from tfrecord_lite.example.sequence_columns import SequenceMakers
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["FileChunks"]

_NO_ROWS = np.empty(0, np.int64)


class _Mark(NamedTuple):
    """A place to begin reading at: ``rows`` come before it, of all files."""

    rows: int
    file: int
    offset: int
    record: int


class _ReadBlock(NamedTuple):
    """A block, its reader, how many rows come before it, and the damage before it."""

    block: RecordBlock
    reader: RecordReader
    row: int
    damages: list[Damage]


class FileChunks:
    """The rows of files as one epoch; a step is a row.

    What it is called with may be any step from that of the ``cursor`` on: where to begin reading
    for it has been noted on the way. ``column`` makes other columns than ours, as in
    `decode_block`; they may share memory with the blocks where these are kept.
    """

    def __init__(
        self,
        records: RecordSet,
        schema: Schema,
        cursor: Cursor,
        *,
        batch_size: int,
        column: ColumnMaker | SequenceMakers | None = None,
        keep_blocks: bool = False,
    ) -> None:
        self._records = records
        self._schema = schema
        self._late = LateFeatures(schema)
        self._cursor = cursor
        self._batch_size = batch_size
        self._column = column
        self._keep_blocks = keep_blocks
        self._marks = deque([_Mark(0, 0, 0, 0)])

    def __call__(self, epoch: int, step: int, _: int) -> Generator[DecodedChunk, None, None]:
        """Read and decode from a row on; what is worth a thread is read ahead."""
        damages: list[Damage] = []
        decoder = BlockDecoder(self._schema, self._column)
        blocks = self._blocks(step, damages)
        ahead = read_ahead(blocks, _is_worth_a_thread)
        with closing_idle(blocks), closing(ahead):
            try:
                for block, reader, row, before in ahead:
                    self._schema.require_features(block)
                    table, error, late = decoder.decode(block)
                    self._late.warn_of(block, late)
                    rows = 0 if table is None else table.rows
                    yield DecodedChunk(epoch, table, np.arange(row, row + rows), before, error, {})
                    if not self._keep_blocks:
                        reader.recycle(block)
            except (OSError, TFRecordError) as error:
                yield DecodedChunk(epoch, None, _NO_ROWS, damages, error, {})
            else:
                yield DecodedChunk(epoch, None, _NO_ROWS, damages, None, {})

    def _blocks(self, step: int, damages: list[Damage]) -> Generator[_ReadBlock, None, None]:
        """Read from a row on; damage after the last read is left in the list."""
        # Damage before a row is met again, in case that nobody heard of it yet.
        begin = [mark for mark in self._marks if mark.rows < step or mark is self._marks[0]][-1]
        on_damage: OnDamage = damages.append if self._records.tolerant else "raise"
        row, wanted = begin.rows, limits.read_block_bytes
        for number in range(begin.file, len(self._records.files)):
            with self._records.reader(number, on_damage=on_damage) as reader:
                if number == begin.file and begin.offset:
                    reader.go_to(begin.offset, begin.record)
                reader.block_bytes = wanted
                for block in reader.blocks():
                    if reader.can_go_to:
                        self._note(_Mark(row, number, block.offset(0), block.first_record))
                    mean = int(block.lengths.sum()) // len(block)
                    wanted = reader.block_bytes = block_bytes(mean, self._batch_size)
                    late = min(max(step - row, 0), len(block))
                    if late < len(block):
                        before = damages.copy()
                        damages.clear()
                        yield _ReadBlock(
                            block[late:] if late else block, reader, row + late, before
                        )
                    row += len(block)
            self._note(_Mark(row, number + 1, 0, 0))

    def _note(self, mark: _Mark) -> None:
        if mark > self._marks[-1]:
            self._marks.append(mark)
        while len(self._marks) > 1 and self._marks[1].rows < self._cursor.position.step:
            self._marks.popleft()


def _is_worth_a_thread(read: _ReadBlock) -> bool:
    """Tell whether reading on like this leaves the interpreter free for long enough.

    Inflating does, and so do reading and checking long records. With short ones in a thread of its
    own, the two wait for each other, and all takes longer. What cannot be read again may keep a
    reader waiting, which an interrupt should end.
    """
    block, reader, *_ = read
    if reader.compression is not None:
        return True
    mean = int(block.lengths.mean())
    return mean >= thresholds.ahead_record_bytes and reader.can_go_to and usable_cores() > 1
