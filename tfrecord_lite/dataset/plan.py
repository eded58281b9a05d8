"""What one rank reads in an epoch, in which order, and in which pieces."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.buffer import RecordBuffer
from tfrecord_lite.dataset.chunk import Request
from tfrecord_lite.dataset.memory import block_bytes
from tfrecord_lite.dataset.order import BufferShuffle, permutation, share
from tfrecord_lite.dataset.picker import Picker
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.chunk import Chunk
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.order import Even, Permutation

__all__ = ["Plan"]

# Each run of records from all over many files is so many times as long as the one before: few short
# ones, as they cost almost as much as long ones.
_GROWTH = 16


class Plan:
    """Which records of a `RecordSet` a rank reads, epoch by epoch.

    With ``shuffle`` True the order of all records is shuffled and then shared out; else they are
    shared out in their order, and a number is the size of each rank's buffer. ``parallel`` wants
    pieces that can be read independently of each other, where there can be such.
    """

    def __init__(
        self,
        records: EpochRecords,
        *,
        batch_size: int,
        shuffle: bool | int,
        seed: int,
        rank: int,
        world_size: int,
        even: Even,
        parallel: bool,
    ) -> None:
        self._records = records
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._even = even
        self._parallel = parallel
        if world_size > 1:
            # Nobody else can tell where a share begins.
            records.total()

    @cached_property
    def share(self) -> range:
        """The stretch of all records, in their order, that is this rank's."""
        return share(self._records.total(), self._rank, self._world_size, self._even)

    @property
    def steps(self) -> int:
        """How many records an epoch has; files that nobody has counted yet are read."""
        return len(self.share)

    @property
    def _length(self) -> int | None:
        """How many steps an epoch has; None where that is not known yet."""
        return len(self.share) if self._records.counted else None

    def chunks(self, epoch: int, first: int) -> Generator[Request | Chunk, None, None]:
        """Yield an epoch from the step ``first`` on: as runs to be read, or as it is read."""
        self._records.look_again()
        if self._shuffle is True:
            order = permutation(self._records.total(), self._seed, epoch)
            yield from self._requests(first, self.steps, order)
        elif self._shuffle:
            yield from self._buffered(epoch, first)
        elif self._parallel and self._records.indexed:
            yield from self._requests(first, self.steps)
        else:
            yield from self._in_order(first)

    def _numbers(self, steps: Int64Array) -> Int64Array:
        """Return the records at these steps, in their order; behind the last comes the first."""
        if not self._records.counted:
            return steps
        return (self.share.start + steps) % max(self._records.total(), 1)

    def _requests(
        self, first: int, end: int, order: Int64Array | Permutation | None = None
    ) -> Iterator[Request]:
        rows = max_rows = self._rows(scattered=order is not None)
        if order is not None and not self._records.compressed:
            max_rows = max(rows, self._scattered_rows())
        if max_rows > rows:
            rows = self._batch_size
        while first < end:
            steps = np.arange(first, min(first + rows, end))
            numbers = self._numbers(steps)
            yield Request(numbers if order is None else order[numbers], steps)
            first, rows = first + rows, min(rows * _GROWTH, max_rows)
            if rows > max_rows // 4:
                rows = max_rows

    def _scattered_rows(self) -> int:
        """Return how many records from all over many files should be read at once.

        Coming to a file costs as much as many records of it. Who waits for the first batch should
        not wait for so many; so runs begin with a batch, and grow to this.
        """
        mean = max(self._records.mean_bytes, 1)
        per_file = thresholds.picked_rows_per_file * len(self._records.files)
        batches = min(thresholds.picked_scattered_bytes // mean, per_file) // self._batch_size
        return int(batches) * self._batch_size

    def _rows(self, *, scattered: bool) -> int:
        """Return how many records are read at once: whole batches, if they are not too large."""
        mean = max(self._records.mean_bytes, 1)
        size = block_bytes(int(mean), self._batch_size)
        if scattered and self._records.compressed:
            size = thresholds.picked_gzip_batch_bytes
        batch_bytes = mean * self._batch_size
        if batch_bytes <= thresholds.picked_batch_bytes:
            return int(max(size // batch_bytes, 1)) * self._batch_size
        return int(max(thresholds.picked_batch_bytes // mean, 1))

    def _stream(self, first: int) -> Generator[Chunk, None, None]:
        """Read from the front of the files, from the step ``first`` on."""
        if not self._records.counted:
            yield from self._records.stream(first, None, first)
            return
        total, length = self._records.total(), self.steps
        if total == 0:
            # There may be damage to tell of all the same.
            yield from self._records.stream(0, 0)
            return
        start = self.share.start % total
        # At this step comes the first record of all, again.
        turn = total - start
        if first < min(turn, length):
            yield from self._records.stream(start + first, start + min(turn, length), first)
        first = max(first, turn)
        if first < length:
            yield from self._records.stream(first - turn, length - turn, first)

    def _buffered(self, epoch: int, first: int) -> Generator[Chunk, None, None]:
        shuffle = BufferShuffle(self._shuffle, self._seed, epoch, self._rank)
        if first:
            shuffle.advance(first, self.steps)
        buffer = RecordBuffer(shuffle, self._numbers)
        with closing(self._in_order(buffer.begin)) as chunks:
            for chunk in chunks:
                yield buffer.exchange(chunk)
        yield from buffer.rest(first, self._length)

    def _in_order(self, first: int) -> Generator[Chunk, None, None]:
        """Read from the step ``first`` on, in the quickest way there is."""
        if self._records.indexed and first < self.steps:
            end = self.steps
            if self._records.compressed:
                # Reading from the front is quicker, but the next front is that of the next file.
                file, record = self._records.place(int(self._numbers(np.array(first))))
                left = int(self._records.bases[file + 1] - self._records.bases[file]) - record
                end = min(first + left, end) if record else first
            with closing(Picker(self._records)) as picker:
                yield from map(picker.pick, self._requests(first, end))
            first = end
        yield from self._stream(first)
