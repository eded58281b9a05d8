"""The records of files, block after block, as all jobs read them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.framing import FRAME_OVERHEAD, RecordBlock
from tfrecord_lite.records.storage import name_of
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.reader import RecordReader

    # Called with a file's name and how many of its bytes, as it lies on the disk, were read.
    Progress: TypeAlias = Callable[[str, int], object] | None

__all__ = ["Watched", "each_block", "picked", "refuse_sources"]

_BETWEEN = bytes(FRAME_OVERHEAD)


def each_block(
    records: RecordSet, progress: Progress = None, *, block_bytes: int | None = None
) -> Iterator[RecordBlock]:
    """Yield the records of a set; a block's memory is used again once the next one is asked for.

    Blocks have about ``block_bytes`` bytes.
    Raises `TFRecordError` where a file holds more records than its manifest says, or fewer, unless
    damage is left out.
    """
    for number, said in enumerate(records.counts):
        count = 0
        with records.reader(number) as reader:
            if block_bytes is not None:
                reader.block_bytes = block_bytes
            for block in reader.blocks():
                yield block
                count += len(block)
                reader.recycle(block)
                if progress is not None:
                    progress(reader.path, reader.source_offset)
        if said not in (None, count) and not records.tolerant:
            raise records.wrong_count(number, said, f"{count} records")


class Watched(RecordSet):
    """A set of which it is told how far it is read, whoever reads it."""

    def __init__(self, records: RecordSet, progress: Progress) -> None:
        super().__init__(records)
        self._progress = progress

    def reader(self, number: int, **options: Any) -> RecordReader:
        """Return a reader of one of the files, that tells of each block."""
        reader = super().reader(number, **options)
        if self._progress is not None:
            next_block, progress = reader.next_block, self._progress

            def watched() -> RecordBlock | None:
                block = next_block()
                progress(reader.path, reader.source_offset)
                return block

            reader.next_block = watched  # type: ignore[method-assign]
        return reader


def picked(block: RecordBlock, rows: Int64Array) -> RecordBlock:
    """Return these records of a block, in this order, in a new buffer with room for frames."""
    starts, lengths = block.starts[rows], block.lengths[rows]
    size = int(lengths.sum())
    parts: list[Any]
    if size < thresholds.sliced_record_bytes * len(rows):
        parts = RecordBlock(block.buffer, starts, lengths).to_list()
    else:
        memory = block.buffer.data
        parts = [
            memory[start : start + length]
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
        ]
    buffer = np.frombuffer(bytearray(_BETWEEN).join([b"", *parts, b""]), np.uint8)
    ends = np.cumsum(lengths + FRAME_OVERHEAD)
    return RecordBlock(buffer, ends - lengths, lengths, path=block.path)


def refuse_sources(records: RecordSet, path: str) -> None:
    """Raise ValueError where a file to be written is one of those that are read."""
    if os.path.exists(path):
        for file in records.files:
            if isinstance(file, str) and os.path.exists(file) and os.path.samefile(file, path):
                raise ValueError(f"{name_of(file)}: this is a source; write to another name")
