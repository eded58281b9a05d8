"""What one rank reads in an epoch, in which order, and in which chunks."""

from __future__ import annotations

from contextlib import ExitStack, closing
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.buffer import RecordBuffer
from tfrecord_lite.dataset.chunk import Chunk, Request
from tfrecord_lite.dataset.interleave import Interleave
from tfrecord_lite.dataset.memory import block_bytes
from tfrecord_lite.dataset.order import (
    BufferShuffle,
    Dealt,
    Permutation,
    Stretch,
    around,
    file_order,
    permutation,
)
from tfrecord_lite.dataset.picker import Picker
from tfrecord_lite.dataset.whole_batches import Turns, whole_batches
from tfrecord_lite.thresholds import thresholds

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.epoch_records import EpochRecords
    from tfrecord_lite.dataset.settings import Settings

__all__ = ["Plan"]

# Each run of records from all over many files is so many times as long as the one before: few short
# ones, as they cost almost as much as long ones.
_GROWTH = 16


class Plan:
    """Which records of a `RecordSet` a rank reads, epoch by epoch.

    With ``shuffle`` True all ranks go through one order of all records, batch by batch; else each
    has consecutive ones, and a number is the size of its buffer, which ``interleave`` files at a
    time fill. ``parallel`` wants chunks that can be read independently of each other, where there
    can be such. ``by_batch`` wants a chunk for each batch, and none for a smaller one with
    ``drop_remainder``.
    """

    def __init__(
        self,
        records: EpochRecords,
        settings: Settings,
        *,
        parallel: bool,
        by_batch: bool = False,
    ) -> None:
        self._records = records
        self._settings = settings
        self._batch_size = settings.batch_size
        self._parallel = parallel
        self._by_batch = by_batch
        self._turns = Turns(0, 1, settings.batch_size)
        self._resumed = (0, 0)
        if settings.world_size > 1:
            # Nobody else can tell where a share begins.
            records.total()

    def in_turns(self, turn: int, turns: int) -> Plan:
        """Return this plan with every so many-th of its batches alone."""
        plan = copy(self)
        plan._turns = self._turns.within(turn, turns)  # noqa: SLF001 - a copy of our own
        # Where records are left out, nobody else can tell where batches begin.
        plan._by_batch |= turns > 1 and self._records.tolerant  # noqa: SLF001
        return plan

    def resumed(self, epoch: int, begin: int) -> Plan:
        """Return this plan where ``begin`` records of an epoch's order came with other ranks."""
        plan = copy(self)
        plan._resumed = epoch, begin  # noqa: SLF001
        return plan

    @cached_property
    def share(self) -> range:
        """The records, in their order, that are this rank's where each has consecutive ones."""
        return self._settings.share(self._records.total())

    def part(self, epoch: int = 0, *, rank: int | None = None) -> Stretch | Dealt:
        """Return what of an epoch is a rank's; files that nobody has counted yet are read."""
        total = self._records.total()
        if self._settings.shuffle is not True:
            return Stretch(total, self._settings.share(total, rank))
        begin = self.begin(epoch)
        return Dealt(
            total,
            self._settings.rank if rank is None else rank,
            self._settings.world_size,
            self._batch_size,
            self._settings.even,
            begin,
        )

    def begin(self, epoch: int) -> int:
        """Return how many records of an epoch's order came with other ranks."""
        resumed, begin = self._resumed
        return begin if epoch == resumed else 0

    def batch_key(self, epoch: int, steps: Int64Array) -> tuple[int, ...] | None:
        """Return what tells the batch that has these steps from all others of an epoch."""
        if not (self._by_batch and len(steps)):
            return None
        batch = int(steps[0]) // self._batch_size
        if self._settings.shuffle is not True:
            return self._settings.rank, batch
        return (
            self.begin(epoch) // self._batch_size
            + batch * self._settings.world_size
            + self._settings.rank,
        )

    @property
    def is_of_turns(self) -> bool:
        """Whether it has some of the batches alone."""
        return self._turns.turns > 1

    def batches(self) -> int:
        """Return how many batches a whole epoch has, if nothing is left out."""
        # Also where the first one is gone on with, of which other ranks had some.
        batches = self._settings.batches(len(self.resumed(0, 0).part()))
        return len(range(self._turns.turn, batches, self._turns.turns))

    def all_done(self, epoch: int, step: int) -> bool:
        """Tell whether no rank has a batch left that has returned as many as this one."""
        if self.is_of_turns or self._settings.batches(max(len(self.part(epoch)) - step, 0)):
            return False
        # Of all shares the last is the largest.
        most = self._settings.batches(len(self.part(epoch, rank=self._settings.world_size - 1)))
        return most * self._batch_size <= step + self._batch_size - 1

    def chunks(self, epoch: int, first: int) -> Generator[Request | Chunk, None, None]:
        """Yield an epoch from the step ``first`` on: as requests to be read, or as it is read."""
        self._records.look_again()
        requests: Iterator[Request] | None = None
        if self._settings.shuffle is True:
            part = self.part(epoch)
            order = permutation(part.count, self._settings.seed, epoch)
            requests = self._requests(first, part, order)
        elif self._parallel and self._records.indexed and not self._settings.shuffle:
            requests = self._requests(first, self.part())
        # Of a batch whose records may be left out there is no telling before they are read.
        picked = self._by_batch and self._records.tolerant
        if requests is not None and not picked:
            yield from requests
            return
        with ExitStack() as stack:
            chunks: Iterable[Chunk]
            if requests is not None:
                chunks = map(stack.enter_context(closing(Picker(self._records))).pick, requests)
            elif self._settings.shuffle:
                chunks = stack.enter_context(closing(self._buffered(epoch, first)))
            else:
                chunks = stack.enter_context(closing(self._in_order(first)))
            if self.is_of_turns:
                chunks = self._turns.of(chunks)
            if self._by_batch:
                chunks = whole_batches(
                    chunks,
                    self._batch_size,
                    aligned=self.is_of_turns,
                    drop_remainder=self._settings.drop_remainder,
                )
            yield from chunks

    def _requests(
        self,
        first: int,
        part: Stretch | Dealt,
        order: Int64Array | Permutation | None = None,
        end: int | None = None,
    ) -> Iterator[Request]:
        if end is None:
            end = len(part)
            if self._by_batch and self._settings.drop_remainder and not self._records.tolerant:
                end -= end % self._batch_size
        rows = max_rows = self._rows(scattered=order is not None)
        if order is not None and not self._records.compressed:
            max_rows = max(rows, self._scattered_rows())
        if self._by_batch:
            rows = max_rows = self._batch_size
        elif max_rows > rows:
            rows = self._batch_size
        while first < end:
            count = rows * self._turns.turns
            steps = self._turns.of_steps(np.arange(first, min(first + count, end)))
            if len(steps):
                numbers = part[steps]
                yield Request(numbers if order is None else order[numbers], steps)
            first, rows = first + count, min(rows * _GROWTH, max_rows)
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
        total = self._records.total()
        if total == 0:
            # There may be damage to tell of all the same.
            yield from self._records.stream(0, 0)
            return
        step = 0
        for part in around(self.share, total):
            late = max(first - step, 0)
            if late < len(part):
                yield from self._records.stream(part.start + late, part.stop, step + late)
            step += len(part)

    def _buffered(self, epoch: int, first: int) -> Generator[Chunk, None, None]:
        """Read some files at a time, in an order of the epoch, into a buffer and out of it."""
        shuffle = BufferShuffle(
            self._settings.shuffle, self._settings.seed, epoch, self._settings.rank
        )
        if first or self._records.counted:
            shuffle.advance(first, len(self.share))
            ranges = self._records.ranges(self.share)
        else:
            ranges = self._records.ranges()
        buffer = RecordBuffer(shuffle)
        order = file_order(len(ranges), self._settings.seed, epoch, self._settings.rank)
        read = Interleave(
            [ranges[number] for number in order],
            self._settings.interleave,
            self._settings.shuffle,
            self._records.read_range,
        )
        with closing(read.arrivals(buffer.begin)) as arrivals:
            for arrived in arrivals:
                yield buffer.exchange(arrived)
        yield from buffer.rest(first)

    def _in_order(self, first: int) -> Generator[Chunk, None, None]:
        """Read from the step ``first`` on, in the quickest way there is."""
        if self._records.indexed and first < len(part := self.part()):
            end = len(part)
            if self._records.compressed:
                # Reading from the front is quicker, but the next front is that of the next file.
                file, record = self._records.place(int(part[np.array(first)]))
                left = int(self._records.bases[file + 1] - self._records.bases[file]) - record
                end = min(first + left, end) if record else first
            with closing(Picker(self._records)) as picker:
                yield from map(picker.pick, self._requests(first, part, end=end))
            first = end
        yield from self._stream(first)
