"""The records of files, block after block, as all jobs read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tfrecord_lite.files.names import ShardNames, remove_empty
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.framing import FRAME_OVERHEAD, HEADER_SIZE, RecordBlock
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array, Uint8Array
    from tfrecord_lite.records.reader import RecordReader

__all__ = ["Watched", "each_block", "no_new_folders", "picked"]

# Called with a file's name and how many of its bytes, as it lies on the disk, were read.
Progress: TypeAlias = Callable[[str, int], object] | None


def each_block(
    records: RecordSet, progress: Progress = None, *, block_bytes: int | None = None
) -> Iterator[RecordBlock]:
    """Yield the records of a set; a block's memory is used again once the next one is asked for.

    Blocks have about ``block_bytes`` bytes. What is written of them anew keeps its checksums, where
    these are verified: so no error of memory in between gets a checksum that fits.
    Raises `TFRecordError` where a file holds more records than its manifest says, or fewer, unless
    damage is left out.
    """
    for number, said in enumerate(records.counts):
        count = 0
        with records.reader(number) as reader:
            if block_bytes is not None:
                reader.block_bytes = block_bytes
            for block in reader.blocks():
                block.has_frames = block.has_space and records.options["verify"] is True
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
    """Return these records of a block, in this order, in a new buffer.

    They have their frames there, where the block has them, and else space for these.
    """
    starts, lengths = block.starts[rows], block.lengths[rows]
    sizes = lengths + FRAME_OVERHEAD
    ends = np.cumsum(sizes)
    begins = ends - lengths
    buffer = np.empty(int(ends[-1]) + FRAME_OVERHEAD if len(rows) else 0, np.uint8)
    if block.has_frames:
        _copy(block.buffer, starts - HEADER_SIZE, buffer, begins - HEADER_SIZE, sizes)
    else:
        _copy(block.buffer, starts, buffer, begins, lengths)
    some = RecordBlock(buffer, begins, lengths, path=block.path)
    some.has_space, some.has_frames = True, block.has_frames
    return some


def _copy(
    source: Uint8Array, starts: Int64Array, target: Uint8Array, begins: Int64Array, lengths: Any
) -> None:
    """Copy some bytes of each length from here to there, those of one length at once."""
    # Slices of these cost half of an array's.
    here, there = source.data, target.data
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order], prepend=-1, append=-1)).tolist()
    for begin, end in pairwise(edges):
        some = order[begin:end]
        length = int(lengths[some[0]])
        is_short = length < thresholds.sliced_record_bytes
        at_once = thresholds.copied_together if is_short else thresholds.large_copied_together
        if end - begin >= at_once:
            if length:
                values, copies = (
                    np.ndarray((len(buffer) - length + 1,), f"V{length}", buffer, strides=(1,))
                    for buffer in (source, target)
                )
                copies[begins[some]] = values[starts[some]]
            continue
        for start, at in zip(starts[some].tolist(), begins[some].tolist(), strict=True):
            there[at : at + length] = here[start : start + length]


@contextmanager
def no_new_folders(names: ShardNames) -> Iterator[None]:
    """Remove the folders of a set that were not there before, where something is raised."""
    new = names.new_folders()
    try:
        yield
    except BaseException:
        remove_empty(new)
        raise
