"""The records in the buffer of a shuffle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecord_lite.dataset.chunk import Chunk
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.dataset.interleave import Arrivals
    from tfrecord_lite.dataset.order import BufferShuffle

__all__ = ["RecordBuffer"]


class RecordBuffer:
    """Gives chunks for arrivals: what arrives drives others out, as a `BufferShuffle` says.

    The numbers that are shuffled are the steps at which records arrive. Where the shuffle was
    advanced before, by numbers alone, they come from the step ``begin`` on: there is the first
    record that has not left yet.
    """

    def __init__(self, shuffle: BufferShuffle) -> None:
        self._shuffle = shuffle
        # By the step at which it arrived: a record and its number.
        self._records: dict[int, tuple[bytes, int]] = {}
        self._awaited = set(shuffle.held.tolist())
        self._step = shuffle.arrived - len(self._awaited)
        self._rows = 1
        self.begin = min(self._awaited, default=shuffle.arrived)

    def exchange(self, arrivals: Arrivals) -> Chunk:
        """Take in what arrives, and return the records that leave for it."""
        arrived, steps = self._shuffle.arrived, arrivals.steps
        rows = zip(arrivals.records, arrivals.numbers.tolist(), strict=True)
        arriving = zip(steps.tolist(), rows, strict=True)
        if len(steps) and steps[0] < arrived:
            self._records.update(
                (step, row) for step, row in arriving if step >= arrived or step in self._awaited
            )
        else:
            self._records.update(arriving)
        self._rows = max(self._rows, len(steps))
        leaving = self._leave(self._shuffle.push(max(arrivals.end - arrived, 0)))
        return leaving._replace(damages=arrivals.damages, error=arrivals.error)

    def rest(self, first: int) -> Iterator[Chunk]:
        """Return what is left, from the step ``first`` on, once all have arrived."""
        leaving = self._shuffle.finish()
        late = max(first - self._step, 0)
        self._step += late
        for begin in range(late, len(leaving), self._rows):
            yield self._leave(leaving[begin : begin + self._rows])

    def _leave(self, leaving: Int64Array) -> Chunk:
        rows = [self._records.pop(number, None) for number in leaving.tolist()]
        steps = np.arange(self._step, self._step + len(leaving))
        self._step += len(leaving)
        there = [row for row in rows if row is not None]
        if len(there) < len(rows):
            # Records that were left out as damaged have their turns all the same.
            steps = steps[[row is not None for row in rows]]
        records, numbers = zip(*there, strict=True) if there else ((), ())
        return Chunk(RecordBlock.from_records(records), np.array(numbers, np.int64), steps, [])
